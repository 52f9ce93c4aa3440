"""The report in short, for machines: a title, a markdown text, small tables and the figures' captions."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gliaflow.report import calls, cohort, folds, leakage, measures, provenance, rejects, scores
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
        measures.metric_table(data),
        calls.call_table(data),
        leakage.leakage_table(data.leakage),
        split_or_folds(data),
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


def split_or_folds(data: ReportData) -> Table:
    """The table of the parts or, in a cross-validation, of the folds."""
    return cohort.split_table(data) if data.folds is None else folds.fold_table(data)


def _markdown(data: ReportData) -> str:
    """Headline, answers at a glance, cautions, metrics, calls, leakage, cohort and split; the rest is in the report."""
    known = [calls.call_summary(data), leakage.in_words(data.leakage)]
    paragraphs = [
        f"# Segmentation report: {markdown_text(data.source)}",
        f"**{markdown_text(scores.verdict(data))}** Protocol “{markdown_text(data.protocol)}”.",
        f"*{NOTICE}*",
        "\n".join(f"- **{question}**: {markdown_text(answer)}" for question, answer in scores.glance(data)),
        *(f"> **Caution.** {markdown_text(caution)}" for caution in scores.cautions(data)),
        "## Metrics",
        _metric_lines(measures.metric_table(data)),
        *(markdown_text(words) for words in known if words),
        "## Data",
        "\n".join(f"- **{term}**: {markdown_text(text)}" for term, text in cohort.facts(data)),
        markdown_text(rejects.reject_summary(data.rejected, data.files_seen)),
        "## Split" if data.folds is None else "## Folds",
        split_or_folds(data).markdown(),
    ]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph) + "\n"


def _metric_lines(table: Table) -> str:
    """The metrics as markdown: value on test, interval, n and, where there is one, the value on val."""
    validated = any(column.name == "val" for column in table.columns)
    heads = ["Metric", next(column.label for column in table.columns if column.name == "test"), "95 % interval", "n"]
    heads += ["Validation"] if validated else []
    lines = ["| " + " | ".join(heads) + " |", "|---|---:|---|---:|" + ("---:|" if validated else "")]
    for row in table.rows:
        n = write(row["n"], "count")
        unit = f" {row['unit']}" if n != MISSING and row["unit"] else ""
        cells = [row["metric"], row["test_text"], row["interval"], n + unit]
        cells += [row["val_text"]] if validated else []
        lines.append("| " + " | ".join(markdown_text(cell) for cell in cells) + " |")
    return "\n".join(lines)
