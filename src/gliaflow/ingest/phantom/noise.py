"""Smooth random fields: the material of shapes, bias fields, textures and ragged lesion borders."""

import numpy as np

from gliaflow.ingest.phantom.arrays import Volume


def smooth_noise(
    rng: np.random.Generator, shape: tuple[int, int, int], spacing: tuple[float, float, float], wavelength: float
) -> Volume:
    """Random float32 field [Z, Y, X] of mean 0 and standard deviation 1, smooth on the scale of `wavelength`.

    `spacing` is the step along each axis, in the unit of `wavelength` (mm). White noise on a coarse grid, one node a
    wavelength, is interpolated with cubic B-splines, one axis at a time.
    """
    taps = [_spline_taps(n, step / wavelength) for n, step in zip(shape, spacing, strict=True)]
    field = rng.standard_normal([int(first[-1]) + 4 for first, _ in taps], dtype=np.float32)
    for axis, (first, weights) in enumerate(taps):
        shaped = weights.reshape(4, *(-1 if other == axis else 1 for other in range(3)))
        field = sum(shaped[k] * field.take(first + k, axis=axis) for k in range(4))  # (.., nodes, ..) -> (.., n, ..)
    return (field - field.mean()) / (field.std() + np.float32(1e-6))


def _spline_taps(points: int, step: float) -> tuple[np.ndarray, np.ndarray]:
    """The uniform cubic B-spline at positions 0, step, 2 step, … counted in nodes.

    Gives the first of the four nodes of each position, int [points], and their weights, float32 [4, points].
    """
    position = np.arange(points) * step
    first = np.floor(position).astype(int)
    t = position - first
    weights = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]) / 6
    return first, weights.astype(np.float32)
