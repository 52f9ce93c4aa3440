"""Whether probabilities can be taken at their word: reliability curves, calibration error and Brier score.

Slices and pixels are treated alike: a row says how many of them bear one probability, and how many of these are tumour.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from gliaflow.evaluation.intervals import interval, resample_patients

BINS = 10
LEVELS = 255  # a pixel's probability is level / LEVELS


def confidence_table(histograms: Mapping[tuple[str, str], np.ndarray]) -> pd.DataFrame:
    """How often each probability occurs, and how often inside the tumour, from `tumor_histograms` [2, 256].

    Takes a histogram by (patient, part); gives columns patient, part, level (0..255), pixels, tumor_pixels, sorted by
    the first three, without levels that don't occur.
    """
    tables = []
    for (patient, part), counts in sorted(histograms.items()):
        level = np.flatnonzero(counts.any(axis=0))
        pixels, tumor = counts[:, level].sum(axis=0), counts[1, level]
        tables.append(
            pd.DataFrame(
                {"patient": patient, "part": part, "level": level, "pixels": pixels, "tumor_pixels": tumor}
            ).astype({"patient": "str", "part": "str"})
        )
    return pd.concat(tables, ignore_index=True)


def bin_sums(
    probability: np.ndarray, number: np.ndarray, tumor: np.ndarray, patient: np.ndarray, patients: int
) -> np.ndarray:
    """Each patient's sums in BINS equal bins of probability.

    A bin takes its upper edge and not its lower one, the first takes both (as scikit-learn's calibration_curve).

    Parameters
    ----------
    probability : ndarray of shape (N,), 0..1
    number, tumor : ndarray of shape (N,)
        How many slices or pixels bear that probability, and how many of these are tumour.
    patient : ndarray of shape (N,), int
        0, 1, ... P - 1.
    patients : int
        P.

    Returns
    -------
    ndarray of shape (P, 3, BINS), float64
        The number, the sum of their probabilities, and the number of tumours.
    """
    place = patient * BINS + np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], probability, side="left")
    columns = [
        np.bincount(place, weights=weights, minlength=patients * BINS).reshape(patients, BINS)
        for weights in (number, number * probability, tumor)
    ]
    return np.stack(columns, axis=1)


def calibration_error(sums: np.ndarray) -> np.ndarray:
    """The expected calibration error (Naeini et al. 2015) of sums [..., 3, BINS]; NaN where there is nothing.

    The mean over bins of |mean probability - share of tumour|, each bin weighing what it holds.
    """
    number, probability, tumor = np.moveaxis(sums, -2, 0)
    total = number.sum(axis=-1)
    return np.where(total > 0, np.abs(probability - tumor).sum(axis=-1) / np.maximum(total, 1), np.nan)


def squared_errors(probability: np.ndarray, number: np.ndarray, tumor: np.ndarray) -> np.ndarray:
    """Each row's sum of (probability - truth)^2; over their number it is the Brier score (Brier 1950)."""
    return np.asarray(tumor * (1 - probability) ** 2 + (number - tumor) * probability**2)


def slice_reliability(predictions: pd.DataFrame, part: str, *, resamples: int = 2000, seed: int = 0) -> pd.DataFrame:
    """The reliability curve of "this slice has tumour" in one part of the predictions table; see `reliability`."""
    rows = predictions[predictions["part"] == part]
    one, tumor = np.ones(len(rows)), (rows["mask"] == 1).to_numpy(float)
    return reliability(rows["patient"], rows["tumor_probability"].to_numpy(), one, tumor, resamples, seed)


def pixel_reliability(confidence: pd.DataFrame, part: str, *, resamples: int = 2000, seed: int = 0) -> pd.DataFrame:
    """The reliability curve of "this pixel is tumour" in one part of the confidence table; see `reliability`."""
    rows = confidence[confidence["part"] == part]
    number, tumor = rows["pixels"].to_numpy(float), rows["tumor_pixels"].to_numpy(float)
    return reliability(rows["patient"], rows["level"].to_numpy() / LEVELS, number, tumor, resamples, seed)


def reliability(
    patients: pd.Series, probability: np.ndarray, number: np.ndarray, tumor: np.ndarray, resamples: int, seed: int
) -> pd.DataFrame:
    """A row a bin of probability, low to high, with what was said and what was so.

    Columns: low, high (the bin's edges), n, predicted (mean probability), observed (share of tumour), observed_low,
    observed_high (its 95 % interval over resampled patients). What is not known is NaN: the figures of an empty bin,
    and the interval where fewer than two patients are in the bin.
    """
    edges = np.linspace(0, 1, BINS + 1)
    codes, names = pd.factorize(patients, sort=True)
    sums = bin_sums(probability, number, tumor, codes, len(names))  # [P, 3, BINS]
    count, said, so = sums.sum(axis=0)
    known = count > 0
    low, high = np.full(BINS, np.nan), np.full(BINS, np.nan)
    if len(sums) > 1:
        cohorts = resample_patients(len(sums), resamples, seed)
        for place in np.flatnonzero(np.count_nonzero(sums[:, 0], axis=0) > 1):
            drawn = sums[:, :, place][cohorts].sum(axis=1)  # [R, P, 3] -> [R, 3]
            shares = np.where(drawn[:, 0] > 0, drawn[:, 2] / np.maximum(drawn[:, 0], 1), np.nan)
            low[place], high[place] = interval(shares)
    return pd.DataFrame(
        {
            "low": edges[:-1],
            "high": edges[1:],
            "n": count.astype("int64"),
            "predicted": np.where(known, said / np.maximum(count, 1), np.nan),
            "observed": np.where(known, so / np.maximum(count, 1), np.nan),
            "observed_low": low,
            "observed_high": high,
        }
    )
