"""Whether a slice holds tumour at all: a score a slice, its probability calibrated on val, and when not to answer."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

SHARE = 1 / 1024
"""Share of a slice's pixels whose mean probability is its score: 64 of 256 x 256. Of the 728 tumour slices of 60 real
patients 1.6 % hold less tumour than that, so hardly a score is diluted; and it takes sixteen pixels of a network that
works at 128 x 128 to make one, so no hot pixel does."""
FEWEST = 4  # pixels of the smallest slices
STEP = 1 / 255  # of quantised probabilities
PENALTY = 1.0  # of half the squared slope: scikit-learn's LogisticRegression(C=1)
CALLS = ("empty", "unsure", "tumor")


@dataclass(frozen=True)
class Detection:
    """The answer to "is there tumour in this slice?", fitted on val; all but the first four fields describe the fit.

    slope, intercept     : the probability is expit(intercept + slope * logit(score)), slope >= 0; see `probability`
    low, high            : probabilities 0..1 below which a slice is "empty" and above which it has "tumor"; from one
                           to the other, both included, it is "unsure". 0 and 1 where nothing could be fitted
    sensitivity_target   : at least this share of val's tumour slices is not called "empty"; the operating point
    precision_target     : at least this share of val's slices called "tumor" has tumour
    sensitivity          : share of val's tumour slices not called "empty"
    sensitivity_left_out : the same with each patient called by a fit on the others: what a new patient may expect
    specificity          : share of val's slices without tumour that are called "empty"
    precision            : share of val's slices called "tumor" that have tumour; None where none is
    unsure               : share of val's slices that are "unsure"
    patients, slices, tumor_slices : of val

    The shares are None where nothing could be fitted (see `fit_detection`).
    """

    slope: float
    intercept: float
    low: float
    high: float
    sensitivity_target: float
    precision_target: float
    sensitivity: float | None
    sensitivity_left_out: float | None
    specificity: float | None
    precision: float | None
    unsure: float | None
    patients: int
    slices: int
    tumor_slices: int

    def probability(self, score: np.ndarray) -> np.ndarray:
        """Calibrated probability of tumour, float64 0..1, of scores 0..1; a higher score never has a lower one."""
        return np.asarray(expit(self.intercept + self.slope * _evidence(score)), np.float64)

    def call(self, probability: np.ndarray) -> np.ndarray:
        """The answer to each calibrated probability: "tumor", "unsure" or "empty", an array of str."""
        probability = np.asarray(probability, np.float64)
        return np.array(CALLS)[1 + (probability > self.high).astype(int) - (probability < self.low)]


def slice_score(quantised: np.ndarray) -> np.ndarray:
    """How much speaks for tumour in each slice: the mean probability of its most probable pixels (share SHARE).

    Raising any pixel's probability never lowers the score, and single hot pixels hardly raise it.

    Parameters
    ----------
    quantised : ndarray of shape (S, H, W), uint8
        round(255 * probability).

    Returns
    -------
    ndarray of shape (S,), float64, 0..1
    """
    if quantised.ndim != 3 or quantised.dtype != np.uint8:
        raise ValueError(
            f"Slices are scored from quantised probabilities, uint8 [S, H, W]; received {quantised.dtype} "
            f"{quantised.shape}."
        )
    pixels = quantised.shape[1] * quantised.shape[2]
    most = min(max(FEWEST, round(pixels * SHARE)), pixels)
    scores = np.zeros(len(quantised))
    for number, values in enumerate(quantised):  # slice by slice: a volume may lie on disk
        scores[number] = np.partition(values.ravel(), pixels - most)[pixels - most :].mean(dtype=np.float64) * STEP
    return scores


def fit_detection(
    score: np.ndarray,
    tumor: np.ndarray,
    patient: np.ndarray,
    *,
    sensitivity: float = 0.95,
    precision: float = 0.95,
) -> Detection:
    """Calibrate the scores of val's slices, and choose below which probability a slice counts as without tumour.

    The calibration is Platt's (1999), a logistic regression on the score's logit with a small penalty on the slope, so
    that separable slices don't make it infinite; a score that is higher in slices without tumour gets slope 0.
    `low` is as high as `sensitivity` lets it be; `high` is as low as `precision` lets it be, and `low` at the least.
    Each lies half-way between two slices' probabilities. So the band between them is empty where `low` does for both,
    and reaches up to 1 where the most probable slices of val have no tumour.

    Where val has no slices, none with tumour or none without, nothing can be fitted: the probability is then the score
    itself, and every slice is "unsure".

    Parameters
    ----------
    score : ndarray of shape (S,), float, 0..1
        `slice_score` of the slices of val.
    tumor : ndarray of shape (S,), bool
        Whether the slice holds tumour.
    patient : ndarray of shape (S,)
        Whose slice it is.
    sensitivity, precision : float, 0..1
    """
    score, tumor, patient = np.asarray(score, np.float64), np.asarray(tumor, bool), np.asarray(patient)
    _check(score, tumor, patient, sensitivity, precision)
    fitted = _fit(score, tumor, sensitivity, precision)
    if fitted is None:
        counts = len(np.unique(patient)), len(score), int(tumor.sum())
        return Detection(1.0, 0.0, 0.0, 1.0, sensitivity, precision, None, None, None, None, None, *counts)
    probability = expit(fitted.intercept + fitted.slope * _evidence(score))
    empty, confirmed = probability < fitted.low, probability > fitted.high
    return Detection(
        slope=fitted.slope,
        intercept=fitted.intercept,
        low=fitted.low,
        high=fitted.high,
        sensitivity_target=sensitivity,
        precision_target=precision,
        sensitivity=float(np.mean(~empty[tumor])),
        sensitivity_left_out=_left_out(score, tumor, patient, sensitivity, precision),
        specificity=float(np.mean(empty[~tumor])),
        precision=float(np.mean(tumor[confirmed])) if confirmed.any() else None,
        unsure=float(np.mean(~empty & ~confirmed)),
        patients=len(np.unique(patient)),
        slices=len(score),
        tumor_slices=int(tumor.sum()),
    )


@dataclass(frozen=True)
class _Fit:
    slope: float
    intercept: float
    low: float
    high: float


def _fit(score: np.ndarray, tumor: np.ndarray, sensitivity: float, precision: float) -> _Fit | None:
    """The calibration and the band; None where one of the two kinds of slices is absent."""
    if tumor.all() or not tumor.any():
        return None
    evidence = _evidence(score)
    slope, intercept = calibrate(evidence, tumor)
    probability = expit(intercept + slope * evidence)
    levels = np.unique(probability)
    cuts = (np.concatenate([[0.0], levels[:-1]]) + levels) / 2  # cut i lets pass the slices of level i and above
    kept, passed = _above(probability[tumor], cuts), _above(probability, cuts)
    low = int(np.flatnonzero(kept >= sensitivity * tumor.sum() - 1e-9)[-1])
    precise = np.flatnonzero((kept >= precision * passed - 1e-9) & (np.arange(len(cuts)) >= low))
    return _Fit(slope, intercept, float(cuts[low]), float(cuts[precise[0]]) if len(precise) else 1.0)


def _above(values: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """How many of `values` lie above each of `cuts`, int64 of their length."""
    return len(values) - np.searchsorted(np.sort(values), cuts, side="right")


def calibrate(evidence: np.ndarray, tumor: np.ndarray) -> tuple[float, float]:
    """Slope (0 at the least) and intercept of the logistic regression of `tumor` (both kinds present) on `evidence`.

    They make the sum of the slices' log losses and PENALTY / 2 * slope ** 2 least.
    """
    design, sign = np.stack([evidence, np.ones(len(evidence))]), np.where(tumor, 1.0, -1.0)
    weight = np.array([PENALTY, 0.0])

    def loss(beta: np.ndarray) -> float:
        return float(np.logaddexp(0, -sign * (beta @ design)).sum() + weight @ beta**2 / 2)

    def slant(beta: np.ndarray) -> np.ndarray:
        return np.asarray(design @ (expit(beta @ design) - tumor) + weight * beta)

    def bend(beta: np.ndarray) -> np.ndarray:
        sure = expit(beta @ design)
        return np.asarray((design * sure * (1 - sure)) @ design.T + np.diag(weight))

    share = float(np.mean(tumor))
    start = np.array([0.0, logit(share)])
    slope, intercept = minimize(loss, start, jac=slant, hess=bend, method="trust-exact", options={"gtol": 1e-9}).x
    return (float(slope), float(intercept)) if slope > 0 else (0.0, float(logit(share)))


def _left_out(
    score: np.ndarray, tumor: np.ndarray, patient: np.ndarray, sensitivity: float, precision: float
) -> float | None:
    """Share of the tumour slices not called empty by fits without their patient; None where such a fit can't be had."""
    found = 0
    for name in np.unique(patient):
        own = patient == name
        fitted = _fit(score[~own], tumor[~own], sensitivity, precision)
        if fitted is None:
            return None
        probability = expit(fitted.intercept + fitted.slope * _evidence(score[own & tumor]))
        found += int(np.count_nonzero(probability >= fitted.low))
    return found / int(tumor.sum())


def _evidence(score: np.ndarray) -> np.ndarray:
    """The score's logit; half a step of the quantised probability keeps 0 and 1 finite, and all of them in order."""
    return np.asarray(logit((np.asarray(score, np.float64) + STEP / 2) / (1 + STEP)))


def _check(score: np.ndarray, tumor: np.ndarray, patient: np.ndarray, sensitivity: float, precision: float) -> None:
    if score.ndim != 1 or not score.shape == tumor.shape == patient.shape:
        raise ValueError(
            f"Every slice has a score, a truth and a patient; received {score.shape}, {tumor.shape} and "
            f"{patient.shape}."
        )
    if not ((score >= 0) & (score <= 1)).all():
        raise ValueError(f"Scores of slices lie between 0 and 1; received {score.min():g} to {score.max():g}.")
    if not (0 < sensitivity <= 1 and 0 < precision <= 1):
        raise ValueError(
            f"Sensitivity and precision are shares above 0, at most 1; received {sensitivity:g} and {precision:g}."
        )
