"""Bootstrap intervals against SciPy's, and the rows of resampled cohorts against a loop."""

import numpy as np
import pytest
from scipy.stats import bootstrap

from gliaflow.evaluation.intervals import cohort_rows, interval, resample_patients


def test_interval_of_a_mean_agrees_with_scipy() -> None:
    values = np.random.default_rng(0).beta(5, 2, 40)
    ours = interval(values[resample_patients(40, 20_000, seed=1)].mean(axis=1))
    theirs = bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(2))
    assert ours == pytest.approx(tuple(theirs.confidence_interval), abs=0.002)
    assert ours[0] < values.mean() < ours[1]


def test_cohorts_are_drawn_with_replacement_from_everyone() -> None:
    cohorts = resample_patients(5, 3000, seed=0)
    assert cohorts.shape == (3000, 5)
    assert np.bincount(cohorts.ravel(), minlength=5) == pytest.approx([3000] * 5, rel=0.05)
    assert np.mean([len(set(cohort)) < 5 for cohort in cohorts.tolist()]) == pytest.approx(1 - 120 / 5**5, abs=0.01)
    assert (cohorts == resample_patients(5, 3000, seed=0)).all()
    assert (cohorts != resample_patients(5, 3000, seed=1)).any()


def test_undefined_cohorts_are_left_out() -> None:
    assert interval(np.array([np.nan, 1.0, 1.0, np.nan])) == (1.0, 1.0)
    assert interval(np.array([np.nan, np.nan])) == (None, None)
    assert interval(np.arange(1001.0)) == pytest.approx((25.0, 975.0))
    assert interval(np.arange(1001.0), level=0.5) == pytest.approx((250.0, 750.0))


def test_rows_of_cohorts_are_each_patients_slices_in_turn() -> None:
    first, count = np.array([0, 3, 4]), np.array([3, 1, 2])
    rows = list(cohort_rows(np.array([[2, 2, 0], [1, 0, 1]]), first, count))
    assert [row.tolist() for row in rows] == [[4, 5, 4, 5, 0, 1, 2], [3, 0, 1, 2, 3]]
