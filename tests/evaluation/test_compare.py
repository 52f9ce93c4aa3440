"""Two runs compared: against scipy's permutation test, and Wilcoxon's test against counting all ranks by hand."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gliaflow.evaluation.compare import NothingToCompare, compare_patients, flip_signs


def scores(dice: np.ndarray, first: int = 0) -> pd.DataFrame:
    return pd.DataFrame({"patient": [f"P{first + number:03d}" for number in range(len(dice))], "dice": dice})


def mean_flipped(difference: np.ndarray, axis: int) -> np.ndarray:
    return difference.mean(axis=axis)


@pytest.mark.parametrize("patients", [2, 3, 5, 9, 12])
def test_all_sign_flips_give_scipys_p_value(patients):
    difference = np.random.default_rng(patients).normal(0.02, 0.05, patients)
    p, exact = flip_signs(difference)
    expected = stats.permutation_test(
        (difference,), mean_flipped, permutation_type="samples", n_resamples=np.inf, vectorized=True
    )
    assert exact and p == pytest.approx(expected.pvalue, abs=1e-12)


def test_sampled_sign_flips_come_near_to_scipys_and_are_the_same_for_the_same_seed():
    difference = np.random.default_rng(0).normal(0.01, 0.04, 40)
    p, exact = flip_signs(difference, seed=1)
    rng = np.random.default_rng(5)
    expected = stats.permutation_test(
        (difference,), mean_flipped, permutation_type="samples", n_resamples=20_000, vectorized=True, rng=rng
    )
    assert not exact and p == pytest.approx(expected.pvalue, abs=0.015)
    assert flip_signs(difference, seed=1)[0] == p != flip_signs(difference, seed=2)[0]
    assert 0 < flip_signs(np.full(60, 0.1))[0] < 1e-4, "never 0"
    assert flip_signs(np.zeros(30))[0] == 1


@pytest.mark.parametrize("times", [1, 5])  # all flips, and a sample of them
def test_a_difference_that_cancels_out_is_no_difference(times):
    difference = np.array([-0.2, -0.2, 0.1, 0.3] * times)
    assert flip_signs(difference)[0] == 1


def test_figures_are_those_of_the_patients_that_both_tested():
    rng = np.random.default_rng(2)
    a = scores(rng.uniform(0.5, 0.9, 10))
    b = scores(rng.uniform(0.5, 0.9, 10), first=2)
    found = compare_patients(a, b.sample(frac=1, random_state=0), resamples=200)
    both = a.merge(b, on="patient")
    assert len(found.patients) == 8 and list(found.patients["difference"]) == sorted(both["dice_y"] - both["dice_x"])
    assert found.mean_a == pytest.approx(both["dice_x"].mean()) and found.mean_b == pytest.approx(both["dice_y"].mean())
    assert found.difference == pytest.approx(found.mean_b - found.mean_a)
    assert found.low < found.difference < found.high
    assert found.wins + found.losses == 8 and found.ties == 0
    other = compare_patients(b, a, resamples=200)
    assert (other.wins, other.losses) == (found.losses, found.wins) and other.difference == -found.difference
    assert other.permuted == found.permuted and other.ranked == found.ranked


def test_wilcoxon_is_that_of_all_signed_ranks():
    difference = np.random.default_rng(4).normal(0.03, 0.05, 9)
    ranks = np.abs(difference).argsort().argsort() + 1
    sums = [np.dot(signs, ranks) for signs in product((-1, 1), repeat=9)]
    observed = np.dot(np.sign(difference), ranks)
    expected = np.mean(np.abs(sums) >= abs(observed))
    found = compare_patients(scores(np.full(9, 0.5)), scores(0.5 + difference), resamples=100)
    assert found.ranked == pytest.approx(expected)


def test_the_interval_covers_what_is_so_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(200):
        a = rng.uniform(0.6, 0.9, 40)
        found = compare_patients(scores(a), scores(a + rng.normal(0.02, 0.05, 40)), resamples=200)
        hits += found.low <= 0.02 <= found.high
    assert 0.88 <= hits / 200 <= 0.99


def test_ties_are_told_and_where_nothing_differs_ranks_say_nothing():
    same = scores(np.array([0.5, 0.6, 0.7]))
    found = compare_patients(same, same.assign(dice=same["dice"] + [0, 1e-12, 0]), resamples=100)
    assert (found.wins, found.losses, found.ties) == (0, 0, 3)
    assert found.difference == found.low == found.high == 0 and found.permuted == 1 and found.ranked is None


def test_one_patient_has_no_interval_and_none_is_refused():
    one = scores(np.array([0.5]))
    found = compare_patients(one, one.assign(dice=0.7), resamples=100)
    assert found.low is found.high is None and found.permuted == 1 and found.wins == 1
    with pytest.raises(NothingToCompare, match="of 1 and 2 none is in both"):
        compare_patients(one, scores(np.array([0.5, 0.6]), first=1))
