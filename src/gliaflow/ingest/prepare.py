"""One patient's pairs become one volume: each file read, checked and decoded once, brought to size and measured."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from gliaflow.ingest.pair import Rejection, rejected_table
from gliaflow.ingest.reasons import UnusableFile
from gliaflow.ingest.volume_slices import SliceReader
from gliaflow.ingest.volumes import Volume

PRE, FLAIR, POST = 0, 1, 2
FACT_COLUMNS = {
    "patient": "str",
    "slice": "int64",
    "index": "int64",
    "height": "int64",
    "width": "int64",
    "tumor_pixels": "int64",
    "brain_pixels": "int64",
    "missing": "str",
    "mean_pre": "float64",
    "mean_flair": "float64",
    "mean_post": "float64",
    "phash": "str",
}


def prepare_volume(root: Path, slices: pd.DataFrame, size: int = 256) -> Volume:
    """Prepare the rows of a slice table (one patient's) whose files lie below `root`, as `size` x `size` slices.

    A slice whose image or mask can't be used is left out, and both files are in the volume's rejected table.
    """
    images: list[np.ndarray] = []
    masks: list[np.ndarray] = []
    facts: list[tuple[Any, ...]] = []
    rejections: list[Rejection] = []
    rows: list[Any] = list(slices.sort_values(["patient", "slice"]).itertuples(index=False))
    reader = SliceReader(root)
    for row in rows:
        try:
            image, mask = _read_pair(reader, row)
        except _Unusable as unusable:
            rejections += unusable.rejections
            continue
        prepared, prepared_mask = resize_image(image, size), resize_mask(mask, size)
        facts.append((row.patient, row.slice, len(facts), *mask.shape, *_measure(image, prepared, prepared_mask)))
        images.append(prepared)
        masks.append(prepared_mask)
    return Volume(
        images=np.stack(images) if images else np.zeros((0, size, size, 3), np.uint8),
        masks=np.stack(masks) if masks else np.zeros((0, size, size), np.uint8),
        facts=pd.DataFrame(facts, columns=list(FACT_COLUMNS)).astype(FACT_COLUMNS),
        rejected=rejected_table(rejections),
    )


class _Unusable(Exception):
    """A pair that can't be used: the file at fault, and its partner."""

    def __init__(self, *rejections: Rejection) -> None:
        super().__init__(rejections)
        self.rejections = rejections


def _read_pair(reader: SliceReader, row: Any) -> tuple[np.ndarray, np.ndarray]:
    """Image uint8 [H, W, 3] and mask uint8 {0, 1} [H, W] of a row of the slice table."""
    read: dict[str, np.ndarray] = {}
    faults: dict[str, UnusableFile] = {}
    paths = {"image": row.image_path, "mask": row.mask_path}
    for role, digest in (("image", row.image_sha256), ("mask", row.mask_sha256)):
        try:
            path = paths[role]
            read[role] = (
                reader.image(path, digest)
                if role == "image"
                else reader.mask(path, digest, row.image_path, row.image_sha256)
            )
        except UnusableFile as fault:
            faults[role] = fault
    if not faults and read["image"].shape[:2] != read["mask"].shape:
        (height, width), (mask_height, mask_width) = read["image"].shape[:2], read["mask"].shape
        found = f"a mask of {mask_height} x {mask_width} for an image of {height} x {width}"
        faults["mask"] = UnusableFile("mask_size_differs", found)
    if not faults:
        return read["image"], read["mask"]
    rejections = [Rejection(paths[role], fault.reason, fault.found, "prepare") for role, fault in faults.items()]
    for role, partner in (("image", "mask"), ("mask", "image")):
        if role not in faults:
            found = f"its {partner} {paths[partner]} can't be used: {faults[partner].reason}"
            rejections.append(Rejection(paths[role], "partner_unusable", found, "prepare"))
    raise _Unusable(*rejections)


def resize_image(image: np.ndarray, size: int) -> np.ndarray:
    """An image uint8 [H, W, 3] as uint8 [size, size, 3]: by area where a side shrinks, then linearly where one grows.

    (Area interpolation only averages; OpenCV's, when it grows a side, repeats pixels instead.)
    """
    height, width = image.shape[:2]
    smaller = (min(width, size), min(height, size))
    if smaller != (width, height):
        image = cv2.resize(image, smaller, interpolation=cv2.INTER_AREA)
    if smaller != (size, size):
        image = cv2.resize(image, (size, size), interpolation=cv2.INTER_LINEAR)
    return image


def resize_mask(mask: np.ndarray, size: int) -> np.ndarray:
    """A mask uint8 {0, 1} [H, W] as uint8 {0, 1} [size, size]: each pixel is the one nearest to its centre."""
    if mask.shape == (size, size):
        return mask
    return cv2.resize(mask, (size, size), interpolation=cv2.INTER_NEAREST_EXACT)


def _measure(
    image: np.ndarray, prepared: np.ndarray, mask: np.ndarray
) -> tuple[int, int, str, float, float, float, str]:
    """tumor_pixels, brain_pixels, missing, the three means and phash of one slice."""
    pre, flair, post = (int(prepared[:, :, channel].sum()) / mask.size for channel in (PRE, FLAIR, POST))
    brain_pixels = int(np.count_nonzero(prepared[:, :, FLAIR]))
    return int(mask.sum()), brain_pixels, missing_sequences(image), pre, flair, post, phash(prepared[:, :, FLAIR])


def missing_sequences(image: np.ndarray) -> str:
    """Which of "pre", "post" are a copy of FLAIR in an image uint8 [H, W, 3], joined by a comma.

    The data set puts FLAIR in the place of a sequence that was not taken. An all-black slice tells nothing: "".
    """
    flair = image[:, :, FLAIR]
    if not flair.any():
        return ""
    named = (("pre", PRE), ("post", POST))
    return ",".join(name for name, channel in named if np.array_equal(image[:, :, channel], flair))


def phash(flair: np.ndarray) -> str:
    """Perceptual hash of a slice uint8 [H, W]: 64 bits as 16 hex digits; near-duplicates differ in few bits.

    The slice is brought to 32 x 32 by area, its 2-D DCT-II (orthonormal, float64) cut to the 8 x 8 lowest frequencies.
    Bit k, row by row from the highest, is 1 where coefficient k exceeds the median of the 63 others than the constant,
    rounded to 6 decimals; the constant's own bit is 0. After C. Zauner, "Implementation and Benchmarking of Perceptual
    Image Hash Functions", 2010.
    """
    small = cv2.resize(flair.astype(np.float64), (32, 32), interpolation=cv2.INTER_AREA)
    waves = np.round(cv2.dct(small)[:8, :8].ravel(), 6)
    bits = waves > np.median(waves[1:])
    bits[0] = False
    return np.packbits(bits).tobytes().hex()
