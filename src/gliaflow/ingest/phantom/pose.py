"""A patient's own head: field of view, position, size and shape, as a map from the slices' voxels into the atlas."""

from dataclasses import dataclass

import numpy as np

from gliaflow.ingest.phantom.arrays import Vector
from gliaflow.ingest.phantom.noise import smooth_noise

SIZE = 256  # pixels along each side of a slice


@dataclass(frozen=True)
class Pose:
    """Where the voxels of a patient's slices lie.

    `spacing`: mm between slices, rows and columns. `where`: float32 [3, S, 256, 256], each voxel's x, y, z in the atlas
    in mm. `folds`: the same shape and unit, how far the brain's folds, which bones don't follow, lie from there.
    """

    spacing: tuple[float, float, float]
    where: Vector
    folds: Vector


def draw_pose(rng: np.random.Generator, slices: int) -> Pose:
    """A random position, size and shape, seen as radiologists do.

    Slices run from the base of the skull to the vertex, rows from the nose backwards, columns from the patient's right
    to the left.
    """
    pixel = float(rng.uniform(0.82, 0.95))
    top = float(rng.uniform(78, 92))
    bottom = float(rng.uniform(-54, -38))
    spacing = ((top - bottom) / max(slices - 1, 1), pixel, pixel)
    shape = (slices, SIZE, SIZE)
    up = bottom + np.arange(slices, dtype=np.float32) * np.float32(spacing[0])
    if slices == 1:
        up[:] = 20.0
    forward = (SIZE / 2 - np.arange(SIZE, dtype=np.float32)) * np.float32(pixel) + np.float32(rng.uniform(0, 10))
    right = (SIZE / 2 - np.arange(SIZE, dtype=np.float32)) * np.float32(pixel) + np.float32(rng.uniform(-6, 6))
    turn = _rotation(*np.radians(rng.normal((-4, 0, 0), (4.5, 1.5, 4.0))))  # nodding most, then shaking
    size = rng.normal(1.0, 0.035) * rng.normal((0.97, 1.02, 1.0), 0.02)
    pivot = np.array([0, -18, 8], np.float32)  # about the middle of the brain
    linear = (turn / size[:, None]).astype(np.float32)
    where = np.empty((3, *shape), np.float32)
    for axis in range(3):
        where[axis] = (
            pivot[axis]
            + linear[axis, 0] * right
            + linear[axis, 1] * forward[:, None]
            + linear[axis, 2] * (up[:, None, None] - pivot[2])
            + np.float32(2.6) * smooth_noise(rng, shape, spacing, 95)
        )
    folds = np.stack([np.float32(2.1) * smooth_noise(rng, shape, spacing, 30) for _ in range(3)])
    return Pose(spacing, where, folds)


def _rotation(pitch: float, roll: float, yaw: float) -> np.ndarray:
    """Rotation matrix about x (nodding), then y (leaning), then z (shaking); angles in radians."""
    (a, b), (c, d), (e, f) = ((np.cos(angle), np.sin(angle)) for angle in (pitch, roll, yaw))
    about_x = np.array([[1, 0, 0], [0, a, -b], [0, b, a]])
    about_y = np.array([[c, 0, d], [0, 1, 0], [-d, 0, c]])
    about_z = np.array([[e, -f, 0], [f, e, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def push_aside(where: Vector, centre: np.ndarray, radius: float, strength: float) -> Vector:
    """The same head with room for a mass: tissue around `centre` moves out by up to 0.43 * strength * radius (mm)."""
    offset = where - centre[:, None, None, None]
    falloff = np.exp(-(offset**2).sum(axis=0) / np.float32(radius**2)) * np.float32(strength)
    return where - offset * falloff
