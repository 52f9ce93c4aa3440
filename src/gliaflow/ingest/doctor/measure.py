"""What is looked at in a patient's pixels: read once, one volume in memory at a time, only figures kept of it."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from gliaflow.ingest.prepare import FLAIR, POST, PRE, prepare_volume

HEAD = 24  # grey value above which a pixel of any sequence is head, not noise; in dark slices,
DARK_HEAD = 0.25  # this share of what is the brightest hundredth's least, where that is lower
SIGNAL = 10  # grey value that a pixel must exceed in all sequences to be compared between them
STEP = 4  # of the prepared pixels every STEP-th row and column is compared: neighbours say the same
LEAST_PIXELS = 2000  # compared pixels below which a patient's correlations are chance
LIKE = 0.2  # correlation that one of the sequences has with FLAIR in every real patient; noise stays below
SIDE = 32  # pixels of a thumbnail, as the leak audit wants them


@dataclass(frozen=True, eq=False)
class Measured:
    """One patient's figures.

    facts      : one row a slice, as prepared, and beside that head_pixels, border_pixels (tumour on the outermost rows
                 and columns) and deviation (standard deviation of the FLAIR thumbnail, grey values)
    rejected   : rejected table of files that could not be used
    thumbnails : uint8 [S, 32, 32], FLAIR, row by row those of `facts`
    lead       : how much more like FLAIR the first channel is than the third, -2 to 2; NaN where that can't be told
    """

    facts: pd.DataFrame
    rejected: pd.DataFrame
    thumbnails: np.ndarray
    lead: float


def measure_patient(root: Path, slices: pd.DataFrame) -> Measured:
    """Read the rows of a slice table (one patient's) whose files lie below `root`, as a run prepares them."""
    volume = prepare_volume(root, slices)
    flairs = (np.ascontiguousarray(image[:, :, FLAIR]) for image in volume.images)
    thumbnails = np.zeros((len(volume.images), SIDE, SIDE), np.uint8)
    for index, flair in enumerate(flairs):
        thumbnails[index] = cv2.resize(flair, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    facts = volume.facts.assign(
        head_pixels=np.array([head_pixels(image) for image in volume.images], np.int64),
        border_pixels=np.array([border_pixels(mask) for mask in volume.masks], np.int64),
        deviation=thumbnails.std(axis=(1, 2)),
    )
    complete = facts["missing"].to_numpy() == ""
    return Measured(facts, volume.rejected, thumbnails, channel_lead(volume.images[complete][:, ::STEP, ::STEP]))


def head_pixels(image: np.ndarray) -> int:
    """How many pixels of an image uint8 [H, W, 3] are head."""
    pre, flair, post = cv2.split(image)  # (H, W, 3) -> 3 x (H, W): thirty times as fast as max(axis=2)
    brightest = cv2.max(cv2.max(pre, flair), post)
    upto = np.cumsum(cv2.calcHist([brightest], [0], None, [256], [0, 256]))
    bright = int(np.searchsorted(upto, 0.99 * brightest.size))  # the 99th percentile
    return int(np.count_nonzero(brightest > min(HEAD, DARK_HEAD * bright)))


def border_pixels(mask: np.ndarray) -> int:
    """How many pixels of a mask uint8 {0, 1} [H, W] are tumour and lie on the image's outermost rows or columns."""
    return int(mask.sum()) - int(mask[1:-1, 1:-1].sum())


def channel_lead(images: np.ndarray) -> float:
    """Correlation of FLAIR with the first channel less that with the third, over pixels with signal in all three.

    `images` are uint8 [S, H, W, 3]. Before contrast, vessels and mucosa are as dark as in FLAIR; after it they are
    bright: so pre-contrast is more like FLAIR than post-contrast is. NaN where there are few pixels, or FLAIR is like
    neither.
    """
    pixels = images.reshape(-1, 3)  # (S, H, W, 3) -> (S * H * W, 3)
    least = np.minimum(np.minimum(pixels[:, PRE], pixels[:, FLAIR]), pixels[:, POST])
    pixels = pixels[least > SIGNAL].astype(np.float64)
    if len(pixels) < LEAST_PIXELS or not pixels.std(axis=0).all():
        return float("nan")
    likeness = np.corrcoef(pixels, rowvar=False)[FLAIR]
    if max(likeness[PRE], likeness[POST]) < LIKE:
        return float("nan")
    return float(likeness[PRE] - likeness[POST])
