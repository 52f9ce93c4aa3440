"""The label audit as a page of pictures: the most doubtful masks, kind by kind."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gliaflow.evaluation.audit import FLOOR, KINDS, LEAST, MISPLACED, REACH, TOLERANCE
from gliaflow.report.frame import open_templates, render_style
from gliaflow.report.pictures import CELL, GAP_GREY, Strip, Viewer
from gliaflow.report.tables import Column, Table, plural, rows_of, write

SHOWN = 10  # pictures of a kind
LISTED = 200  # rows of the table; the rest is in audit.parquet
CELLS = ("slice before", "FLAIR", "the mask", "mask and model", "slice after")
TITLES = {
    "empty": "Empty masks with sure tumour",
    "unmarked": "Tumour beside the mask",
    "overmarked": "Masks without sure tumour",
    "order": "Masks that fit another slice",
}


@dataclass(frozen=True, eq=False)
class AuditData:
    """What the page shows.

    doubts   : table of `audit_labels`
    slices, patients : how many were audited
    slice_of : (patient, place in its arrays) -> image uint8 [H, W, 3], mask and found tumour uint8 {0, 1} [H, W]; None
               where there is no such place
    """

    source: str
    doubts: pd.DataFrame
    slices: int
    patients: int
    slice_of: Callable[[str, int], tuple[np.ndarray, np.ndarray, np.ndarray] | None]


def render_audit(data: AuditData) -> str:
    """The page as HTML: it needs nothing but itself, and every text of the data is escaped."""
    environment = open_templates({"write": write})
    return environment.get_template("audit.html.j2").render(
        source=data.source,
        verdict=verdict(data),
        rules={"tolerance": TOLERANCE, "floor": FLOOR, "least": LEAST, "reach": REACH, "misplaced": MISPLACED},
        cells=CELLS,
        sections=[_section(data, kind) for kind in KINDS],
        table=doubt_table(data.doubts),
        left_out=max(len(data.doubts) - LISTED, 0),
        **render_style(environment),
    )


def verdict(data: AuditData) -> str:
    """In a sentence, how many masks are doubted."""
    doubts = data.doubts
    audited = f"{plural(data.slices, 'slice')} of {plural(data.patients, 'patient')}"
    if doubts.empty:
        return f"No mask among {audited} is doubted."
    strong = int((doubts["doubt"] >= 0.5).sum())
    return (
        f"Of {audited}, {plural(len(doubts), 'mask')} of {plural(doubts['patient'].nunique(), 'patient')} "
        f"{'is' if len(doubts) == 1 else 'are'} doubted, {strong:,} of them by 0.5 or more."
    )


def doubt_table(doubts: pd.DataFrame) -> Table:
    """The most doubtful masks, a row each."""
    return Table(
        "doubts",
        "The doubted masks, the most doubtful first.",
        [
            Column("rank", "Rank", "count"),
            Column("patient", "Patient"),
            Column("slice", "Slice", "count"),
            Column("kind", "Kind"),
            Column("doubt", "Doubt", "score"),
            Column("true_pixels", "Mask, pixels", "count"),
            Column("unmarked", "Unmarked", "count"),
            Column("overmarked", "Overmarked", "count"),
            Column("neighbor", "Fits slice", "count"),
        ],
        rows_of(doubts.head(LISTED)),
    )


def _section(data: AuditData, kind: str) -> dict[str, object]:
    own = data.doubts[data.doubts["kind"] == kind]
    return {
        "kind": kind,
        "title": TITLES[kind],
        "about": KINDS[kind],
        "count": len(own),
        "strips": [_strip(data, row) for row in own.head(SHOWN).to_dict("records")],
    }


def _strip(data: AuditData, row: dict) -> Strip:
    """A doubted slice between its neighbours: these with their masks, itself plain, with its mask and with both."""
    place = row["index"]
    shown = data.slice_of(row["patient"], place)
    assert shown is not None, f"{row['patient']} has no slice at {place}"
    view = Viewer(*shown)
    before, after = (data.slice_of(row["patient"], other) for other in (place - 1, place + 1))
    cells = [
        _neighbour(before),
        view.sequence(1),
        view.overlay(true=True),
        view.overlay(true=True, predicted=True),
        _neighbour(after),
    ]
    note = f"rank {row['rank']}, slice {row['slice']}, doubt {row['doubt']:.2f}, {_what(row)}"
    return Strip(cells, row["patient"], note, f"Patient {row['patient']}, {note}.")


def _what(row: dict) -> str:
    """What speaks against the mask, in numbers."""
    if row["kind"] == "order":
        return f"fits slice {row['neighbor']} better"
    if row["kind"] == "overmarked":
        return f"{row['overmarked']:,.0f} pixels marked without tumour"
    return f"{row['unmarked']:,.0f} pixels of tumour unmarked"


def _neighbour(shown: tuple[np.ndarray, np.ndarray, np.ndarray] | None) -> np.ndarray:
    """A neighbouring slice with its mask, grey where there is none."""
    if shown is None:
        return np.full((CELL, CELL, 3), GAP_GREY, np.uint8)
    return Viewer(*shown).overlay(true=True)
