"""The operating threshold: chosen on val alone, by what it does to the headline figure."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Threshold:
    """Where probability becomes tumour: a pixel is tumour when round(255 * probability) >= `value`.

    value : 1..255
    dice  : mean volume Dice of the val patients at that threshold
    curve : the same at each of the thresholds 1..255
    """

    value: int
    dice: float
    curve: tuple[float, ...]


def tumor_histograms(quantised: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """How often each probability occurs outside (row 0) and inside (row 1) the true tumour.

    Parameters
    ----------
    quantised : ndarray of shape (S, H, W), uint8
        round(255 * probability).
    masks : ndarray of shape (S, H, W), uint8 {0, 1}

    Returns
    -------
    ndarray of shape (2, 256), int64
    """
    if quantised.shape != masks.shape or quantised.dtype != np.uint8:
        raise ValueError(
            f"Probabilities must be uint8 and of the shape of their masks; received {quantised.dtype} "
            f"{quantised.shape} for masks {masks.shape}."
        )
    counts = np.zeros((2, 256), np.int64)
    for values, mask in zip(quantised, masks, strict=True):  # slice by slice: a volume may lie on disk
        counts += np.bincount(values.ravel() + 256 * (mask.ravel() > 0), minlength=512).reshape(2, 256)
    return counts


def choose_threshold(histograms: Mapping[str, np.ndarray]) -> Threshold:
    """The threshold with the greatest mean volume Dice over patients.

    Dice pools a patient's slices. A patient without tumour has Dice 1 where nothing is predicted, else 0. Of several
    best thresholds it is the middle one of the longest run of them (of equally long runs, the one nearest to 128), so
    that it does not hang on a pixel.

    Parameters
    ----------
    histograms : mapping of patient to ndarray of shape (2, 256)
        `tumor_histograms` of the patients of val, and of no others.
    """
    counts = np.array([histogram for _, histogram in sorted(histograms.items())], np.int64).reshape(-1, 2, 256)
    counts = counts[counts.any(axis=(1, 2))]
    if not len(counts):
        raise ValueError("The threshold is chosen on val, and val has no slices. Split so that val has a patient.")
    predicted = counts[:, :, ::-1].cumsum(axis=2)[:, :, ::-1][:, :, 1:]  # [P, 2, 255]: pixels at or above 1..255
    sizes = counts[:, 1].sum(axis=1)[:, None] + predicted.sum(axis=1)  # [P, 255]
    dice = np.where(sizes > 0, 2 * predicted[:, 1] / np.maximum(sizes, 1), 1.0)
    curve = dice.mean(axis=0)
    value = _middle_of_plateau(curve >= curve.max() - 1e-9) + 1
    return Threshold(value=value, dice=float(curve[value - 1]), curve=tuple(curve.tolist()))


def _middle_of_plateau(best: np.ndarray) -> int:
    """Index in the middle of the longest run of True; of equal runs, the one nearest to the middle of the scale."""
    edges = np.flatnonzero(np.diff(best.astype(int), prepend=0, append=0))
    runs = [((start + stop - 1) // 2, stop - start) for start, stop in edges.reshape(-1, 2).tolist()]
    middle, _ = max(runs, key=lambda run: (run[1], -abs(run[0] - 127)))
    return int(middle)
