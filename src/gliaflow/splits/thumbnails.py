"""Small pictures of slices, from the prepared volumes, for the leak audit to compare."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from gliaflow.splits.leaks import Thumbnails
from gliaflow.store.arrays import Arrays

SIZE = 32
FLAIR = 1


def open_thumbnails(labels: pd.DataFrame, volumes: Mapping[str, Path]) -> Thumbnails:
    """A function from (patient, slice number) pairs to FLAIR thumbnails, uint8 [n, 32, 32], by area averaging.

    `labels` says at which index of its patient's volume a slice lies; only the slices asked for are read.
    """
    index = labels.set_index(["patient", "slice"])["index"].to_dict()

    def thumbnails(slices: list[tuple[str, int]]) -> np.ndarray:
        pictures = np.empty((len(slices), SIZE, SIZE), np.uint8)
        images = Arrays({patient: volumes[patient] / "images.npy" for patient, _ in slices})
        for i, (patient, number) in enumerate(slices):
            flair = images[patient][index[patient, number]][..., FLAIR]
            pictures[i] = cv2.resize(np.ascontiguousarray(flair), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        return pictures

    return thumbnails
