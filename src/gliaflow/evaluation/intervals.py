"""How far a figure could have been off with other patients: the patient-level bootstrap."""

from collections.abc import Iterator

import numpy as np

LEVEL = 0.95


def resample_patients(patients: int, resamples: int = 2000, seed: int = 0) -> np.ndarray:
    """Draw cohorts of the same size with replacement: indices of patients, int64 [resamples, patients].

    A patient is drawn with all of its slices: slices of one patient are no independent witnesses.
    """
    return np.random.default_rng(seed).integers(0, patients, (resamples, patients))


def interval(values: np.ndarray, level: float = LEVEL) -> tuple[float | None, float | None]:
    """Percentile interval of a figure over resampled cohorts (Efron and Tibshirani 1993, chapter 13).

    Cohorts in which the figure is undefined (NaN) are left out; (None, None) when there is no other.
    """
    defined = values[~np.isnan(values)]
    if not defined.size:
        return None, None
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def cohort_rows(cohorts: np.ndarray, first: np.ndarray, count: np.ndarray) -> Iterator[np.ndarray]:
    """For each cohort the row numbers of its patients' slices, patient after patient: patient p has rows
    first[p] .. first[p] + count[p] - 1."""
    for cohort in cohorts:
        counts = count[cohort]
        ends = np.cumsum(counts)
        yield np.repeat(first[cohort] - ends + counts, counts) + np.arange(ends[-1])
