"""Figures over a cohort of patients, each with its interval over resampled cohorts."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gliaflow.evaluation.intervals import cohort_rows, interval, resample_patients
from gliaflow.evaluation.ranking import auroc, pairs_won
from gliaflow.evaluation.reliability import bin_sums, calibration_error

NOTEBOOK_BATCH = 16
NOTEBOOK_SMOOTH = 1.0

Column = pd.Series | np.ndarray


@dataclass(frozen=True)
class Figure:
    """A `value` with its 95 % interval `low` to `high`, over `n` things.

    `value` is None where it is undefined (n is 0 then), the interval where fewer than two patients bear on it.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int


class Cohort:
    """Patients with their slices, and the cohorts of the same size that are resampled from them.

    `patient` gives each slice's patient, 0, 1, ... in ascending order.
    """

    def __init__(self, patient: np.ndarray, resamples: int, seed: int) -> None:
        self.patient = patient
        self.patients = int(patient.max()) + 1
        self.cohorts = resample_patients(self.patients, resamples, seed)

    def sum(self, column: Column) -> np.ndarray:
        """Sums over each patient's slices, float64 [P]."""
        return np.bincount(self.patient, weights=np.asarray(column, float), minlength=self.patients)

    def ratio(self, top: Column, bottom: Column) -> Figure:
        """A sum over patients [P] by another; the second counts what the figure is a mean of."""
        tops, bottoms = np.asarray(top, float), np.asarray(bottom, float)
        n = int(bottoms.sum())
        drawn = self.resample(tops, bottoms)
        return _figure(tops.sum() / n if n else np.nan, drawn, int(np.count_nonzero(bottoms)), n)

    def resample(self, tops: np.ndarray, bottoms: np.ndarray) -> np.ndarray:
        """What one sum over patients [P] by another is in each resampled cohort, float64 [R]; NaN where undefined."""
        return _divide(tops[self.cohorts].sum(axis=1), bottoms[self.cohorts].sum(axis=1))

    def mean(self, values: Column, chosen: Column) -> Figure:
        """The mean of a value over the slices where `chosen` is 1 (of 0 and 1), all patients pooled."""
        weights = np.asarray(chosen, float)
        return self.ratio(self.sum(np.asarray(values, float) * weights), self.sum(weights))

    def median(self, values: Column) -> Figure:
        """The median over patients of a value [P]."""
        each = np.asarray(values, float)
        return _figure(np.median(each), np.median(each[self.cohorts], axis=1), len(each), len(each))

    def auroc(self, score: np.ndarray, positive: np.ndarray) -> Figure:
        """Area under the ROC curve of the slices' scores; cohorts without both kinds of slices are left out."""
        won = pairs_won(score, positive, self.patient, self.patients)
        kinds = self.sum(positive), self.sum(~positive)
        times = np.stack([np.bincount(cohort, minlength=self.patients) for cohort in self.cohorts]).astype(float)
        value = auroc(won, *kinds, np.ones((1, self.patients)))[0]
        return _figure(value, auroc(won, *kinds, times), self.patients, len(score))

    def calibration_error(
        self, probability: np.ndarray, number: np.ndarray, tumor: np.ndarray, patient: np.ndarray
    ) -> Figure:
        """Expected calibration error of probabilities [N]; see `bin_sums` for what goes with them.

        A resampled cohort's error is above the cohort's own as much as that is above the truth, as chance is taken for
        error twice; so the interval is the reflected one (Efron and Tibshirani's basic bootstrap), from 0 on.
        """
        sums = bin_sums(probability, number, tumor, patient, self.patients)  # [P, 3, BINS]
        drawn = calibration_error(sums[self.cohorts].sum(axis=1))  # [R, P, 3, BINS] -> [R]
        each = sums[:, 0].sum(axis=1)
        value = float(calibration_error(sums.sum(axis=0)))
        return _figure(value, np.maximum(2 * value - drawn, 0.0), int(np.count_nonzero(each)), int(each.sum()))

    def batch_dice(self, counts: np.ndarray) -> Figure:
        """The notebook's Dice of slices' true_pixels, predicted_pixels and intersection [S, 3]; see `batch_dice`."""
        drawn = np.array([])
        if self.patients > 1:
            first = np.searchsorted(self.patient, np.arange(self.patients))
            chosen = cohort_rows(self.cohorts, first, np.bincount(self.patient))
            drawn = np.array([batch_dice(counts[rows]) for rows in chosen])
        return _figure(batch_dice(counts), drawn, self.patients, len(counts))


def batch_dice(counts: np.ndarray) -> float:
    """Mean over batches of the smoothed Dice of a batch's pixels in one pool.

    This is `dice_coef` as Keras notebooks have it since M. Jocic's U-Net for the Kaggle competition "Ultrasound Nerve
    Segmentation" (2016), smooth = 1. The notebook fed it probabilities, batch after batch; Keras averages over batches.

    Parameters
    ----------
    counts : ndarray of shape (S, 3)
        true_pixels, predicted_pixels, intersection of each slice; 16 rows are a batch, the last may have fewer.
    """
    pooled = np.add.reduceat(counts, np.arange(0, len(counts), NOTEBOOK_BATCH), axis=0)
    true, predicted, overlap = pooled.T
    return float(np.mean((2 * overlap + NOTEBOOK_SMOOTH) / (true + predicted + NOTEBOOK_SMOOTH)))


def _figure(value: float, drawn: np.ndarray, bearing: int, n: int) -> Figure:
    """A value and what it was in each resampled cohort; NaN is undefined, and `bearing` patients bear on it."""
    if np.isnan(value):
        return Figure(None, None, None, 0)
    low, high = interval(drawn) if bearing > 1 else (None, None)
    return Figure(float(value), low, high, n)


def _divide(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """top / bottom of counts; NaN where there is nothing to divide by."""
    return np.where(bottom > 0, top / np.maximum(bottom, 1), np.nan)
