"""MRI slices as pictures: strips of cells for a page."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from gliaflow.inference.overlays import draw_overlay

CELL = 256
SHARP = 384  # cells that are shown larger
GAP = 4
GAP_GREY = 46
MARGIN = 6  # pixels left around the head
HEAD = 24  # mean intensity above which a pixel is head, not noise
BRIGHTEST = 99.5  # percentile
WEBP_QUALITY = 80


@dataclass(frozen=True, eq=False)
class Strip:
    """Cells (uint8 [H, W, 3], RGB) shown side by side, with a name, a note (slice, Dice) and a text for `alt`."""

    cells: Sequence[np.ndarray]
    name: str
    note: str
    alt: str

    @property
    def image(self) -> np.ndarray:
        """uint8 [cell, n * cell + (n - 1) * GAP, 3], RGB."""
        return beside(self.cells)

    @property
    def width(self) -> int:
        return int(self.image.shape[1])

    @property
    def height(self) -> int:
        return int(self.image.shape[0])

    def part(self, first: int, last: int, shown: str) -> "Strip":
        """The cells first..last - 1 as a strip of their own; `shown` says in words what they are."""
        return Strip(self.cells[first:last], self.name, self.note, f"{self.alt} {shown}")

    @property
    def src(self) -> str:
        """The picture as a WebP data: address."""
        return webp_address(self.image)


class Viewer:
    """One slice in each of the ways that the report shows it: cropped to the head, in square cells of `cell` pixels."""

    def __init__(self, image: np.ndarray, true: np.ndarray, predicted: np.ndarray | None, cell: int = CELL) -> None:
        masks = [true] if predicted is None else [true, predicted]
        box = head_box(image, masks)
        self._image = brighten(image[box])
        self._true = np.ascontiguousarray(true[box])
        self._predicted = None if predicted is None else np.ascontiguousarray(predicted[box])
        self._cell = cell

    def sequence(self, channel: int) -> np.ndarray:
        """One sequence in grey: 0 pre-contrast, 1 FLAIR, 2 post-contrast."""
        return self._scaled(np.repeat(self._image[..., channel : channel + 1], 3, axis=2))

    def composite(self) -> np.ndarray:
        """Pre-contrast as red, FLAIR as green, post-contrast as blue, as the image files hold them."""
        return self._scaled(self._image)

    def true_mask(self) -> np.ndarray:
        return self._mask(self._true)

    def predicted_mask(self) -> np.ndarray:
        """White on black; plain grey where there is no prediction."""
        if self._predicted is None:
            return np.full((self._cell, self._cell, 3), GAP_GREY, np.uint8)
        return self._mask(self._predicted)

    def overlay(self, *, true: bool = False, predicted: bool = False) -> np.ndarray:
        """FLAIR in grey with the outlines asked for, drawn at half the size: two pixels thick in the cell."""
        half = (self._cell // 2, self._cell // 2)
        image = cv2.resize(self._image, half, interpolation=cv2.INTER_AREA)
        masks = [
            None if mask is None or not wanted else _shrink(mask, half)
            for mask, wanted in ((self._true, true), (self._predicted, predicted))
        ]
        return self._scaled(draw_overlay(image, *masks))

    def _mask(self, mask: np.ndarray) -> np.ndarray:
        grey = np.where(mask > 0, 255, 0).astype(np.uint8)
        return self._scaled(np.repeat(grey[..., None], 3, axis=2))  # (H, W) -> (H, W, 3)

    def _scaled(self, picture: np.ndarray) -> np.ndarray:
        smaller = picture.shape[0] > self._cell
        how = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
        return cv2.resize(picture, (self._cell, self._cell), interpolation=how)


def head_box(image: np.ndarray, masks: Sequence[np.ndarray]) -> tuple[slice, slice]:
    """The smallest square with head and masks and some margin, inside the image; all of it where there is no head."""
    height, width = image.shape[:2]
    head = image.mean(axis=2) > HEAD  # (H, W, 3) -> (H, W)
    rows, columns = head.sum(axis=1) > 4, head.sum(axis=0) > 4
    for mask in masks:
        rows |= mask.any(axis=1)
        columns |= mask.any(axis=0)
    if not rows.any() or not columns.any():
        return slice(0, height), slice(0, width)
    top, bottom = np.flatnonzero(rows)[[0, -1]]
    left, right = np.flatnonzero(columns)[[0, -1]]
    side = min(max(bottom - top, right - left) + 1 + 2 * MARGIN, height, width)
    return _span(int(top), int(bottom), int(side), height), _span(int(left), int(right), int(side), width)


def _shrink(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A mask at another size, uint8 {0, 1}: tumour where it covers a quarter of the new pixel, so that specks stay."""
    return np.asarray(cv2.resize((mask > 0).astype(np.float32), size, interpolation=cv2.INTER_AREA) >= 0.25, np.uint8)


def brighten(image: np.ndarray) -> np.ndarray:
    """Each sequence of uint8 [H, W, 3] stretched so that its brightest half per cent is white; black stays black."""
    top = np.maximum(np.percentile(image, BRIGHTEST, axis=(0, 1)), 1)
    return np.clip(np.round(image * (255 / top)), 0, 255).astype(np.uint8)


def _span(first: int, last: int, side: int, size: int) -> slice:
    """`side` pixels around the middle of first..last, moved to lie within 0..size."""
    start = min(max((first + last + 1 - side) // 2, 0), size - side)
    return slice(start, start + side)


def beside(cells: Sequence[np.ndarray], gap: int = GAP) -> np.ndarray:
    """Cells of equal height side by side, a thin grey gap between."""
    bar = np.full((cells[0].shape[0], gap, 3), GAP_GREY, np.uint8)
    pieces = [piece for cell in cells for piece in (bar, cell)][1:]
    return np.hstack(pieces)


def webp_address(picture: np.ndarray) -> str:
    """RGB uint8 [H, W, 3] as a WebP data: address."""
    return data_address(_encode(picture, ".webp", [cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY]), "image/webp")


def data_address(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _encode(picture: np.ndarray, kind: str, options: list[int]) -> bytes:
    done, encoded = cv2.imencode(
        kind, np.ascontiguousarray(picture[..., ::-1]), options
    )  # RGB -> BGR, as OpenCV writes
    assert done, f"OpenCV could not encode a {kind} of {picture.shape}"
    return bytes(encoded)
