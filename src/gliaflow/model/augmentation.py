"""Varying a training slice: one warp for image and mask, then each sequence's intensities."""

import cv2
import numpy as np

from gliaflow.model.recipes import Augmentation

SEQUENCES = 3
FLAIR = 1
LOST = ((0,), (2,), (0, 2))  # what a patient may lack: pre-contrast, post-contrast or both
GRID = 4  # squares along a side over which random displacements and brightness change


def augment(
    image: np.ndarray, mask: np.ndarray, how: Augmentation, rng: np.random.Generator, crop: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """A varied copy of `image` (uint8 [H, W, 3 n]) and, warped in the same way, of `mask` (uint8 {0, 1} [H, W]).

    The n slices in the channels of `image` are warped and varied alike. With `crop`, a square of that side length from
    a random place of the warped picture is returned. What a warp brings in from outside the picture is black and not
    tumour. Equal generators give equal results.
    """
    matrix = _draw_warp(image.shape[0], image.shape[1], how, rng)
    size = (image.shape[1], image.shape[0])
    if crop is not None:
        matrix[:, 2] -= rng.uniform(0.0, 1.0, 2) * (np.array(size) - crop)
        size = (crop, crop)
    if how.elastic:
        x, y = _draw_places(matrix, size, how.elastic, rng)
        image = cv2.remap(image, x, y, cv2.INTER_LINEAR)
        mask = cv2.remap(mask, x, y, cv2.INTER_NEAREST)
    else:
        image = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR)
        mask = cv2.warpAffine(mask, matrix, size, flags=cv2.INTER_NEAREST)
    image = _vary_intensities(image, how, rng)
    if how.bias or how.noise:
        image = _disturb(image, how, rng)
    if rng.random() < how.missing:  # as the data set does with patients who lack a sequence
        for sequence in LOST[rng.integers(len(LOST))]:
            image[..., sequence::SEQUENCES] = image[..., FLAIR::SEQUENCES]
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


def _draw_places(
    matrix: np.ndarray, size: tuple[int, int], deviation: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Where each pixel of the result comes from, x and y, float32 [H, W] each: the warp, and smooth displacements."""
    width, height = size
    inverse = cv2.invertAffineTransform(matrix)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    places = np.stack([x, y], axis=-1) @ inverse[:, :2].T + inverse[:, 2]  # (H, W, 2)
    places = (places + deviation * _draw_smooth(size, 2, rng)).astype(np.float32)
    return np.ascontiguousarray(places[..., 0]), np.ascontiguousarray(places[..., 1])


def _draw_smooth(size: tuple[int, int], channels: int, rng: np.random.Generator) -> np.ndarray:
    """A smooth random field of about unit deviation, float32 [H, W, channels]."""
    coarse = rng.standard_normal((GRID + 1, GRID + 1, channels)).astype(np.float32)
    return cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC).reshape(size[1], size[0], channels)


def _vary_intensities(image: np.ndarray, how: Augmentation, rng: np.random.Generator) -> np.ndarray:
    """Gamma, contrast and brightness of each sequence; a pixel of 0, the air around the head, stays 0."""
    gamma = (1.0 - how.gamma) ** rng.uniform(-1.0, 1.0, SEQUENCES)
    contrast = 1.0 + rng.uniform(-how.contrast, how.contrast, SEQUENCES)
    brightness = rng.uniform(-how.brightness, how.brightness, SEQUENCES)
    levels = np.linspace(0.0, 1.0, 256)[:, None]  # (256, 1)
    table = np.clip(levels**gamma * contrast + brightness, 0.0, 1.0)  # (256, 3)
    table[0] = 0.0
    table = np.tile(np.rint(table * 255).astype(np.uint8), image.shape[-1] // SEQUENCES)
    return cv2.LUT(image, table[:, None, :])  # a table (256, 1, C): one column a channel


def _disturb(image: np.ndarray, how: Augmentation, rng: np.random.Generator) -> np.ndarray:
    """A bias field for each sequence, and noise; a pixel of 0 stays 0."""
    size, slices = (image.shape[1], image.shape[0]), image.shape[-1] // SEQUENCES
    changed = image.astype(np.float32)
    if how.bias:
        field = 1.0 + how.bias * np.clip(_draw_smooth(size, SEQUENCES, rng) / 2.0, -1.0, 1.0)
        changed *= np.tile(field, slices)
    if how.noise:
        deviation = rng.uniform(0.0, how.noise)
        changed += deviation * rng.standard_normal(image.shape, np.float32)
    return np.where(image > 0, np.clip(np.rint(changed), 0, 255), 0).astype(np.uint8)
