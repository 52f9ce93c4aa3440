"""Gliomas: where they sit, how far they infiltrate, and what is inside them."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import expit

from gliaflow.ingest.phantom.arrays import Mask, Vector, Volume
from gliaflow.ingest.phantom.atlas import Atlas
from gliaflow.ingest.phantom.noise import smooth_noise
from gliaflow.ingest.phantom.pose import Pose, push_aside

MIN_PIXELS = 60  # smaller specks of a lesion on a slice are dropped
MIN_SLICES = 2
FULLNESS = 0.6  # of the balls of its foci, the volume that a lesion has at the least


@dataclass(frozen=True)
class Focus:
    """The seed of a lesion: its centre in the atlas and its radius, both in mm."""

    centre: np.ndarray
    radius: float


@dataclass(frozen=True)
class Lesion:
    """How far, 0..1, each voxel is infiltrated (`share`), takes up contrast agent (`enhancing`), is fluid (`cyst`).

    All three are float32 [S, H, W]. `mask`: what is seen of the lesion, where `share` is above 0.5.
    """

    share: Volume
    enhancing: Volume
    cyst: Volume
    mask: Mask


def seed_foci(rng: np.random.Generator, pose: Pose, atlas: Atlas) -> list[Focus]:
    """One focus in the white matter of the hemispheres; in one patient of four a second, smaller one nearby."""
    # one in eight pixels of the middle slices is enough to choose from
    slices = pose.where.shape[1]
    keep = slice(slices // 4, max(slices - slices // 5, slices // 4 + 1))
    candidates = (pose.where + pose.folds)[:, keep, ::8, ::8].reshape(3, -1)
    white = (atlas.sample("white", candidates) > 190) & ~_below_tentorium(candidates) & (np.abs(candidates[0]) > 9)
    seeds = candidates[:, white].T
    if not len(seeds):
        raise ValueError("A lesion grows from white matter, and these slices show none")
    centre = seeds[rng.integers(len(seeds))]
    radius = float(np.clip(rng.gamma(8.0, 3.2), 20, 38))
    foci = [Focus(centre, radius)]
    if rng.random() < 0.25:
        distance = np.linalg.norm(seeds - centre, axis=1)
        near = seeds[(distance > 1.3 * radius) & (distance < 2.2 * radius + 20)]
        if len(near):
            foci.append(Focus(near[rng.integers(len(near))], float(rng.uniform(10, 0.6 * radius))))
    return foci


def _below_tentorium(where: Vector) -> NDArray[np.bool_]:
    """Brainstem and cerebellum, roughly: gliomas of this kind seldom sit there."""
    x, y, z = where
    return ((y < -38) & (z < -6)) | ((np.abs(x) < 16) & (z < -4))


def make_room(rng: np.random.Generator, pose: Pose, foci: list[Focus]) -> Vector:
    """The atlas coordinates [3, S, H, W] after the foci's mass effect."""
    where = pose.where + pose.folds
    for focus in foci:
        where = push_aside(where, focus.centre, 1.3 * focus.radius, float(rng.uniform(0.05, 0.4)))
    return where


def grow(
    rng: np.random.Generator, pose: Pose, where: Vector, foci: list[Focus], white: Volume, fluid: Volume, brain: Volume
) -> Lesion:
    """Grow the foci: readily along white matter, hardly into fluid or across the midline, with ragged and soft borders.

    `white`, `fluid`, `brain`: float32 [S, H, W], the share of white matter, of CSF, and of anything inside the brain.
    """
    shape = white.shape
    ragged = 0.17 * smooth_noise(rng, shape, pose.spacing, 20) + 0.08 * smooth_noise(rng, shape, pose.spacing, 8)
    reluctance = 0.33 * (brain - white - fluid).clip(0, 1) + 1.2 * fluid + 3.0 * (1 - brain)
    reluctance += np.float32(0.6) * _below_tentorium(where)
    reach = np.full(shape, np.inf, np.float32)
    for focus in foci:
        stretch = (focus.radius * rng.uniform((0.8, 0.95, 0.8), (1.05, 1.35, 1.05))).astype(np.float32)
        offset = (where - focus.centre[:, None, None, None]) / stretch[:, None, None, None]
        across = np.float32(0.9) * (np.sign(where[0]) != np.sign(focus.centre[0])) * (1.2 - white)
        reach = np.minimum(reach, np.sqrt((offset**2).sum(axis=0)) + across)
    reach += reluctance + ragged
    reach = np.stack([cv2.GaussianBlur(slice_, (0, 0), 1.6) for slice_ in reach])
    soft = np.float32(rng.uniform(0.035, 0.07))
    core_noise = smooth_noise(rng, shape, pose.spacing, 7)
    takes_up, cystic = rng.random(2)
    growth, mask = np.float32(0.9), np.zeros(shape, bool)
    voxels = FULLNESS * sum(4 / 3 * np.pi * focus.radius**3 for focus in foci) / np.prod(pose.spacing)
    while mask.sum() < voxels or mask.any(axis=(1, 2)).sum() < min(MIN_SLICES, shape[0]):
        growth *= np.float32(1.1)
        mask = _outline(reach < growth, fluid)
    share = np.zeros(shape, np.float32)
    near = np.stack([cv2.dilate(slice_, np.ones((9, 9), np.uint8)) for slice_ in mask.astype(np.uint8)]) > 0
    share[near] = expit((growth - reach[near]) / soft)
    depth = (growth - reach).clip(0, None)
    enhancing, cyst = np.zeros_like(share), np.zeros_like(share)
    if takes_up < 0.35:
        enhancing = share * ((core_noise - 0.6) * 1.4).clip(0, 0.8) * (depth > 0.15)
    if cystic < 0.15:
        cyst = ((depth - 0.55 + 0.1 * core_noise) / 0.08).clip(0, 1) * share
    return Lesion(share, enhancing, cyst, mask)


def _outline(grown: Mask, fluid: Volume) -> Mask:
    """What a reader would outline: gaps filled but for the ventricles, specks below MIN_PIXELS on a slice left out."""
    outlined = np.zeros_like(grown)
    for index in np.flatnonzero(grown.any(axis=(1, 2))):
        filled = ndimage.binary_fill_holes(grown[index]) & (fluid[index] < 0.5)
        labels, _ = ndimage.label(ndimage.binary_opening(filled))
        large = np.bincount(labels.ravel()) >= MIN_PIXELS
        large[0] = False
        outlined[index] = large[labels]
    return outlined
