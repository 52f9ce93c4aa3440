"""From probabilities to masks: the threshold, and the filter of components too small to be believed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

NEIGHBOURS = np.ones((3, 3, 3), bool)  # 26: what touches at a corner, within a slice or from slice to slice, is one


@dataclass(frozen=True, eq=False)
class Components:
    """The predicted components of a patient's volume, one entry each, as far as they bear on its scored slices.

    size       : pixels over all slices of the volume, which is what the filter goes by
    predicted  : pixels in the scored slices
    overlap    : of these, pixels inside the true tumour
    true_pixels: pixels of the true tumour in the scored slices
    """

    size: np.ndarray
    predicted: np.ndarray
    overlap: np.ndarray
    true_pixels: int

    def dice(self, min_pixels: int) -> float:
        """Dice of the scored slices without components of fewer pixels; 1 where neither mask has a pixel."""
        kept = self.size >= min_pixels
        total = self.true_pixels + int(self.predicted[kept].sum())
        return 2 * int(self.overlap[kept].sum()) / total if total else 1.0


def predicted_masks(quantised: np.ndarray, threshold: int, min_pixels: int = 0) -> np.ndarray:
    """The predicted masks of a patient; the only place where probabilities become masks.

    Parameters
    ----------
    quantised : ndarray of shape (S, H, W), uint8
        round(255 * probability) of all the patient's slices, in order.
    threshold : int
        1..255; a pixel is tumour where `quantised >= threshold`.
    min_pixels : int
        Components of fewer pixels are dropped. A component is what hangs together over the 26 neighbours of a pixel in
        its slice and the two beside it; its size is counted over all slices. 0 and 1 drop nothing.

    Returns
    -------
    ndarray of shape (S, H, W), uint8 {0, 1}
    """
    above = _above(quantised, threshold)
    if min_pixels < 0:
        raise ValueError(f"The least size of a component is 0 pixels or more; received {min_pixels}.")
    if min_pixels <= 1:
        return above.astype(np.uint8)
    labels, sizes = _label(above)
    kept = (sizes >= min_pixels).astype(np.uint8)
    kept[0] = 0  # the background
    return np.asarray(kept[labels])  # [components + 1] -> [S, H, W]


def find_components(
    quantised: np.ndarray, masks: np.ndarray, threshold: int, scored: Sequence[int] | np.ndarray
) -> Components:
    """The components above `threshold` in a volume uint8 [S, H, W], measured against its true masks in `scored` slices.

    `scored` are row numbers of the volume. Where patients are whole in one part these are all rows.
    """
    if quantised.shape != masks.shape:
        raise ValueError(f"Probabilities {quantised.shape} and masks {masks.shape} must have one shape.")
    labels, sizes = _label(_above(quantised, threshold))
    seen, tumor = labels[scored], masks[scored] > 0
    predicted = np.bincount(seen.ravel(), minlength=len(sizes))
    overlap = np.bincount(seen[tumor], minlength=len(sizes))
    return Components(sizes[1:], predicted[1:], overlap[1:], int(np.count_nonzero(tumor)))


def _above(quantised: np.ndarray, threshold: int) -> np.ndarray:
    """Where a pixel reaches the threshold, bool [S, H, W]."""
    if quantised.ndim != 3 or quantised.dtype != np.uint8:
        raise ValueError(
            f"Probabilities of a patient are uint8 of shape (slices, height, width), round(255 * probability); "
            f"received {quantised.dtype} {quantised.shape}."
        )
    if not 1 <= threshold <= 255:
        raise ValueError(f"A threshold on round(255 * probability) lies between 1 and 255; received {threshold}.")
    return np.asarray(quantised >= threshold)


def _label(above: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Components numbered from 1, int32 [S, H, W], and how many pixels bear each number, the background's 0 first."""
    labels, _ = ndimage.label(above, NEIGHBOURS)
    return labels, np.bincount(labels.ravel(), minlength=1)
