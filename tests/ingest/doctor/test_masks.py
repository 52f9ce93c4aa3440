"""Each fault of readable masks is found, and a sound patient has none."""

from collections.abc import Callable

import pandas as pd
import pytest

from gliaflow.ingest.doctor import masks
from gliaflow.ingest.doctor.numbering import numbers_of

Labels = Callable[..., pd.DataFrame]


@pytest.mark.parametrize(
    "check", [masks.touching_border, masks.whole_brain, masks.on_black, masks.without_tumor, masks.interrupted]
)
def test_sound_masks_have_no_findings(labels: Labels, check: Callable) -> None:
    assert check(labels()) == []


def test_mask_at_the_border(labels: Labels) -> None:
    (found,) = masks.touching_border(labels(border_pixels={("P1", 4): 31}))
    assert (found.code, found.severity, found.count) == ("mask_at_border", "warning", 1)
    assert [(case.patient, case.slice, case.found) for case in found.cases] == [("P1", 4, "31 pixels on the border")]


def test_mask_of_the_whole_brain(labels: Labels) -> None:
    sizes = {("P0", 4): 10_001, ("P1", 4): 10_000}
    (found,) = masks.whole_brain(labels(tumor_pixels=sizes))
    assert [case.name for case in found.cases] == ["P0, slice 4"]
    assert found.cases[0].found == "10,001 pixels of tumour, 20,000 of head"


def test_an_empty_slice_without_mask_is_no_mask_of_the_whole_brain(labels: Labels) -> None:
    assert masks.whole_brain(labels(head_pixels={("P0", 1): 0})) == []


def test_tumor_on_a_black_image(labels: Labels) -> None:
    table = labels(head_pixels={("P0", 4): 0}, mean_flair={("P0", 4): 0.0, ("P1", 5): 0.0, ("P1", 1): 0.0})
    assert masks.whole_brain(table) == []
    (found,) = masks.on_black(table)
    assert (found.code, found.severity, found.title) == ("tumor_on_black", "warning", "Tumour marked on a black image")
    assert [(case.name, case.found) for case in found.cases] == [
        ("P0, slice 4", "500 pixels of tumour, the image is black"),
        ("P1, slice 5", "500 pixels of tumour, FLAIR is black"),
    ]


def test_a_patient_without_tumor(labels: Labels) -> None:
    (found,) = masks.without_tumor(labels(tumor_pixels={("P2", number): 0 for number in range(1, 9)}))
    assert (found.code, [case.patient for case in found.cases]) == ("no_tumor_in_patient", ["P2"])
    assert found.cases[0].found == "8 masks, all black"


def test_no_tumor_at_all_is_one_finding_about_the_data_set(labels: Labels) -> None:
    (found,) = masks.without_tumor(labels(tumor_pixels=0))
    assert (found.code, found.count, found.unit) == ("no_tumor_at_all", 1, "data set")
    assert found.cases[0].found == "24 masks of 3 patients are black"


def test_tumor_that_is_cut_off(labels: Labels) -> None:
    series = numbers_of(labels().assign(role="image"), labels())
    assert masks.cut_off(labels(), series) == []
    (found,) = masks.cut_off(labels(tumor_pixels={("P0", 1): 9, ("P2", 8): 1}), series)
    assert [(case.name, case.found) for case in found.cases] == [
        ("P0, slice 1", "tumour in the first slice, 9 pixels"),
        ("P2, slice 8", "tumour in the last slice, 1 pixel"),
    ]


def test_two_slices_have_no_ends(labels: Labels) -> None:
    table = labels(slices=2, tumor_pixels=5)
    assert masks.cut_off(table, numbers_of(table.assign(role="mask"), table)) == []


def test_rejected_slices_cut_no_tumor_off(labels: Labels) -> None:
    table = labels(tumor_pixels=5)
    used = table[table["slice"].between(2, 7)]
    assert masks.cut_off(used, numbers_of(table.assign(role="image"), used)) == []


def test_a_stray_number_hides_no_tumor_that_is_cut_off(labels: Labels) -> None:
    table = labels(tumor_pixels={("P1", 8): 7})
    stray = pd.DataFrame({"role": ["image"], "patient": ["P1"], "slice": [900]})
    files = pd.concat([table.assign(role="image"), stray])
    assert [case.name for found in masks.cut_off(table, numbers_of(files, table)) for case in found.cases] == [
        "P1, slice 8"
    ]


def test_a_black_mask_amid_a_tumor(labels: Labels) -> None:
    (found,) = masks.interrupted(labels(tumor_pixels={("P1", 4): 0}))
    assert [case.name for case in found.cases] == ["P1, slice 4"]


def test_a_black_mask_beside_a_gap_is_not_amid_a_tumor(labels: Labels) -> None:
    table = labels(tumor_pixels={("P1", 4): 0})
    assert masks.interrupted(table[(table["patient"] != "P1") | (table["slice"] != 5)]) == []
