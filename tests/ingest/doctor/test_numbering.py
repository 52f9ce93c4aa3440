"""Gaps in numbering, few slices, odd sizes."""

from collections.abc import Callable

import pandas as pd
import pytest

from gliaflow.ingest.doctor.numbering import few_slices, gaps, odd_sizes

Labels = Callable[..., pd.DataFrame]


def files(**numbers: list[int]) -> pd.DataFrame:
    rows = [("image", patient, number) for patient, own in numbers.items() for number in own]
    table = pd.DataFrame([*rows, ("other", None, None)], columns=["role", "patient", "slice"])
    return table.astype({"slice": "Int64"})


def test_numbers_without_gaps_have_no_finding() -> None:
    assert gaps(files(P0=[3, 1, 2, 2], P1=[7, 8])) == []


def test_gaps_are_told_as_ranges_however_wide() -> None:
    (found,) = gaps(files(P0=[1, 2, 4, 8], P1=[1, 900_000_000]))
    assert (found.code, found.severity) == ("gap_in_numbering", "warning")
    assert [case.found for case in found.cases] == [
        "of 1 to 8, 4 numbers missing: 3, 5 to 7",
        "of 1 to 900000000, 899,999,998 numbers missing: 2 to 899999999",
    ]


@pytest.mark.parametrize(("slices", "few"), [(8, False), (7, True)])
def test_few_slices_are_told_by_the_median(labels: Labels, slices: int, few: bool) -> None:
    table = labels(patients=6, slices=20)
    table = table[(table["patient"] != "P3") | (table["slice"] <= slices)]
    found = few_slices(table)
    assert [case.name for finding in found for case in finding.cases] == (["P3"] if few else [])
    if few:
        assert found[0].cases[0].found == "7 slices, the median is 20"


def test_few_patients_have_no_median(labels: Labels) -> None:
    table = labels(patients=4, slices=20)
    assert few_slices(table[(table["patient"] != "P3") | (table["slice"] <= 2)]) == []


def test_sizes(labels: Labels) -> None:
    assert odd_sizes(labels()) == []
    mixed, stretched = odd_sizes(labels(height={("P1", 2): 128}, width={("P1", 2): 128, ("P2", 3): 200}))
    assert (mixed.code, [case.patient for case in mixed.cases]) == ("sizes_differ", ["P1", "P2"])
    assert mixed.cases[0].found == "7 slices of 256 x 256, 1 slice of 128 x 128"
    assert [(case.patient, case.found) for case in stretched.cases] == [("P2", "256 x 200")]
