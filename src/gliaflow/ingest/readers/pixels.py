"""What pixels of any depth and channel count become: uint8 images of three channels, and masks of 0 and 1.

Images, by the values that the file holds:

- 8 bit: as they are. Grey becomes three equal channels; alpha is dropped; channels stay in the file's order.
- Integers of more than 8 bit, none negative: as they are where the greatest is at most 255, else
  value * 255 / greatest, one scale for all channels of the slice, rounded half up.
- Integers with negatives, and floating point: from the least value (0) to the greatest (255) of the slice, likewise;
  a slice of one value becomes 0 throughout.
- True and False become 255 and 0. An all-black slice is a slice like any other.

A mask is 1 where the file is not 0; the file may hold 0 and one other value, in one channel or in equal ones.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np

from gliaflow.ingest.reasons import UnusableFile

LEAST_SIDE = 8
MOST_PIXELS = 64_000_000
MOST_BYTES = 256 << 20  # of decoded pixels
_BLOCK = 1 << 20  # values that are scaled at a time, in float64


@dataclass
class Allowance:
    """Pixels that slices of strangers may have each, pixels and slices in all that are to come; whether it was more."""

    each: int
    pixels: int
    slices: int
    exceeded: bool = False


_allowance: ContextVar[Allowance | None] = ContextVar("allowance", default=None)


@contextmanager
def allow_slices(most: int, *, each: int, total: int) -> Iterator[Allowance]:
    """Inside, slices of more than `each` pixels, and those beyond `most` or `total` pixels, are refused by headers."""
    allowance = Allowance(each, total, most)
    token = _allowance.set(allowance)
    try:
        yield allowance
    finally:
        _allowance.reset(token)


def check_size(height: int, width: int, pixel_bytes: float = 1) -> None:
    """Refuse sizes, as a file's header states them, that are no slice's; raises UnusableFile."""
    if height * width > MOST_PIXELS:
        raise UnusableFile("too_many_pixels", f"{height} x {width} pixels, more than {MOST_PIXELS // 10**6} million")
    if height * width * pixel_bytes > MOST_BYTES:
        raise UnusableFile("too_many_pixels", f"{height} x {width} pixels of {pixel_bytes:g} bytes each")
    check_allowed(1, height, width)
    if min(height, width) < LEAST_SIDE:
        raise UnusableFile("too_small", f"{height} x {width} pixels")


def check_allowed(slices: int, height: int, width: int) -> None:
    """Refuse slices, as headers state them, that are more or larger than `allow_slices` lets in."""
    allowance = _allowance.get()
    if allowance is None:
        return
    too_large = height * width > allowance.each
    if too_large or slices > allowance.slices or slices * height * width > allowance.pixels:
        allowance.exceeded |= not too_large
        several = f"{slices} slices of " if slices > 1 else ""
        raise UnusableFile("too_many_pixels", f"{several}{height} x {width} pixels, more than are taken here")


def count_allowed(slices: int, height: int, width: int) -> None:
    """Count slices that were let in: so many fewer may come."""
    if allowance := _allowance.get():
        allowance.slices -= slices
        allowance.pixels -= slices * height * width


def to_image(pixels: np.ndarray) -> np.ndarray:
    """An image uint8 [H, W, 3] from decoded `pixels` [H, W] or [H, W, 1, 3 or 4] (RGB order); raises UnusableFile."""
    colours = _colours(pixels)
    _check_values(colours)
    if colours.dtype == np.bool_:
        colours = colours.astype(np.uint8) * np.uint8(255)
    elif colours.dtype != np.uint8:
        colours = _to_8_bit(colours)
    count_allowed(1, *colours.shape[:2])
    image = np.broadcast_to(colours, (*colours.shape[:2], 3))  # (H, W, 1 or 3) -> (H, W, 3)
    return np.require(image, requirements=["C", "W"])


def to_mask(pixels: np.ndarray) -> np.ndarray:
    """A mask uint8 {0, 1} [H, W] from decoded `pixels` as for `to_image`; raises UnusableFile."""
    colours = _colours(pixels)
    _check_values(colours)
    if colours.shape[2] == 3 and not (colours == colours[:, :, :1]).all():
        raise UnusableFile("non_binary_mask", "channels that differ")
    grey = colours[:, :, 0]  # (H, W, 1 or 3) -> (H, W)
    tumor = grey != 0
    values = np.unique(grey[tumor])
    if len(values) > 1 or (len(values) == 1 and values[0] < 0):
        shown = ", ".join(str(value) for value in values[:5].tolist())
        raise UnusableFile(
            "non_binary_mask", f"{len(values)} values beside 0: {shown}{', ...' if len(values) > 5 else ''}"
        )
    return tumor.astype(np.uint8)


def _colours(pixels: np.ndarray) -> np.ndarray:
    """Pixels [H, W, 1 or 3], without alpha."""
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]  # (H, W) -> (H, W, 1)
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4):
        found = f"{pixels.shape[2]} channels" if pixels.ndim == 3 else f"an array of shape {pixels.shape}"
        raise UnusableFile("wrong_channels", found)
    check_size(*pixels.shape[:2])
    return pixels[:, :, :3]


def _check_values(colours: np.ndarray) -> None:
    if colours.dtype.kind not in "buif":
        raise UnusableFile("wrong_depth", f"pixels of type {colours.dtype}")
    if colours.dtype.kind == "f" and not np.isfinite(colours).all():
        raise UnusableFile("not_finite", f"{int((~np.isfinite(colours)).sum())} values that are NaN or infinite")


def _to_8_bit(colours: np.ndarray) -> np.ndarray:
    greatest, least = float(colours.max()), float(colours.min())
    if colours.dtype.kind != "f" and least >= 0:
        if greatest <= 255:
            return colours.astype(np.uint8)
        least = 0.0
    if greatest == least:
        return np.zeros(colours.shape, np.uint8)
    scaled = np.empty(colours.shape, np.uint8)
    rows = max(1, _BLOCK // colours[0].size)
    for start in range(0, len(colours), rows):
        share = (colours[start : start + rows].astype(np.float64) - least) / (greatest - least)
        scaled[start : start + rows] = np.floor(share * 255 + 0.5)
    return scaled
