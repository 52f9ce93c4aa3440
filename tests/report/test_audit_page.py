"""The page of the label audit: what it shows, what it says of itself, and that it needs nothing but itself."""

import re

import numpy as np
import pandas as pd
import pytest

from gliaflow.report.audit_page import LISTED, SHOWN, AuditData, render_audit, verdict

SIDE = 48


def slice_of(patient: str, place: int) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Five slices of noise with a square marked and another found."""
    if not 0 <= place < 5:
        return None
    image = np.random.default_rng(place).integers(30, 200, (SIDE, SIDE, 3), dtype=np.uint8)
    masks = np.zeros((2, SIDE, SIDE), np.uint8)
    masks[0, 8:20, 8:20], masks[1, 20:32, 20:32] = 1, 1
    return image, masks[0], masks[1]


def doubts(count: int, kind: str = "unmarked", patient: str = "TCGA_CS_0001") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "rank": np.arange(1, count + 1),
            "patient": patient,
            "slice": np.arange(count) + 100,
            "index": np.arange(count) % 5,
            "site": "CS",
            "fold": 0,
            "true_pixels": 144,
            "kind": kind,
            "doubt": np.linspace(0.9, 0.2, count),
            "unmarked": 1234.4,
            "overmarked": 0.0,
            "agreed": 5.0,
            "neighbor": pd.array([102] * count, dtype="Int64"),
        }
    )


def page(table: pd.DataFrame, source: str = "kaggle_3m") -> str:
    return render_audit(AuditData(source, table, 50, 3, slice_of))


def test_the_most_doubtful_are_shown_as_pictures_and_all_are_listed():
    html = page(doubts(SHOWN + 3))
    assert html.count('<img src="data:image/webp;base64,') == SHOWN
    assert f"{SHOWN + 3} slices, of which the {SHOWN} most doubtful are shown" in html
    assert html.count("<tr>") == SHOWN + 4
    assert "1,234 pixels of tumour unmarked" in html and "doubt 0.90" in html
    assert 'alt="Patient TCGA_CS_0001, rank 1, slice 100, doubt 0.90' in html


def test_a_long_list_ends_with_where_the_rest_is():
    html = page(doubts(LISTED + 7))
    assert html.count("<tr>") == LISTED + 1 and "7 more are in audit.parquet." in html


@pytest.mark.parametrize(
    ("kind", "words"), [("order", "fits slice 102 better"), ("overmarked", "0 pixels marked without tumour")]
)
def test_each_kind_says_what_speaks_against_the_mask(kind, words):
    assert words in page(doubts(1, kind))


def test_it_says_that_disagreement_is_no_proof_and_that_nothing_was_changed():
    html = page(doubts(1))
    assert "Disagreement is no proof." in html and "Nothing in the data was changed" in html
    assert "Research use only." in html


def test_it_needs_nothing_but_itself_and_texts_of_the_data_are_escaped():
    html = page(doubts(1, patient="<b>P&amp;"), source="<script>x</script>")
    assert "<script" not in html and "<b>P&amp;" not in html and "&lt;b&gt;P&amp;amp;" in html
    assert not re.findall(r'(?:src|href)="(?!data:|#)', html)
    assert "default-src 'none'" in html


def test_equal_audits_give_equal_bytes():
    assert page(doubts(4)) == page(doubts(4))


def test_without_doubts_it_says_so():
    html = page(doubts(0))
    assert "No mask among 50 slices of 3 patients is doubted." in html and "There are none." in html
    assert "<img" not in html


def test_the_verdict_counts_masks_patients_and_strong_doubts():
    table = pd.concat([doubts(3), doubts(1, patient="q")], ignore_index=True)
    words = verdict(AuditData("s", table, 50, 3, slice_of))
    assert words == "Of 50 slices of 3 patients, 4 masks of 2 patients are doubted, 3 of them by 0.5 or more."
