"""A head is painted tissue by tissue into three signals: skull and face by geometry, the brain by the templates."""

import cv2
import numpy as np

from gliaflow.ingest.phantom.arrays import Vector, Volume
from gliaflow.ingest.phantom.atlas import Atlas
from gliaflow.ingest.phantom.lesions import Focus, Lesion, grow
from gliaflow.ingest.phantom.noise import smooth_noise
from gliaflow.ingest.phantom.pose import Pose

Contrasts = dict[str, np.ndarray]
"""The three grey values float32 [3] of each tissue."""

# T1 template grey values: up to the first a voxel is all CSF, from the second on none; up to the third its tissue is
# all grey matter, from the fourth on all white. The template is a mean of 152 brains; these values lie nearer to each
# other than those of the tissues (72, 163, 222), which gives the sulci back the depth that they have in one brain.
FLUID, NOT_FLUID, GREY, WHITE = 92.0, 154.0, 170.0, 214.0

# Cavities and organs of the lower head as ellipsoids: tissue, centre and radii in the atlas' mm (x also mirrored).
FACE: tuple[tuple[str, tuple[float, float, float], tuple[float, float, float]], ...] = (
    ("fat", (32, 54, -38), (19, 24, 17)),
    ("eye", (33, 63, -38), (12, 12, 12)),
    ("muscle", (25, 42, -37), (2.5, 20, 2.5)),
    ("bone", (17, 46, -40), (2.5, 32, 18)),
    ("mucosa", (7, 52, -48), (9, 26, 20)),
    ("air", (9, 52, -46), (3, 22, 15)),
    ("air", (4, 50, -52), (2.2, 26, 14)),
    ("air", (7, 22, -36), (6.5, 9, 8)),
    ("air", (29, 46, -66), (12, 15, 15)),
    ("air", (0, 18, -74), (11, 9, 16)),
    ("bone", (50, -28, -44), (15, 15, 11)),
    ("air", (58, -32, -48), (5, 7, 7)),
    ("fat", (52, 30, -58), (9, 17, 16)),
    ("fat", (0, 84, -56), (8, 16, 10)),
)


def paint(
    rng: np.random.Generator, atlas: Atlas, pose: Pose, where: Vector, foci: list[Focus], contrasts: Contrasts
) -> tuple[Vector, Lesion]:
    """The head whose brain lies at `where` in the atlas (mm, [3, S, H, W]), and the lesion that grew from `foci` in it.

    The first result is float32 [3, S, H, W]: grey values of pre-contrast T1, FLAIR and post-contrast T1.
    """
    signal = np.empty_like(where)
    cranium = atlas.sample("cranium", pose.where)
    steep = np.gradient(cranium, axis=0) if len(cranium) > 1 else np.zeros_like(cranium)
    border = 1.4 + np.float32(0.6) * np.abs(steep)  # mm; a border that runs along a thick slice is seen blurred
    _paint_head(rng, signal, contrasts, atlas.sample("skin", pose.where), cranium, border, pose)
    fluid, grey, white = _tissue_shares(atlas, where, cranium)
    inside = _ramp(cranium, border)
    lesion = grow(rng, pose, where, foci, white, fluid, inside)
    brain = _paint_brain(rng, contrasts, fluid, grey, white, cranium, pose, where)
    _paint_vessels(rng, brain, contrasts, fluid, cranium, pose, where)
    _paint_lesion(rng, brain, contrasts, lesion, pose)
    return signal * (1 - inside) + brain * inside, lesion


def _ramp(distance: Volume, width: float | Volume) -> Volume:
    """1 inside, 0 outside, linear over `width` mm around the border at distance 0."""
    return (np.float32(0.5) - distance / np.asarray(width, np.float32)).clip(0, 1)


def _blend(signal: Vector, share: Volume, values: np.ndarray) -> None:
    """Replace `share` (0..1) of each voxel by a tissue: `values` float32 [3], or [3, S, H, W]."""
    for channel, value in zip(signal, values, strict=True):
        channel += share * (value - channel)


def _paint_head(
    rng: np.random.Generator,
    signal: Vector,
    contrasts: Contrasts,
    skin: Volume,
    cranium: Volume,
    border: Volume,
    pose: Pose,
) -> None:
    """All that lies outside the brain's cavity; `border`: the width in mm over which neighbours mix."""
    shape = skin.shape
    signal[:] = contrasts["air"][:, None, None, None]
    strands = ((smooth_noise(rng, shape, pose.spacing, 5) - 0.5) * 0.8).clip(0, 0.5)
    head = _ramp(skin, border)
    for tissue, share in (("muscle", head), ("fat", head * strands)):
        _blend(signal, share, contrasts[tissue])
    thickness = np.float32(rng.uniform(3.5, 5.0)) + 0.9 * smooth_noise(rng, shape, pose.spacing, 60)
    _blend(signal, head * (1 - _ramp(skin + thickness, 0.6 + border)), contrasts["fat"])
    low = slice(0, int(np.searchsorted(pose.where[2].mean(axis=(1, 2)), 10)))
    for tissue, centre, radii in FACE:
        _blend(signal[:, low], _ellipsoid(pose.where[:, low], centre, radii) * head[low], contrasts[tissue])
    signal *= 1 + np.float32(0.1) * smooth_noise(rng, shape, pose.spacing, 5)
    _blend(signal, head * (1 - _ramp(skin + np.float32(1.2), border)), contrasts["skin"])
    skull = np.float32(rng.uniform(4.5, 6.0)) + 0.7 * smooth_noise(rng, shape, pose.spacing, 40)
    _blend(signal, _ramp(cranium - skull, border), contrasts["bone"])
    marrow = np.abs(cranium - skull * np.float32(0.52)) - (skull * np.float32(0.5) - np.float32(1.5)).clip(0.1)
    _blend(signal, _ramp(marrow, 1.6) * np.float32(rng.uniform(0.4, 1.0)), contrasts["marrow"])


def _ellipsoid(where: Vector, centre: tuple[float, float, float], radii: tuple[float, float, float]) -> Volume:
    """Share of each voxel, 0..1, in an ellipsoid and its mirror image across the midline."""
    x = (np.abs(where[0]) - np.float32(centre[0])) / np.float32(radii[0])
    y = (where[1] - np.float32(centre[1])) / np.float32(radii[1])
    z = (where[2] - np.float32(centre[2])) / np.float32(radii[2])
    return _ramp((np.sqrt(x * x + y * y + z * z) - 1) * np.float32(min(radii)), 1.6)


def _tissue_shares(atlas: Atlas, where: Vector, cranium: Volume) -> tuple[Volume, Volume, Volume]:
    """Shares 0..1 of CSF, grey and white matter; they add up to 1, and are CSF alone where there is no brain."""
    fluid, white_matter = np.ones_like(cranium), np.zeros_like(cranium)
    brain = cranium < 2
    points = where[:, brain]
    t1, white, grey = (atlas.sample(name, points) for name in ("t1", "white", "grey"))
    by_t1 = _rise(t1, GREY, WHITE)
    by_template = _rise(white / (white + grey + np.float32(1)), 0.2, 0.8)
    fluid[brain] = 1 - _rise(t1, FLUID, NOT_FLUID)
    white_matter[brain] = (1 - fluid[brain]) * (by_t1 + by_template) / 2
    return fluid, 1 - fluid - white_matter, white_matter


def _rise(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 up to `low`, 1 from `high` on, linear between."""
    return ((values - np.float32(low)) / np.float32(high - low)).clip(0, 1)


def _paint_brain(
    rng: np.random.Generator,
    contrasts: Contrasts,
    fluid: Volume,
    grey: Volume,
    white: Volume,
    cranium: Volume,
    pose: Pose,
    where: Vector,
) -> Vector:
    """CSF, grey and white matter, with a fine texture and the bright caps that FLAIR shows around normal ventricles."""
    texture = (
        1
        + 0.035 * smooth_noise(rng, fluid.shape, pose.spacing, 4)
        + 0.025 * smooth_noise(rng, fluid.shape, pose.spacing, 14)
    )
    brain = np.stack(
        [
            (fluid * contrasts["fluid"][i] + grey * contrasts["grey"][i] + white * contrasts["white"][i]) * texture
            for i in range(3)
        ]
    )
    ventricles = fluid * (cranium < -22) * (where[2] > -15)
    caps = np.stack([cv2.GaussianBlur(slice_, (0, 0), 3.5) for slice_ in ventricles.astype(np.float32)])
    brain[1] += np.float32(rng.uniform(0.1, 0.9)) * caps * white * contrasts["white"][1]
    return brain


def _paint_vessels(
    rng: np.random.Generator,
    brain: Vector,
    contrasts: Contrasts,
    fluid: Volume,
    cranium: Volume,
    pose: Pose,
    where: Vector,
) -> None:
    """What takes up contrast agent in everybody: sagittal sinus, falx, meninges, choroid plexus, cortical vessels."""
    x, y, z = where
    branches = ((smooth_noise(rng, fluid.shape, pose.spacing, 3.2) - 1.5) * 1.6).clip(0, 1) * fluid
    sinus = _ramp(np.abs(x) * 1.2 + np.abs(cranium + 1.5) - 4.5, 2) * ((z > 5) | (y < -60))
    falx = _ramp(np.abs(x) - 0.6, 1.6) * fluid * (cranium > -22) * np.float32(0.35)
    meninges = _ramp(np.abs(cranium + 0.8) - 0.4, 1.5) * np.float32(rng.uniform(0.1, 0.4))
    plexus = _ellipsoid(where, (23, -38, 9), (5, 9, 9)) * fluid
    branches *= np.float32(0.8) * ((cranium > -22) | (z < -5))
    uptake = np.maximum.reduce([branches, sinus, falx, meninges, plexus])
    brain[2] += uptake * (contrasts["vessel"][2] - brain[2])
    for channel in (0, 1):
        brain[channel] += np.float32(0.7) * sinus * (contrasts["vessel"][channel] - brain[channel])
    brain[0] += plexus * np.float32(0.5) * (contrasts["grey"][0] - brain[0])
    brain[1] += plexus * np.float32(0.7) * (contrasts["grey"][1] - brain[1])


def _paint_lesion(rng: np.random.Generator, brain: Vector, contrasts: Contrasts, lesion: Lesion, pose: Pose) -> None:
    """Bright on FLAIR, darker on T1, uneven inside; what enhances is bright after contrast, fluid dark in all three."""
    shape = lesion.share.shape
    uneven = 1 + 0.09 * smooth_noise(rng, shape, pose.spacing, 12) + 0.06 * smooth_noise(rng, shape, pose.spacing, 4)
    for tissue, share in (
        ("lesion", lesion.share),
        ("cyst", lesion.cyst),
        ("enhancing", lesion.enhancing),
    ):
        _blend(brain, share, contrasts[tissue][:, None, None, None] * uneven)
