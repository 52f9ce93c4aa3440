"""The leakage meter: by how much a recipe's figures rise when slices of one patient may stand on both sides.

Compared are test slices with tumour alone. The protocol `slice` holds no others and no whole volumes, so a volume's
Dice has no counterpart there, and that of empty slices neither.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gliaflow.evaluation.cohort import Cohort, Figure
from gliaflow.evaluation.counts import dice, iou
from gliaflow.evaluation.intervals import interval

ABOUT = (
    "The same recipe trained and tested under two protocols: `slice` deals the slices with tumour at random, so that "
    "neighbours of a test slice are trained on; the other keeps patients whole. Each figure is of test slices with "
    "tumour; volume Dice is not compared, as `slice` has no whole volumes. The gap is `slice` minus the other. "
    "Intervals resample patients with all their slices, for each protocol apart: different slices of a patient are "
    "tested under each, so there is nothing to pair. Patients whom both test make the interval of the gap rather too "
    "wide than too narrow. What else differs, and is in the gap: `slice` trains on slices with tumour "
    "alone, though of more patients, and chooses threshold and component filter by such slices alone."
)


@dataclass(frozen=True)
class Gap:
    """One figure under both protocols, over `n` slices; `gap` is `slice` minus `patient`, over the slices of both."""

    name: str
    about: str
    slice: Figure
    patient: Figure
    gap: Figure


@dataclass(frozen=True)
class Leakage:
    """The headline, mean Dice of tumour slices, and other figures that both protocols allow."""

    headline: Gap
    others: list[Gap]


def measure_leakage(leaky: pd.DataFrame, grouped: pd.DataFrame, *, resamples: int = 2000, seed: int = 0) -> Leakage:
    """Hold the test slices with tumour of the protocol `slice` against those of a patient-grouped one.

    Parameters
    ----------
    leaky, grouped : DataFrame
        A row a slice, as `evaluate` or `pool_folds` leave them: patient, part and pixel counts.
    resamples, seed : int
        Of the patient-level bootstrap behind each interval.
    """
    sides = [_Side(leaky, resamples, seed), _Side(grouped, resamples, seed + 1)]  # two seeds: independent cohorts
    gaps = [_gap(name, about, *(side.estimate(*sums(side.rows)) for side in sides)) for name, about, sums in FIGURES]
    return Leakage(gaps[0], gaps[1:])


def _ones(rows: pd.DataFrame) -> np.ndarray:
    return np.ones(len(rows))


FIGURES: list[tuple[str, str, Callable[[pd.DataFrame], tuple[np.ndarray, np.ndarray]]]] = [
    ("slice_dice_tumor", "mean Dice of the slices with tumour", lambda rows: (dice(rows).to_numpy(), _ones(rows))),
    (
        "slice_iou_tumor",
        "mean intersection over union of the slices with tumour",
        lambda rows: (iou(rows).to_numpy(), _ones(rows)),
    ),
    (
        "pixel_sensitivity",
        "share of the tumour's pixels that are found, all slices pooled",
        lambda rows: (rows["intersection"].to_numpy(float), rows["true_pixels"].to_numpy(float)),
    ),
    (
        "pixel_precision",
        "share of the marked pixels that are tumour, slices with tumour pooled",
        lambda rows: (rows["intersection"].to_numpy(float), rows["predicted_pixels"].to_numpy(float)),
    ),
]


class _Side:
    """The test slices with tumour of one protocol, and the cohorts that are drawn from its patients."""

    def __init__(self, predictions: pd.DataFrame, resamples: int, seed: int) -> None:
        self.rows = predictions[(predictions["part"] == "test") & (predictions["true_pixels"] > 0)]
        patient, _ = pd.factorize(self.rows["patient"], sort=True)
        self.cohort = Cohort(patient, resamples, seed) if len(patient) else None

    def estimate(self, top: np.ndarray, bottom: np.ndarray) -> tuple[Figure, np.ndarray]:
        """The ratio of two sums over slices, and what it is in each resampled cohort (NaN where undefined).

        There are no cohorts where fewer than two patients bear on it, and so no interval.
        """
        drawn = np.array([])
        if self.cohort is None or not bottom.any():
            return Figure(None, None, None, 0), drawn
        tops, bottoms = self.cohort.sum(top), self.cohort.sum(bottom)
        if np.count_nonzero(bottoms) > 1:
            drawn = self.cohort.resample(tops, bottoms)
        return Figure(float(tops.sum() / bottoms.sum()), *interval(drawn), len(self.rows)), drawn


def _gap(name: str, about: str, leaky: tuple[Figure, np.ndarray], grouped: tuple[Figure, np.ndarray]) -> Gap:
    (flattering, high_draws), (honest, draws) = leaky, grouped
    if flattering.value is None or honest.value is None:
        return Gap(name, about, flattering, honest, Figure(None, None, None, 0))
    limits = interval(high_draws - draws) if len(high_draws) and len(draws) else (None, None)
    gap = Figure(flattering.value - honest.value, *limits, flattering.n + honest.n)
    return Gap(name, about, flattering, honest, gap)
