"""The score, calibration and calls of "has tumour" against scikit-learn and against trying every threshold."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_score, recall_score

from gliaflow.evaluation.detection import Detection, calibrate, fit_detection, slice_score


def make_val(seed: int = 0, patients: int = 8, slices: int = 30) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores that tell tumour slices from others, not without errors."""
    rng = np.random.default_rng(seed)
    patient = np.repeat([f"P{number}" for number in range(patients)], slices)
    tumor = rng.random(len(patient)) < 0.35
    score = 1 / (1 + np.exp(-rng.normal(np.where(tumor, 2.5, -2.5), 2.0)))
    return score, tumor, patient


def test_the_score_is_the_mean_of_the_most_probable_pixels() -> None:
    rng = np.random.default_rng(1)
    quantised = rng.integers(0, 256, (3, 64, 128)).astype(np.uint8)
    top = np.sort(quantised.reshape(3, -1), axis=1)[:, -8:]  # 64 * 128 / 1024
    score = slice_score(quantised)
    assert score == pytest.approx(top.mean(axis=1) / 255, abs=1e-12)
    assert (score.dtype, slice_score(quantised[:0]).shape) == (np.float64, (0,))
    assert slice_score(np.full((1, 16, 16), 255, np.uint8)).tolist() == [1.0]
    assert slice_score(np.zeros((1, 1, 2), np.uint8)).tolist() == [0.0]


def test_a_hot_pixel_is_no_tumour_and_a_small_tumour_is() -> None:
    quantised = np.zeros((3, 256, 256), np.uint8)
    quantised[1, 100, 100] = 255
    quantised[2, 100:108, 100:108] = 255
    assert slice_score(quantised).tolist() == pytest.approx([0, 1 / 64, 1])


def test_no_pixel_that_rises_lowers_the_score() -> None:
    rng = np.random.default_rng(2)
    lower = rng.integers(0, 200, (20, 32, 32)).astype(np.uint8)
    raised = lower + rng.integers(0, 56, lower.shape).astype(np.uint8)
    assert (slice_score(raised) >= slice_score(lower)).all()


@pytest.mark.parametrize("wrong", [np.zeros((2, 4, 4), np.float32), np.zeros((4, 4), np.uint8)])
def test_other_input_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"scored from quantised probabilities, uint8 \[S, H, W\]; received"):
        slice_score(wrong)


@pytest.mark.parametrize("seed", range(3))
def test_calibration_is_that_of_scikit_learn(seed: int) -> None:
    score, tumor, _ = make_val(seed)
    evidence = np.log((score + 0.5 / 255) / (1 - score + 0.5 / 255))
    other = LogisticRegression(C=1.0, tol=1e-10, max_iter=1000).fit(evidence[:, None], tumor)
    assert calibrate(evidence, tumor) == pytest.approx((other.coef_[0, 0], other.intercept_[0]), abs=1e-6)
    found = fit_detection(*make_val(seed))
    assert found.probability(score) == pytest.approx(other.predict_proba(evidence[:, None])[:, 1], abs=1e-6)


def test_probabilities_are_calibrated_and_in_the_order_of_the_scores() -> None:
    score, tumor, patient = make_val(patients=100)
    found = fit_detection(score, tumor, patient)
    probability = found.probability(score)
    assert probability.mean() == pytest.approx(tumor.mean(), abs=1e-6)  # a free intercept makes it so
    for low, high in ((0, 0.2), (0.2, 0.8), (0.8, 1)):
        within = (probability >= low) & (probability < high)
        assert probability[within].mean() == pytest.approx(tumor[within].mean(), abs=0.03)
    fine = found.probability(np.linspace(0, 1, 1001))
    assert (np.diff(fine) > 0).all() and fine[0] > 0 and fine[-1] < 1


def test_separable_slices_have_a_finite_slope() -> None:
    score = np.array([0.0, 0.0, 0.1, 0.9, 1.0, 1.0])
    found = fit_detection(score, score > 0.5, np.arange(6))
    assert 0 < found.slope < 5
    assert (found.sensitivity, found.specificity, found.precision, found.unsure) == (1, 1, 1, 0)
    assert found.low == found.high and found.call(found.probability(score)).tolist() == ["empty"] * 3 + ["tumor"] * 3


@pytest.mark.parametrize(("sensitivity", "precision"), [(0.95, 0.95), (0.8, 0.99), (1.0, 0.9), (0.9, 0.5)])
def test_operating_point_and_band_are_the_widest_answers_that_keep_their_promises(
    sensitivity: float, precision: float
) -> None:
    score, tumor, patient = make_val(3)
    found = fit_detection(score, tumor, patient, sensitivity=sensitivity, precision=precision)
    probability = found.probability(score)
    call = found.call(probability)
    assert recall_score(tumor, call != "empty") == found.sensitivity >= sensitivity
    assert precision_score(tumor, call == "tumor") == found.precision >= precision
    assert found.specificity == np.mean(call[~tumor] == "empty")
    assert found.unsure == np.mean(call == "unsure")
    assert (found.unsure == 0) == (found.low == found.high)
    for level in np.unique(probability):  # no other point does more
        if level > found.low:
            assert recall_score(tumor, probability > level) < sensitivity
        if found.low <= level < found.high and found.low != found.high:
            assert precision_score(tumor, probability >= level) < precision


def test_each_patient_left_out_is_called_by_a_fit_on_the_others() -> None:
    score, tumor, patient = make_val(4)
    kept = 0
    for name in np.unique(patient):
        own = patient == name
        others = fit_detection(score[~own], tumor[~own], patient[~own])
        kept += int((others.call(others.probability(score[own & tumor])) != "empty").sum())
    assert fit_detection(score, tumor, patient).sensitivity_left_out == kept / tumor.sum()
    alone = patient == "P0"
    one = fit_detection(score[alone], tumor[alone], patient[alone])
    assert (one.patients, one.sensitivity_left_out) == (1, None)
    assert one.sensitivity is not None and one.sensitivity >= 0.95


def test_a_score_that_tells_nothing_never_answers() -> None:
    _, tumor, patient = make_val()
    against = np.where(tumor, 0.1, 0.9)
    found = fit_detection(against, tumor, patient)
    assert (found.slope, found.high, found.precision, found.unsure, found.sensitivity) == (0, 1, None, 1, 1)
    assert found.probability(against) == pytest.approx(np.full(len(tumor), tumor.mean()))
    assert set(found.call(found.probability(np.array([0.0, 0.5, 1.0])))) == {"unsure"}


def test_where_the_most_probable_slice_is_empty_nothing_is_called_tumour() -> None:
    score = np.array([0.1, 0.2, 0.8, 0.9, 0.95])
    found = fit_detection(score, np.array([0, 0, 1, 1, 0], bool), np.array(["a", "a", "b", "b", "b"]))
    assert (found.high, found.precision) == (1.0, None)
    assert found.call(found.probability(score)).tolist() == ["empty", "empty", "unsure", "unsure", "unsure"]


@pytest.mark.parametrize("tumor", [[], [True, True, True], [False, False]])
def test_without_both_kinds_of_slices_the_score_stands_and_every_answer_is_unsure(tumor: list[bool]) -> None:
    score = np.linspace(0, 1, len(tumor))
    found = fit_detection(score, np.array(tumor, bool), np.arange(len(tumor)))
    assert found == Detection(1, 0, 0, 1, 0.95, 0.95, None, None, None, None, None, len(tumor), len(tumor), sum(tumor))
    anything = np.array([0.0, 0.3, 0.5, 1.0])
    assert found.probability(anything) == pytest.approx(anything, abs=1 / 255)
    assert found.call(np.array([0.0, 0.3, 1.0])).tolist() == ["unsure"] * 3
    assert found.call(np.array([])).shape == (0,)


def test_calls_at_the_edges_are_unsure() -> None:
    found = replace(fit_detection(*make_val()), low=0.2, high=0.7)
    assert found.call(np.array([0, 0.199, 0.2, 0.5, 0.7, 0.701, 1])).tolist() == [
        "empty", "empty", "unsure", "unsure", "unsure", "tumor", "tumor",
    ]  # fmt: skip


def test_survives_json() -> None:
    found = fit_detection(*make_val())
    again = Detection(**json.loads(json.dumps(asdict(found), allow_nan=False)))
    assert again == found
    assert (found.patients, found.slices, found.tumor_slices) == (8, 240, int(make_val()[1].sum()))


def test_what_cannot_be_fitted_is_refused() -> None:
    score, tumor, patient = make_val()
    with pytest.raises(ValueError, match=r"score, a truth and a patient; received \(240,\), \(239,\) and \(240,\)"):
        fit_detection(score, tumor[1:], patient)
    with pytest.raises(ValueError, match="lie between 0 and 1; received 0 to 255"):
        fit_detection(np.array([0, 255]), np.array([False, True]), np.array(["a", "b"]))
    with pytest.raises(ValueError, match="shares above 0, at most 1; received 95 and 0.95"):
        fit_detection(score, tumor, patient, sensitivity=95)
