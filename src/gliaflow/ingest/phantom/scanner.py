"""The scanner: how bright a tissue is in the three sequences, and the shading, noise and cut edges of real images."""

import cv2
import numpy as np

from gliaflow.ingest.phantom.arrays import Vector
from gliaflow.ingest.phantom.noise import smooth_noise
from gliaflow.ingest.phantom.pose import Pose

PRE, FLAIR, POST = 0, 1, 2

# Mean grey values in pre-contrast T1, FLAIR and post-contrast T1, after those of kaggle_3m.
TISSUES: dict[str, tuple[float, float, float]] = {
    "air": (2, 2, 2),
    "white": (76, 58, 78),
    "grey": (54, 67, 60),
    "fluid": (20, 13, 24),
    "fat": (170, 135, 150),
    "skin": (95, 80, 105),
    "muscle": (48, 42, 58),
    "mucosa": (60, 95, 125),
    "bone": (7, 6, 8),
    "marrow": (72, 52, 66),
    "eye": (20, 14, 24),
    "vessel": (26, 18, 165),
    "lesion": (50, 118, 52),
    "cyst": (26, 62, 27),
    "enhancing": (56, 118, 140),
}


def draw_contrasts(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """TISSUES as this patient's scanner shows them: float32 [3] a tissue."""
    contrast = {name: np.array(values, np.float32) * rng.normal(1, 0.02, 3) for name, values in TISSUES.items()}
    contrast["fat"] = contrast["fat"] * rng.uniform(0.9, 1.1, 3)
    flat = rng.uniform(0.0, 0.35, 3)  # how much less the grey-white contrast is than usual
    contrast["grey"] = contrast["grey"] + flat * 0.5 * (contrast["white"] - contrast["grey"])
    brighter = rng.uniform(2.0, 2.4)  # than white matter, in FLAIR
    contrast["lesion"][FLAIR] = brighter * contrast["white"][FLAIR]
    contrast["lesion"][[PRE, POST]] = rng.uniform(0.75, 0.98) * contrast["white"][[PRE, POST]]
    contrast["enhancing"][[PRE, FLAIR]] = contrast["lesion"][[PRE, FLAIR]]
    return {name: values.astype(np.float32) for name, values in contrast.items()}


def acquire(rng: np.random.Generator, pose: Pose, signal: Vector) -> np.ndarray:
    """Images uint8 [S, 256, 256, 3] of `signal` float32 [3, S, 256, 256]: blurred, shaded by the coil, noisy, cut."""
    shape = signal.shape[1:]
    images = np.empty((*shape, 3), np.uint8)
    gain = rng.uniform(0.8, 1.25)
    for sequence in range(3):
        blur = float(rng.uniform(0.4, 0.65))
        picture = np.stack([cv2.GaussianBlur(slice_, (0, 0), blur) for slice_ in signal[sequence]])
        shade = 0.07 * smooth_noise(rng, shape, pose.spacing, 150) + 0.04 * smooth_noise(rng, shape, pose.spacing, 60)
        picture *= np.exp(shade) * np.float32(gain * rng.uniform(0.88, 1.14))
        sigma = np.float32(rng.uniform(1.2, 3.2))
        noise = sigma * rng.standard_normal((2, *shape), dtype=np.float32)
        picture = np.sqrt((picture + noise[0]) ** 2 + noise[1] ** 2)  # magnitude of a complex signal: Rician
        picture -= np.float32(rng.choice([0.0, 1.5, 4.0]))  # some scanners cut the noise off
        if sequence != FLAIR:  # to which the others are registered
            picture[_outside_slab(rng, pose)] = 0
        images[..., sequence] = np.rint(picture.clip(0, 255))
    return images


def _outside_slab(rng: np.random.Generator, pose: Pose) -> np.ndarray:
    """Voxels, bool [S, H, W], that a sequence taken at another angle missed: wedges of the first and last slices."""
    slices, height, width = pose.where.shape[1:]
    outside = np.zeros((slices, height, width), bool)
    up = np.arange(slices, dtype=np.float32)[:, None, None] * np.float32(pose.spacing[0])
    rows = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, width, dtype=np.float32)
    for end in (up, up[::-1]):
        lean = rng.normal(0, 5, 2)
        gap = rng.uniform(-10, 1)
        if rng.random() < 0.3:
            outside |= end < gap + lean[0] * rows + lean[1] * columns
    return outside
