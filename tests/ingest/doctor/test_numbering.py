"""Gaps in numbering, few slices, odd sizes."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from gliaflow.ingest.doctor.findings import Finding
from gliaflow.ingest.doctor.numbering import few_slices, gaps, late_starts, numbers_of, odd_sizes

Labels = Callable[..., pd.DataFrame]


def series(rejected: dict[str, list[int]] | None = None, **used: list[int]) -> dict[str, np.ndarray]:
    """The numbers of patients with these used slices, and others of which there are files that were rejected."""
    rejected = rejected or {}
    names = {patient: [*used.get(patient, []), *rejected.get(patient, [])] for patient in {**used, **rejected}}
    rows = [("image", patient, number) for patient, own in names.items() for number in own]
    table = pd.DataFrame([*rows, ("other", None, None)], columns=["role", "patient", "slice"])
    pairs = [(patient, number) for patient, own in used.items() for number in sorted(set(own))]
    return numbers_of(table.astype({"slice": "Int64"}), pd.DataFrame(pairs, columns=["patient", "slice"]))


def told(findings: list[Finding]) -> list[tuple[str | None, str]]:
    return [(case.patient, case.found) for finding in findings for case in finding.cases]


def test_numbers_without_gaps_have_no_finding() -> None:
    assert gaps(series(P0=[3, 1, 2, 2], P1=[7, 8])) == []


def test_rejected_files_close_a_gap_and_stray_ones_make_none() -> None:
    amid = {"P0": [3], "P1": [900, 901], "P2": [0]}
    assert gaps(series(amid, P0=[1, 2, 4], P1=[1, 2, 3], P2=[1, 2])) == []
    assert told(gaps(series({"P0": [6, 900]}, P0=[1, 2, 4]))) == [("P0", "of 1 to 6, 2 numbers missing: 3, 5")]


def test_patients_without_used_slices_have_no_gap() -> None:
    assert gaps(series({"P1": [1, 9]}, P0=[1, 2])) == []
    assert series({"P1": [1, 9]}) == {}


def test_a_patient_whose_first_slices_are_missing() -> None:
    (found,) = late_starts(series(P0=[1, 2], P1=[9, 10], P2=[1, 2], P3=[1, 2]))
    assert (found.code, found.severity) == ("late_start", "warning")
    assert told([found]) == [("P1", "begins at 9, others at 1")]


@pytest.mark.parametrize(
    "used",
    [
        {"P0": [1], "P1": [1], "P2": [1]},
        {"P0": [1], "P1": [9]},  # too few to tell
        {"P0": [1], "P1": [1], "P2": [5], "P3": [6]},  # no more than half
        {"P0": [7], "P1": [7], "P2": [7], "P3": [9]},  # parts of volumes: no number is the first
        {"P0": [0], "P1": [1], "P2": [1], "P3": [1]},  # earlier than others
    ],
)
def test_beginnings_that_say_nothing(used: dict[str, list[int]]) -> None:
    assert late_starts(series(**used)) == []


def test_a_first_slice_that_was_rejected_is_not_missing() -> None:
    assert late_starts(series({"P1": [1]}, P0=[1, 2], P1=[2, 3], P2=[1, 2])) == []


def test_gaps_are_told_as_ranges_however_wide() -> None:
    (found,) = gaps(series(P0=[1, 2, 4, 8], P1=[1, 900_000_000]))
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
