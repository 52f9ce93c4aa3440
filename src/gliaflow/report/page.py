"""The report as files: a page that stands by itself, its figures as PNG, and a summary for machines."""

import json
from pathlib import Path
from typing import Any

from markupsafe import Markup

from gliaflow.report import (
    calibration,
    calls,
    cohort,
    familiarity,
    folds,
    leakage,
    measures,
    provenance,
    rejects,
    scores,
)
from gliaflow.report.curves import best_epoch
from gliaflow.report.data import ReportData
from gliaflow.report.figures import Chart, draw_charts
from gliaflow.report.frame import digest, open_templates, render_style
from gliaflow.report.gallery import PictureSet, draw_gallery
from gliaflow.report.summary import FigureFile, summarise
from gliaflow.report.tables import interval, write


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
    environment = open_templates({"write": write, "bind": bind})
    environment.globals.update(interval=interval)
    script = environment.get_template("sort.js").render()
    return environment.get_template("page.html.j2").render(
        data=data,
        charts=charts,
        gallery=gallery,
        script=Markup(script),
        script_digest=digest(script),
        **render_style(environment),
        **_contents(data, charts),
    )


def _contents(data: ReportData, charts: dict[str, Chart]) -> dict[str, Any]:
    """The words and tables of the page, by the names that the template uses."""
    sections = _sections(data, charts)
    return {
        "sections": sections,
        "anchors": {anchor for anchor, _ in sections},
        "operating_words": scores.operating_words(data),
        "headline": scores.headline(data),
        "verdict": scores.verdict(data),
        "cautions": scores.cautions(data),
        "protocol_meaning": scores.PROTOCOLS.get(data.protocol, "a protocol unknown to this report"),
        "glance": scores.glance(data),
        "metric_table": measures.metric_table(data),
        "metric_groups": measures.grouped(measures.metric_table(data)),
        "idle_accuracy": measures.idle_accuracy(data.predictions),
        "call_table": calls.call_table(data),
        "call_summary": calls.call_summary(data),
        "detection_facts": calls.detection_facts(data.detection),
        "reliability_tables": [calibration.curve_table(data, unit) for unit in calibration.UNITS],
        "familiarity_words": familiarity.in_words(data.familiarity),
        "trial_table": familiarity.trial_table(data.tried, data.familiarity),
        "leakage_table": leakage.leakage_table(data.leakage),
        "leakage_words": leakage.in_words(data.leakage),
        "fold_table": None if data.folds is None else folds.fold_table(data),
        "facts": cohort.facts(data),
        "reject_summary": rejects.reject_summary(data.rejected, data.files_seen),
        "reject_table": rejects.reject_table(data.rejected),
        "reject_list": rejects.reject_list(data.rejected),
        "split_table": cohort.split_table(data),
        "leak_table": cohort.leak_table(data.leaks),
        "best_epoch": best_epoch(data.history, data.recipe) if data.folds is None else None,
        "recipe_table": provenance.recipe_table(data.recipe),
        "patient_tables": [table for part in ("test", "val") if (table := scores.patient_table(data, part)).rows],
        "slice_errors": scores.slice_errors(data.predictions),
        "stage_table": provenance.stage_table(data.stages),
        "stage_details": provenance.stage_details(data.stages),
    }


def _sections(data: ReportData, charts: dict[str, Chart]) -> list[tuple[str, str]]:
    """The page's sections as (anchor, name), without those whose data are missing."""
    sure = data.familiarity or not {
        "slices-by-call",
        "roc-curve",
        "reliability-slices",
        "reliability-pixels",
    }.isdisjoint(charts)
    named = [
        ("results", "Results"),
        ("calibration", "How sure") if sure else None,
        ("leakage", "Leakage") if data.leakage else None,
        ("data", "Data"),
        ("split", "Split" if data.folds is None else "Folds"),
        ("samples", "Samples"),
        ("training", "Training"),
        ("predictions", "Predictions"),
        ("patients", "Patients"),
        ("failures", "Failures"),
        ("provenance", "Provenance"),
    ]
    return [section for section in named if section]


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
    "slices-by-call", "roc-curve", "reliability-slices", "reliability-pixels", "leakage-gap", "class-balance",
    "slices-by-site", "dice-by-fold", "samples", "learning-curve-loss", "learning-curve-dice", "threshold-curve",
    "prediction-grid", "dice-by-patient", "dice-by-size", "median-patients", "worst-patients", "false-tumors",
)  # fmt: skip


def bind(text: str) -> str:
    """The text with its per cents bound to their numbers, so that no line breaks between."""
    return text.replace(" %", "\u00a0%")
