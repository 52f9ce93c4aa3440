"""The area under the ROC curve against scikit-learn's, and its resampled cohorts against sorting each anew."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from gliaflow.evaluation.intervals import resample_patients
from gliaflow.evaluation.ranking import auroc, pairs_won


def make_scores(seed: int, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores with ties (`steps` values), whether there is tumour, and the patient of 120 slices of seven."""
    rng = np.random.default_rng(seed)
    positive = rng.random(120) < 0.4
    score = np.clip(np.round(rng.normal(0.4 + 0.2 * positive, 0.2) * steps) / steps, 0, 1)
    return score, positive, np.sort(rng.integers(0, 7, 120))


def area(score: np.ndarray, positive: np.ndarray, patient: np.ndarray, weights: np.ndarray) -> np.ndarray:
    kinds = (np.bincount(patient, kind, minlength=7) for kind in (positive, ~positive))
    return auroc(pairs_won(score, positive, patient, 7), *kinds, weights)


@pytest.mark.parametrize("steps", [2, 5, 1000])
@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_scikit_learn(seed: int, steps: int) -> None:
    score, positive, patient = make_scores(seed, steps)
    (whole,) = area(score, positive, patient, np.ones((1, 7)))
    assert whole == pytest.approx(roc_auc_score(positive, score), abs=1e-12)
    cohorts = resample_patients(7, 30, seed)
    times = np.stack([np.bincount(cohort, minlength=7) for cohort in cohorts]).astype(float)
    expected = [roc_auc_score(positive, score, sample_weight=each[patient]) for each in times]
    assert area(score, positive, patient, times) == pytest.approx(expected, abs=1e-12)


def test_order_alone_counts() -> None:
    score, positive, patient = np.array([0.1, 0.2, 0.3, 0.4]), np.array([False, False, True, True]), np.arange(4)
    assert area(score, positive, patient, np.ones((1, 7))).tolist() == [1.0]
    assert area(1 - score, positive, patient, np.ones((1, 7))).tolist() == [0.0]
    assert area(score**9, positive, patient, np.ones((1, 7))).tolist() == [1.0]
    assert area(np.full(4, 0.5), positive, patient, np.ones((1, 7))).tolist() == [0.5]


def test_a_cohort_of_one_kind_has_no_area() -> None:
    score, positive, patient = np.array([0.1, 0.9]), np.array([False, True]), np.array([0, 1])
    weights = np.array([[2.0, 0, 0, 0, 0, 0, 0], [0, 2.0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0]])
    assert area(score, positive, patient, weights) == pytest.approx([np.nan, np.nan, 1.0], nan_ok=True)
