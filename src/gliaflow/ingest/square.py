"""Slices whose field of view is no square in millimetres, padded with black to one, and cropped again.

A network takes squares: squeezed into one, a head would be another shape than those that it was trained on.
"""

import numpy as np

from gliaflow.ingest.studies.study import Spacing


def pad_square(image: np.ndarray, spacing: Spacing | None) -> np.ndarray:
    """An image [H, W, ...] with black on the shorter sides; as it is where the spacing isn't known."""
    (above, below), (left, right) = _margins(image.shape[0], image.shape[1], spacing)
    if not (above or below or left or right):
        return image
    return np.pad(image, [(above, below), (left, right)] + [(0, 0)] * (image.ndim - 2))


def padded_size(height: int, width: int, spacing: Spacing | None) -> tuple[int, int]:
    """Height and width after `pad_square`."""
    (above, below), (left, right) = _margins(height, width, spacing)
    return above + height + below, left + width + right


def crop_square(image: np.ndarray, height: int, width: int, spacing: Spacing | None) -> np.ndarray:
    """The `height` x `width` of a padded image [H, W, ...] that were there before `pad_square`."""
    (above, _), (left, _) = _margins(height, width, spacing)
    return image[above : above + height, left : left + width]


def _margins(height: int, width: int, spacing: Spacing | None) -> tuple[tuple[int, int], tuple[int, int]]:
    """Pixels to add above and below, left and right."""
    if spacing is None:
        return (0, 0), (0, 0)
    side = max(height * spacing.rows, width * spacing.columns)  # mm
    rows = max(0, round(side / spacing.rows) - height)
    columns = max(0, round(side / spacing.columns) - width)
    return (rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2)
