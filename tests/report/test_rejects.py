import pandas as pd

from gliaflow.ingest.reasons import REASONS
from gliaflow.report import rejects
from gliaflow.report.data import ReportData


def test_reasons_come_with_rule_remedy_and_first_example(whole: ReportData) -> None:
    truncated, copy = rejects.reject_table(whole.rejected).rows
    assert truncated == {
        "reason": "truncated",
        "files": 2,
        "rule": REASONS["truncated"].rule,
        "example": "a/x_2.tif: 0 of 90 bytes",
        "remedy": REASONS["truncated"].remedy,
    }
    assert (copy["reason"], copy["files"]) == ("duplicate copy", 1)


def test_an_unknown_reason_is_shown_without_rule(whole: ReportData) -> None:
    (row,) = rejects.reject_table(whole.rejected.head(1).assign(reason="from_the_future")).rows
    assert (row["reason"], row["rule"], row["remedy"]) == ("from the future", None, None)


def test_the_summary_counts_what_counts(whole: ReportData) -> None:
    assert rejects.reject_summary(whole.rejected, 100) == (
        "Of 100 files, 2 could not be used (2.0 %), and 1 harmless one such as a second copy. "
        "The run went on with the rest."
    )
    assert rejects.reject_summary(whole.rejected.iloc[:0], 1200) == "All 1,200 image and mask files could be used."
    assert "%" not in rejects.reject_summary(whole.rejected, 0)


def test_a_long_list_is_cut_and_says_so(whole: ReportData) -> None:
    assert [row["path"] for row in rejects.reject_list(whole.rejected).rows] == [
        "a/x_2.tif", "b/<b>bold</b>_1.tif", "copy/x_1.tif",
    ]  # fmt: skip
    many = pd.concat([whole.rejected.head(1)] * (rejects.MOST_ROWS + 1))
    table = rejects.reject_list(many)
    assert len(table.rows) == rejects.MOST_ROWS
    assert table.caption == "The first 1,500 of 1,501 files left out."
