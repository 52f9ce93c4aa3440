"""One patient's images without their masks: each file read, checked and decoded once, and brought to size."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gliaflow.ingest.pair import Rejection, rejected_table
from gliaflow.ingest.prepare import FLAIR, resize_image
from gliaflow.ingest.reasons import UnusableFile
from gliaflow.ingest.volume_slices import SliceReader

COLUMNS = {
    "patient": "str",
    "slice": "int64",
    "site": "str",
    "image_path": "str",
    "height": "int64",
    "width": "int64",
    "brain_pixels": "int64",
}


@dataclass(frozen=True, eq=False)
class Images:
    """A patient's slices in ascending order: `images` uint8 [S, N, N, 3], and a row of `slices` for each.

    slices   : patient, slice, site, image_path, height and width of the original in pixels, brain_pixels (FLAIR above
               0, at size N)
    rejected : the files that could not be used
    """

    images: np.ndarray
    slices: pd.DataFrame
    rejected: pd.DataFrame


def prepare_images(root: Path, table: pd.DataFrame, size: int) -> Images:
    """Read the rows of an image table (one patient's) whose files lie below `root`, as `size` x `size` slices."""
    images: list[np.ndarray] = []
    slices: list[tuple[Any, ...]] = []
    rejections: list[Rejection] = []
    rows: list[Any] = list(table.sort_values("slice").itertuples(index=False))
    reader = SliceReader(root)
    for row in rows:
        try:
            image = reader.image(row.image_path, row.image_sha256)
        except UnusableFile as fault:
            rejections.append(Rejection(row.image_path, fault.reason, fault.found, "prepare"))
            continue
        prepared = resize_image(image, size)
        brain_pixels = int(np.count_nonzero(prepared[:, :, FLAIR]))
        slices.append((row.patient, row.slice, row.site, row.image_path, *image.shape[:2], brain_pixels))
        images.append(prepared)
    return Images(
        images=np.stack(images) if images else np.zeros((0, size, size, 3), np.uint8),
        slices=pd.DataFrame(slices, columns=list(COLUMNS)).astype(COLUMNS),
        rejected=rejected_table(rejections),
    )
