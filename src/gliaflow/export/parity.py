"""Does an export give what the released model gives? Held against Keras on the same slices, from slices to masks."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gliaflow.export.record import Parity
from gliaflow.inference.predictor import quantise
from gliaflow.inference.release import Release, mean_of

EQUAL_PIXELS = 0.9999
GREATEST_DIFFERENCE = 0.1
"""Of one pixel's probability. Rounding between layers (bfloat16 keeps 8 bits) moves pixels on the steep edge of a
lesion by up to 0.05; a wrong weight, layer or channel moves some by nearly 1. The share of equal pixels does not tell
them apart where the slices hold little tumour."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What a release makes of a study: probabilities float32 and masks uint8 {0, 1}, both [S, H, W], and calls [S]."""

    probabilities: np.ndarray
    masks: np.ndarray
    calls: np.ndarray


def see(release: Release, images: np.ndarray) -> Seen:
    """Predict the slices of a study, uint8 [S, H, W, 3], as `predict_volume` does, and keep the exact probabilities."""
    exact = np.zeros(images.shape[:3], np.float32)
    total = np.zeros(images.shape[:3], np.uint16)
    for member in release.members:
        done = 0
        for probabilities in member.batches(images):
            rows = slice(done, done + len(probabilities))
            exact[rows] += probabilities
            total[rows] += quantise(probabilities)
            done += len(probabilities)
    found = release.decide(mean_of(total, len(release.members)))
    return Seen(exact / np.float32(len(release.members)), found.masks, found.call)


def compare(reference: Iterable[Seen], found: Iterable[Seen]) -> Parity:
    """Hold what an export saw of several studies against what Keras saw of the same."""
    greatest, equal, pixels, overlap, marked, calls, slices = 0.0, 0, 0, 0, 0, 0, 0
    for true, other in zip(reference, found, strict=True):
        difference = np.abs(true.probabilities - other.probabilities)
        greatest = max(greatest, float(difference.max()) if np.isfinite(difference).all() else float("inf"))
        equal += int(np.count_nonzero(true.masks == other.masks))
        pixels += true.masks.size
        overlap += int(np.count_nonzero(true.masks & other.masks))
        marked += int(np.count_nonzero(true.masks)) + int(np.count_nonzero(other.masks))
        calls += int(np.count_nonzero(true.calls == other.calls))
        slices += len(true.calls)
    share = equal / pixels
    return Parity(
        greatest_difference=min(greatest, 1.0),
        equal_pixels=share,
        mask_dice=2 * overlap / marked if marked else 1.0,
        equal_calls=calls / slices,
        passed=bool(share >= EQUAL_PIXELS and greatest <= GREATEST_DIFFERENCE),
    )
