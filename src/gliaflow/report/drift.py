"""The page of a watched folder: who came, and whether they are still like the patients that the model comes from."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from gliaflow.evaluation.drift import CHANCE, FEWEST
from gliaflow.inference.profile import MEASURES
from gliaflow.report.arrivals import draw_arrivals
from gliaflow.report.figures import Chart, draw_chart
from gliaflow.report.frame import open_templates, render_style
from gliaflow.report.summary import NOTICE, FigureFile
from gliaflow.report.tables import Column, Table, join, markdown_text, plural, rows_of, write

MOST_ROWS = 100  # patients in the table of those that came last
LIMITS = (
    "Drift says that patients differ, not that the model is worse on them: that takes masks. Every look is a chance of "
    "its own to call drift where there is none, and small drifts need many patients to be seen."
)


@dataclass(frozen=True, eq=False)
class DriftData:
    """What the page is made from.

    model      : the current one, and `recent` how many of the last patients that it met are held against its own
    arrivals   : a row a patient that came, in order: its profile, `model` and `when`
    references : each model's own patients (its fingerprint)
    drift      : a row a measure
    """

    source: str
    model: str
    recent: int
    arrivals: pd.DataFrame
    references: Mapping[str, pd.DataFrame]
    drift: pd.DataFrame


def write_drift(folder: Path, data: DriftData) -> None:
    """Write `report.html`, `figures/*.png` and `summary.json`."""
    charts = draw_measures(data)
    (folder / "report.html").write_text(render_drift(data, charts), encoding="utf-8")
    (folder / "figures").mkdir()
    files = []
    for chart in charts:
        file = FigureFile(chart.key, f"figures/{chart.key}.png", chart.caption)
        (folder / file.file).write_bytes(chart.light)
        files.append(asdict(file))
    summary = {
        "title": f"Drift: {data.source}",
        "markdown": _markdown(data),
        "tables": {table.key: table.plain() for table in (drift_table(data), arrival_table(data))},
        "figures": files,
    }
    (folder / "summary.json").write_text(json.dumps(summary, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def render_drift(data: DriftData, charts: list[Chart]) -> str:
    """The page as HTML: it needs nothing but itself, and every text of the data is escaped."""
    environment = open_templates({"write": write})
    return environment.get_template("drift.html.j2").render(
        source=data.source,
        verdict=verdict_of(data),
        course=course(data),
        limits=LIMITS,
        charts=charts,
        drift=drift_table(data),
        arrivals=arrival_table(data),
        **render_style(environment),
    )


def verdict_of(data: DriftData) -> str:
    """In a sentence, whether those that came last are like the model's own patients."""
    met = data.arrivals[data.arrivals["model"] == data.model].tail(data.recent)
    if len(met) < FEWEST:
        return f"{data.model} has met {plural(len(met), 'patient')}: of fewer than {FEWEST} nothing is told."
    tested = data.drift["p"].notna()
    told = f"the last {plural(len(met), 'patient')} that {data.model} met"
    if not tested.any():
        return f"Of {told} nothing is told: it has fewer than {FEWEST} patients of its own to hold them against."
    untested = f" Too few to tell: {_names(data.drift[~tested])}." if not tested.all() else ""
    if not data.drift["drifted"].any():
        return f"No drift is to be seen in {told}.{untested}"
    return f"Drift in {told}: {_names(data.drift[data.drift['drifted']])}.{untested}"


def _names(rows: pd.DataFrame) -> str:
    """The measures of these rows in words."""
    names = [MEASURES[str(measure)][0] for measure in rows["measure"]]
    return join(name if name.startswith("FLAIR") else name[0].lower() + name[1:] for name in names)


def course(data: DriftData) -> str:
    """How many came, since when, and how many of them are unlike the training data."""
    unlike = int((data.arrivals["warnings"] != "").sum())
    first, last = data.arrivals["when"].iloc[0][:10], data.arrivals["when"].iloc[-1][:10]
    when = f"on {first}" if first == last else f"from {first} to {last}"
    said = (
        f"{unlike or 'none'} of them {'is' if unlike < 2 else 'are'} unlike the training data of the model that met it"
    )
    return f"{plural(len(data.arrivals), 'patient')} came {when}; {said}."


def drift_table(data: DriftData) -> Table:
    """One row a measure: the model's own patients beside the last that it met."""
    rows = []
    for row in rows_of(data.drift):
        name, about = MEASURES[row["measure"]]
        told = row["p"] is not None and row["p"] == row["p"]
        rows.append(
            {
                **row,
                "name": name,
                "about": about,
                "said": ("drifted" if row["drifted"] else "no drift seen") if told else "too few to tell",
            }
        )
    columns = [
        Column("name", "Measure"),
        Column("reference_low", "Own, 5 %", "number"),
        Column("reference_median", "Own, median", "number"),
        Column("reference_high", "Own, 95 %", "number"),
        Column("reference_patients", "n", "count"),
        Column("recent_median", "Last, median", "number"),
        Column("recent_patients", "n", "count"),
        Column("above", "Higher", "share"),
        Column("adjusted", "p", "number"),
        Column("said", ""),
        Column("about", "What it is"),
    ]
    for row in rows:
        for name in ("reference_low", "reference_median", "reference_high", "recent_median", "adjusted"):
            row[name] = float(f"{row[name]:.3g}")
    caption = (
        f"The patients that {data.model} comes from, and the last {data.recent} that it met. Higher: how often one of "
        "the last has more than one of its own (50 % is no drift). p: Mann and Whitney's test, adjusted for the number "
        f"of measures; at most {CHANCE:g} is called drift."
    )
    return Table("drift", caption, columns, rows)


def arrival_table(data: DriftData) -> Table:
    """Those that came last, the very last first."""
    columns = [
        Column("patient", "Patient"),
        Column("when", "Came"),
        Column("model", "Model"),
        Column("slices", "Slices", "count"),
        Column("tumor_rate", "Tumour", "share"),
        Column("unsure_rate", "Unsure", "share"),
        Column("tumor_share", "Tumour share", "share"),
        Column("distance", "Unlikeness", "score"),
        Column("warnings", "Warning"),
    ]
    rows = [{**row, "when": row["when"][:16].replace("T", " ")} for row in rows_of(data.arrivals[::-1].head(MOST_ROWS))]
    return Table("arrivals", "Patients that came, the last one first.", columns, rows)


def draw_measures(data: DriftData) -> list[Chart]:
    """A chart a measure."""
    drawn = []
    for measure, (name, about) in MEASURES.items():
        draw = partial(draw_arrivals, data.arrivals, data.references, measure, name)
        values = data.arrivals[measure].dropna()
        span = f"from {values.min():.3g} to {values.max():.3g}" if len(values) else "none of them known"
        alt = f"Dot plot of {name.lower()} of {plural(len(data.arrivals), 'patient')}, {span}."
        drawn.append(draw_chart(measure.replace("_", "-"), f"{name}: {about}.", alt, draw))
    return drawn


def _markdown(data: DriftData) -> str:
    paragraphs = [
        f"# Watched folder: {markdown_text(data.source)}",
        f"**{markdown_text(verdict_of(data))}**",
        f"*{NOTICE}*",
        markdown_text(course(data)),
        drift_table(data).markdown(),
        f"> **Caution.** {LIMITS}",
    ]
    return "\n\n".join(paragraphs) + "\n"
