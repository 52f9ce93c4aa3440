"""The files that were left out: how many for each reason, the rule they broke and the remedy."""

from typing import Any

import pandas as pd

from gliaflow.ingest.reasons import REASONS
from gliaflow.report.tables import Column, Table, plural, rows_of

MOST_ROWS = 1500


def reject_table(rejected: pd.DataFrame) -> Table:
    """One row a reason, most files first: count, rule, first example, remedy."""
    rows: list[dict[str, Any]] = []
    for code, own in rejected.sort_values("path").groupby("reason", sort=True):
        reason = REASONS.get(str(code))
        first = own.iloc[0]
        rows.append(
            {
                "reason": str(code).replace("_", " "),
                "files": len(own),
                "rule": reason.rule if reason else None,
                "example": f"{first['path']}: {first['found']}",
                "remedy": reason.remedy if reason else None,
            }
        )
    rows.sort(key=lambda row: (-row["files"], row["reason"]))
    columns = [
        Column("reason", "Reason"),
        Column("files", "Files", "count"),
        Column("rule", "Rule"),
        Column("example", "First example"),
        Column("remedy", "Remedy"),
    ]
    return Table("rejects", "Files left out, by reason.", columns, rows)


def reject_list(rejected: pd.DataFrame) -> Table:
    """One row a file, by path; at most `MOST_ROWS` of them."""
    columns = [
        Column("path", "File", "code"),
        Column("reason", "Reason"),
        Column("found", "What was found"),
        Column("stage", "Stage"),
    ]
    frame = rejected.sort_values(["path", "reason"]).head(MOST_ROWS)
    rows = [{**row, "reason": str(row["reason"]).replace("_", " ")} for row in rows_of(frame)]
    more = f"The first {MOST_ROWS:,} of {plural(len(rejected), 'file')}" if len(rejected) > MOST_ROWS else "Every file"
    return Table("rejected-files", f"{more} left out.", columns, rows)


def reject_summary(rejected: pd.DataFrame, files_seen: int) -> str:
    """One sentence: how many files were left out of how many."""
    if rejected.empty:
        return f"All {plural(files_seen, 'image and mask file')} could be used."
    counted = int(rejected["counted"].astype(bool).sum())
    share = f" ({100 * counted / files_seen:.1f} %)" if files_seen else ""
    harmless = len(rejected) - counted
    beside = f", and {plural(harmless, 'harmless one')} such as a second copy" if harmless else ""
    files = plural(files_seen, "file")
    return f"Of {files}, {counted:,} could not be used{share}{beside}. The run went on with the rest."
