"""Made-up heads for the warning's tests, whose sequences go together as those of MRI do, and a release with eyes."""

from collections.abc import Callable
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from gliaflow.inference.release import Prediction

SIZE = 64


def _head(seed: int, missing: tuple[int, ...] = ()) -> np.ndarray:
    """Five slices uint8 [5, 64, 64, 3]: scalp, brain and dark ventricles; vessels are bright after contrast."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIZE, :SIZE] - SIZE / 2
    height, width = rng.uniform(24, 28), rng.uniform(19, 23)
    depth = (rows / height) ** 2 + (columns / width) ** 2
    tissue = cv2.GaussianBlur(rng.normal(0, 1, (SIZE, SIZE)), (0, 0), 2) * 30
    vessels = cv2.GaussianBlur((rng.random((SIZE, SIZE)) < 0.02).astype(float), (0, 0), 1) * 300
    slices = []
    for number in range(5):
        inside = depth < 1 - 0.05 * abs(number - 2)
        rim, core = inside & (depth > 0.7), depth < 0.06
        gain = rng.uniform(0.95, 1.05, 3) * (1 + 0.1 * (seed % 5 - 2) / 2)
        pre = 80 + tissue + 60 * rim - 40 * core
        flair = 100 + 0.8 * tissue - 30 * rim - 70 * core
        post = 85 + 0.9 * tissue + 50 * rim - 40 * core + vessels
        picture = np.stack([pre, flair, post], axis=-1) * gain * inside[..., None]
        picture += np.abs(rng.normal(0, 2, picture.shape))
        slices.append(np.clip(np.rint(picture), 0, 255).astype(np.uint8))
    volume = np.array(slices)
    for channel in missing:
        volume[..., channel] = volume[..., 1]
    return volume


@pytest.fixture(scope="session")
def head() -> Callable[..., np.ndarray]:
    """Makes the slices of patient number `seed`; FLAIR in place of the channels `missing`."""
    return _head


class BrightRelease:
    """Calls a slice tumour from 64 bright pixels on, unsure from one on; warns of a volume that is black throughout."""

    engine = "eyes"

    def __init__(self, size: int = 32) -> None:
        self.bundle = SimpleNamespace(size=size)
        self.seen: list[np.ndarray] = []

    def predict_volume(self, images, batch=16, progress=None):
        self.seen.append(images)
        masks = (images[..., 1] >= 200).astype(np.uint8)
        pixels = masks.sum(axis=(1, 2))
        call = np.select([pixels >= 64, pixels > 0], ["tumor", "unsure"], "empty")
        warnings = () if images.any() else ("Black.",)
        return Prediction(masks, masks * np.uint8(255), np.minimum(pixels / 100, 1.0), call, warnings)


@pytest.fixture
def bright() -> BrightRelease:
    """A release that takes slices of 32 x 32."""
    return BrightRelease(32)
