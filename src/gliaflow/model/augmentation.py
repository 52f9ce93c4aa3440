"""Varying a training slice: one warp for image and mask, then each sequence's intensities."""

import cv2
import numpy as np

from gliaflow.model.recipes import Augmentation

FLAIR = 1


def augment(
    image: np.ndarray, mask: np.ndarray, how: Augmentation, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A varied copy of `image` (uint8 [H, W, 3]) and, warped in the same way, of `mask` (uint8 {0, 1} [H, W]).

    What a warp brings in from outside the picture is black and not tumour. Equal generators give equal results.
    """
    matrix = _draw_warp(image.shape[0], image.shape[1], how, rng)
    size = (image.shape[1], image.shape[0])
    image = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR)
    mask = cv2.warpAffine(mask, matrix, size, flags=cv2.INTER_NEAREST)
    image = _vary_intensities(image, how, rng)
    if rng.random() < how.missing:  # as the data set does with patients who lack a sequence
        image[..., rng.choice((0, 2))] = image[..., FLAIR]
    return image, mask


def _draw_warp(height: int, width: int, how: Augmentation, rng: np.random.Generator) -> np.ndarray:
    """An affine map [2, 3] from source to destination pixels: perhaps mirrored, turned and scaled shifted."""
    angle = rng.uniform(-how.rotate, how.rotate)
    scale = 1.0 + rng.uniform(-how.scale, how.scale)
    centre = ((width - 1) / 2, (height - 1) / 2)
    matrix = cv2.getRotationMatrix2D(centre, angle, scale)
    matrix[:, 2] += rng.uniform(-how.shift, how.shift, 2) * np.array([width, height])
    if rng.random() < how.flip:
        matrix = matrix @ np.array([[-1.0, 0.0, width - 1], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    return matrix


def _vary_intensities(image: np.ndarray, how: Augmentation, rng: np.random.Generator) -> np.ndarray:
    """Gamma, contrast and brightness of each channel through one table of 256 values; black stays black."""
    channels = image.shape[2]
    gamma = (1.0 - how.gamma) ** rng.uniform(-1.0, 1.0, channels)
    contrast = 1.0 + rng.uniform(-how.contrast, how.contrast, channels)
    brightness = rng.uniform(-how.brightness, how.brightness, channels)
    levels = np.linspace(0.0, 1.0, 256)[:, None]  # (256, 1)
    table = np.clip(levels**gamma * contrast + brightness, 0.0, 1.0)  # (256, C)
    table[0] = 0.0
    return cv2.LUT(
        image, np.rint(table * 255).astype(np.uint8)[:, None, :]
    )  # a table (256, 1, C): one column a channel
