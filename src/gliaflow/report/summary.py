"""The report in short, for machines: a title, a markdown text, small tables and the figures' captions."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gliaflow.report import cohort, provenance, rejects, scores
from gliaflow.report.data import ReportData
from gliaflow.report.tables import MISSING, Table, markdown_text, write

MOST_ROWS = 50
NOTICE = "Research use only: not a medical device, not for diagnosis or treatment."


@dataclass(frozen=True)
class FigureFile:
    """A figure that was written: `file` is relative to the report's folder."""

    key: str
    file: str
    caption: str


def summarise(data: ReportData, figures: Sequence[FigureFile]) -> dict[str, Any]:
    """`title`, `markdown`, `tables` (key -> rows) and `figures`, ready for JSON; keys: lower-case letters, dashes."""
    tables = [
        scores.metric_table(data),
        cohort.split_table(data),
        scores.patient_table(data, "test"),
        rejects.reject_table(data.rejected),
        cohort.leak_table(data.leaks),
        provenance.stage_table(data.stages),
    ]
    return {
        "title": f"Segmentation report: {data.source}",
        "markdown": _markdown(data),
        "tables": {table.key: table.plain()[:MOST_ROWS] for table in tables if table.rows},
        "figures": [asdict(figure) for figure in figures],
    }


def _markdown(data: ReportData) -> str:
    """Headline, cautions, metrics, split and cohort; what follows is in the report."""
    paragraphs = [
        f"# Segmentation report: {markdown_text(data.source)}",
        f"**{markdown_text(scores.verdict(data))}** Protocol “{markdown_text(data.protocol)}”.",
        f"*{NOTICE}*",
        *(f"> **Caution.** {markdown_text(caution)}" for caution in scores.cautions(data)),
        "## Metrics",
        _metric_lines(scores.metric_table(data)),
        "## Data",
        "\n".join(f"- **{term}**: {markdown_text(text)}" for term, text in cohort.facts(data)),
        markdown_text(rejects.reject_summary(data.rejected, data.files_seen)),
        "## Split",
        cohort.split_table(data).markdown(),
    ]
    return "\n\n".join(paragraphs) + "\n"


def _metric_lines(table: Table) -> str:
    lines = ["| Metric | Test | 95 % interval | n | Validation |", "|---|---:|---|---:|---:|"]
    for row in table.rows:
        n = (
            f"{write(row['n'], 'count')} {row['unit']}"
            if write(row["n"]) != MISSING and row["unit"]
            else write(row["n"], "count")
        )
        cells = [row["metric"], write(row["test"], "score"), row["interval"], n, write(row["val"], "score")]
        lines.append("| " + " | ".join(markdown_text(cell) for cell in cells) + " |")
    return "\n".join(lines)
