"""Predicted masks back in the geometry of the images they belong to, and onto disk."""

from pathlib import Path

import cv2
import numpy as np

from gliaflow.ingest.square import crop_square, padded_size
from gliaflow.ingest.studies.study import Spacing

COMPRESSION = 3  # of PNG: with 6 an overlay takes 6 % less room and more than twice the time


def restore_mask(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bring a mask of prepared size back to the original image's: each pixel takes the value nearest to its centre.

    The counterpart of how `prepare` resizes masks, by the same rule of OpenCV (INTER_NEAREST_EXACT).

    Parameters
    ----------
    mask : ndarray of shape (M, N), uint8 {0, 1}
    height, width : int
        Of the original image in pixels.

    Returns
    -------
    ndarray of shape (height, width), uint8 {0, 1}
    """
    _check_mask(mask)
    if height < 1 or width < 1:
        raise ValueError(f"An image has at least one pixel each way; received height {height} and width {width}.")
    if mask.shape == (height, width):
        return mask.copy()
    size = (int(width), int(height))
    return np.asarray(cv2.resize(np.ascontiguousarray(mask), size, interpolation=cv2.INTER_NEAREST_EXACT))


def restore_in_field(mask: np.ndarray, height: int, width: int, spacing: Spacing | None) -> np.ndarray:
    """As `restore_mask`, for an image that was padded to a square field of view (`pad_square`) before."""
    return crop_square(restore_mask(mask, *padded_size(height, width, spacing)), height, width, spacing)


def write_mask(path: Path, mask: np.ndarray) -> None:
    """Write a mask, uint8 {0, 1} [H, W], as a grey PNG of 0 and 255; equal masks give equal bytes.

    Raises `ValueError` for another kind of array or a name that doesn't end in .png, `OSError` when the disk refuses.
    """
    _check_mask(mask)
    write_png(path, mask * np.uint8(255))


def write_png(path: Path, picture: np.ndarray) -> None:
    """Write uint8 [H, W] (grey) or [H, W, 3] (red, green, blue) as PNG; equal pictures give equal bytes."""
    if path.suffix.lower() != ".png":
        raise ValueError(f"Masks and overlays are written as PNG, to a name that ends in .png; received {path.name!r}.")
    ordered = picture[..., ::-1] if picture.ndim == 3 else picture  # OpenCV takes blue first
    ok, content = cv2.imencode(".png", np.ascontiguousarray(ordered), [cv2.IMWRITE_PNG_COMPRESSION, COMPRESSION])
    assert ok, "OpenCV encodes every uint8 picture"
    path.write_bytes(content.tobytes())


def _check_mask(mask: np.ndarray) -> None:
    if mask.ndim != 2 or mask.dtype != np.uint8 or mask.max(initial=0) > 1:
        raise ValueError(
            f"A mask is uint8, of two dimensions and holds 0 and 1 only; received {mask.dtype} {mask.shape} "
            f"up to {mask.max(initial=0)}. Compare probabilities with a threshold first."
        )
