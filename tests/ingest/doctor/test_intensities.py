"""Patients far brighter or darker than others of their site."""

from collections.abc import Callable

import pandas as pd
import pytest

from gliaflow.ingest.doctor.intensities import outliers, robust_spread

Labels = Callable[..., pd.DataFrame]


def all_slices(patient: str, value: object, slices: int = 8) -> dict[tuple[str, int], object]:
    return {(patient, number): value for number in range(1, slices + 1)}


def test_alike_patients_have_no_finding(labels: Labels) -> None:
    assert outliers(labels(patients=8)) == []


def test_a_bright_and_a_dark_patient(labels: Labels) -> None:
    table = labels(patients=8, mean_flair=all_slices("P2", 62.0), mean_post=all_slices("P5", 5.0))
    (found,) = outliers(table)
    assert (found.code, found.severity, found.count) == ("intensity_outlier", "warning", 2)
    assert [(case.patient, case.slice, case.found) for case in found.cases] == [
        ("P2", 5, "FLAIR 3.0 times brighter (mean 62.0, site CS 20.4)"),
        ("P5", 5, "post-contrast 4.0 times darker (mean 5.0, site CS 20.2)"),
    ]
    assert all(case.beside_patient not in ("P2", "P5", None) for case in found.cases)


def test_less_than_twice_as_bright_is_no_outlier(labels: Labels) -> None:
    assert outliers(labels(patients=8, mean_flair=all_slices("P2", 39.0))) == []


def test_a_wide_spread_has_no_outliers(labels: Labels) -> None:
    means = {key: 10.0 * 1.6**patient for patient in range(8) for key in all_slices(f"P{patient}", 0)}
    assert outliers(labels(patients=8, mean_pre=means)) == []


def test_a_copy_of_flair_is_not_compared(labels: Labels) -> None:
    table = labels(patients=8, mean_pre=all_slices("P2", 90.0), missing=all_slices("P2", "pre"))
    assert outliers(table) == []


def test_small_sites_are_compared_with_all(labels: Labels) -> None:
    table = labels(patients=8, mean_flair=all_slices("P1", 80.0))
    (found,) = outliers(table.assign(site=table["patient"].map({"P0": "EZ", "P1": "EZ"}).fillna("CS")))
    assert [case.found for case in found.cases] == ["FLAIR 3.9 times brighter (mean 80.0, all patients 20.4)"]


def test_few_patients_have_no_outliers(labels: Labels) -> None:
    assert outliers(labels(patients=4, mean_flair=all_slices("P2", 90.0))) == []


def test_robust_spread_of_a_normal_distribution() -> None:
    quartiles = pd.Series([-0.6745, 0.0, 0.6745])  # the standard normal distribution's
    assert robust_spread(pd.concat([quartiles, quartiles * 1.0])) == pytest.approx(1.0, abs=1e-4)
