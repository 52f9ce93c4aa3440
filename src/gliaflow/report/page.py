"""The report as files: a page that stands by itself, its figures as PNG, and a summary for machines."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gliaflow.inference.overlays import PREDICTED_COLOR, TRUE_COLOR
from gliaflow.report import cohort, provenance, rejects, scores
from gliaflow.report.curves import best_epoch
from gliaflow.report.data import ReportData
from gliaflow.report.figures import Chart, draw_charts
from gliaflow.report.gallery import PictureSet, draw_gallery
from gliaflow.report.summary import FigureFile, summarise
from gliaflow.report.tables import interval, write
from gliaflow.report.themes import DARK, LIGHT


def write_report(folder: Path, data: ReportData) -> Path:
    """Write `report.html`, `figures/*.png` and `summary.json` into `folder` (made if absent); returns the page's path.

    The page needs nothing but itself: pictures are data: addresses, style and the few lines of script are inline.
    Equal data give equal bytes of every file.
    """
    charts, gallery = draw_charts(data), draw_gallery(data)
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    files = _write_figures(folder, charts, gallery)
    summary = json.dumps(summarise(data, files), indent=1, ensure_ascii=False, allow_nan=False)
    (folder / "summary.json").write_text(summary + "\n", encoding="utf-8")
    page = folder / "report.html"
    page.write_text(render_page(data, charts, gallery), encoding="utf-8")
    return page


def render_page(data: ReportData, charts: dict[str, Chart], gallery: dict[str, PictureSet]) -> str:
    """The page as HTML; every text of the data is escaped."""
    environment = Environment(
        loader=PackageLoader("gliaflow.report", "template"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(write=write)
    environment.globals.update(interval=interval)
    style = environment.get_template("style.css.j2").render(
        light=LIGHT, dark=DARK, outlines=(TRUE_COLOR, PREDICTED_COLOR)
    )
    script = environment.get_template("sort.js").render()
    return environment.get_template("page.html.j2").render(
        data=data,
        charts=charts,
        gallery=gallery,
        style=Markup(style),
        script=Markup(script),
        style_digest=_digest(style),
        script_digest=_digest(script),
        **_contents(data),
    )


def _contents(data: ReportData) -> dict[str, Any]:
    """The words and tables of the page, by the names that the template uses."""
    return {
        "headline": scores.headline(data),
        "verdict": scores.verdict(data),
        "cautions": scores.cautions(data),
        "protocol_meaning": scores.PROTOCOLS.get(data.protocol, "a protocol unknown to this report"),
        "metric_table": scores.metric_table(data),
        "idle_accuracy": scores.idle_accuracy(data.predictions),
        "facts": cohort.facts(data),
        "reject_summary": rejects.reject_summary(data.rejected, data.files_seen),
        "reject_table": rejects.reject_table(data.rejected),
        "reject_list": rejects.reject_list(data.rejected),
        "split_table": cohort.split_table(data),
        "leak_table": cohort.leak_table(data.leaks),
        "best_epoch": best_epoch(data.history, data.recipe),
        "recipe_table": provenance.recipe_table(data.recipe),
        "patient_tables": [table for part in ("test", "val") if (table := scores.patient_table(data, part)).rows],
        "slice_errors": scores.slice_errors(data.predictions),
        "stage_table": provenance.stage_table(data.stages),
        "stage_details": provenance.stage_details(data.stages),
    }


def _write_figures(folder: Path, charts: dict[str, Chart], gallery: dict[str, PictureSet]) -> list[FigureFile]:
    """Write the figures as PNG and return what was written, in the page's order."""
    contents = {key: (chart.light, chart.caption) for key, chart in charts.items()}
    contents |= {key: (pictures.png, pictures.caption) for key, pictures in gallery.items() if pictures.strips}
    files = []
    for key in sorted(contents, key=ORDER.index):
        content, caption = contents[key]
        (folder / "figures" / f"{key}.png").write_bytes(content)
        files.append(FigureFile(key, f"figures/{key}.png", caption))
    return files


ORDER = (
    "class-balance", "slices-by-site", "samples", "learning-curve-loss", "learning-curve-dice", "threshold-curve",
    "prediction-grid", "dice-by-patient", "dice-by-size", "worst-patients", "false-tumors",
)  # fmt: skip


def _digest(text: str) -> str:
    """What the page's content security policy names an inline style or script by."""
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
