"""Two runs on the same patients: the paired difference of volume Dice, and whether chance alone would give it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from gliaflow.errors import GliaflowError
from gliaflow.evaluation.intervals import interval, resample_patients

EXACT = 15  # patients up to which every assignment of signs is tried, 2^15; with more, SAMPLED of them are
SAMPLED = 100_000
CHUNK = 4096  # assignments at a time
CHANCE = 0.05  # the greatest p-value of a difference that is told as one; intervals of few patients are too narrow
TIE = 1e-9  # Dice that differ by less are equal


class NothingToCompare(GliaflowError):
    """Two runs have no patient in common that both tested."""


@dataclass(frozen=True)
class Comparison:
    """Two runs, A and B, on the patients that both tested; every difference is B minus A.

    patients   : patient, dice_a, dice_b, difference, by difference, the greatest loss first
    difference : its mean over patients, with the 95 % interval `low` to `high` (None of a single patient)
    permuted   : two-sided p-value of the sign-flip permutation test of the mean; `exact` if no sample of flips
    ranked     : that of Wilcoxon's signed-rank test; None where no patient differs
    wins, losses, ties : patients for whom B is better, worse, the same
    """

    patients: pd.DataFrame
    mean_a: float
    mean_b: float
    difference: float
    low: float | None
    high: float | None
    permuted: float
    exact: bool
    ranked: float | None
    wins: int
    losses: int
    ties: int


def compare_patients(a: pd.DataFrame, b: pd.DataFrame, *, resamples: int = 2000, seed: int = 0) -> Comparison:
    """Compare two runs by the volume Dice of the patients that both tested.

    Parameters
    ----------
    a, b : DataFrame
        A row a tested patient: patient, dice.
    resamples, seed : int
        Of the bootstrap over patients, each drawn with both its scores, and of sampled sign flips.

    Raises
    ------
    NothingToCompare
        Where no patient is in both.
    """
    both = a[["patient", "dice"]].merge(b[["patient", "dice"]], on="patient", suffixes=("_a", "_b"), validate="1:1")
    if both.empty:
        raise NothingToCompare(
            f"Runs are compared on the patients that both tested; of {len(a)} and {len(b)} none is in both. "
            "Compare runs of one protocol and seed, or cross-validations, which test every patient."
        )
    difference = both["dice_b"] - both["dice_a"]
    both = both.assign(difference=difference.where(difference.abs() >= TIE, 0.0))
    both = both.sort_values(["difference", "patient"], ignore_index=True)
    values = both["difference"].to_numpy()
    permuted, exact = flip_signs(values, seed)
    cohorts = resample_patients(len(both), resamples, seed)
    low, high = interval(values[cohorts].mean(axis=1)) if len(both) > 1 else (None, None)
    return Comparison(
        patients=both,
        mean_a=float(both["dice_a"].mean()),
        mean_b=float(both["dice_b"].mean()),
        difference=float(values.mean()),
        low=low,
        high=high,
        permuted=permuted,
        exact=exact,
        ranked=float(stats.wilcoxon(values).pvalue) if values.any() else None,
        wins=int((values > 0).sum()),
        losses=int((values < 0).sum()),
        ties=int((values == 0).sum()),
    )


def flip_signs(difference: np.ndarray, seed: int = 0) -> tuple[float, bool]:
    """Two-sided p-value of a mean paired difference: how often flipping signs at random gives as great a one.

    If the two runs were alike, a patient's scores could as well be swapped (Fisher 1935, section 21). Up to EXACT
    differences all swaps are tried; of more a sample, to which the observed one is added, so that p is never 0
    (Phipson and Smyth 2010).

    Parameters
    ----------
    difference : ndarray of shape (P,)

    Returns
    -------
    p-value, and whether all swaps were tried
    """
    patients = len(difference)
    least = abs(difference.sum()) - 1e-12 * np.abs(difference).sum()  # sums in another order differ in the last bits
    if patients <= EXACT:
        return _count_as_great(_all_flips(patients), difference, least) / 2**patients, True
    rng = np.random.default_rng(seed)
    reached, left = 0, SAMPLED
    while left:
        flips = rng.integers(0, 2, (min(CHUNK, left), patients), dtype=np.int8)
        reached += _count_as_great(flips, difference, least)
        left -= len(flips)
    return (reached + 1) / (SAMPLED + 1), False


def _all_flips(patients: int) -> np.ndarray:
    """Every assignment of 0 and 1, int64 [2^patients, patients]."""
    return np.arange(2**patients)[:, None] >> np.arange(patients) & 1


def _count_as_great(flips: np.ndarray, difference: np.ndarray, least: float) -> int:
    return int((np.abs((1 - 2 * flips) @ difference) >= least).sum())
