"""The anatomy that all phantom patients share: the MNI152 templates, with the skull and head that they lack."""

import gzip
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from gliaflow.errors import GliaflowError
from gliaflow.ingest.phantom.arrays import Vector, Volume

ORIGIN = (-98.0, -134.0, -72.0)  # mm of the templates' first voxel: x to the right, y forward, z up
SHELL_ORIGIN = (-110.0, -144.0, -116.0)
SHELL_SHAPE = (111, 141, 118)
SHELL_STEP = 2.0  # mm


class PhantomError(GliaflowError):
    """A phantom can't be made, for the reason it tells."""


@dataclass(frozen=True)
class Atlas:
    """Maps in MNI152 space, indexed [x, y, z].

    `t1`, `grey`, `white`: uint8, voxels of 1 mm from ORIGIN on. `cranium`, `skin`: float32, voxels of 2 mm from
    SHELL_ORIGIN on, signed distance in mm from the inside of the skull and from the skin, negative inside.
    """

    t1: NDArray[np.uint8]
    grey: NDArray[np.uint8]
    white: NDArray[np.uint8]
    cranium: NDArray[np.float32]
    skin: NDArray[np.float32]

    def sample(self, name: str, where: Vector) -> Volume:
        """The map `name` at the points `where` (mm, [3, ...]), linearly interpolated; outside a template it is 0."""
        volume: NDArray[np.generic] = getattr(self, name)
        shell = name in ("cranium", "skin")
        origin, step = (SHELL_ORIGIN, SHELL_STEP) if shell else (ORIGIN, 1.0)
        index = [(axis - np.float32(start)) / np.float32(step) for axis, start in zip(where, origin, strict=True)]
        return ndimage.map_coordinates(
            volume, index, output=np.float32, order=1, mode="nearest" if shell else "constant", prefilter=False
        )


def load_atlas() -> Atlas:
    """Read the templates from nilearn's package data and build the head around them.

    Nothing is downloaded and nilearn is not imported. Raises PhantomError where it is not installed.
    """
    t1, grey, white = (_read_template(kind) for kind in ("t1", "gm", "wm"))
    brain = np.zeros(SHELL_SHAPE, bool)
    coarse = t1[::2, ::2, ::2] > 60
    start = [round((a - b) / SHELL_STEP) for a, b in zip(ORIGIN, SHELL_ORIGIN, strict=True)]
    brain[tuple(slice(s, s + n) for s, n in zip(start, coarse.shape, strict=True))] = coarse
    cranium = _distance(_close(brain, 9.0)) - np.float32(2.0)
    cranium = ndimage.gaussian_filter(cranium, 1.5)
    skin = ndimage.gaussian_filter(_distance(_head(cranium)), 1.0)
    return Atlas(t1, grey, white, cranium, skin)


def _read_template(kind: str) -> NDArray[np.uint8]:
    package = find_spec("nilearn")
    if package is None or not package.submodule_search_locations:
        raise PhantomError(
            "The phantom is drawn from the MNI152 templates of the package nilearn, which is not installed: "
            "pip install 'gliaflow[phantom]'"
        )
    path = (
        Path(package.submodule_search_locations[0])
        / f"datasets/data/mni_icbm152_{kind}_tal_nlin_sym_09a_converted.nii.gz"
    )
    if not path.is_file():
        raise PhantomError(
            f"This nilearn carries no MNI152 template at {path}: pip install 'gliaflow[phantom]' brings one that does"
        )
    return read_nifti(path)


def read_nifti(path: Path) -> NDArray[np.uint8]:
    """A single-file NIfTI-1 image of unsigned bytes as array [x, y, z]. Header offsets: https://nifti.nimh.nih.gov/nifti-1"""
    with gzip.open(path) as file:
        raw = file.read()
    sizes = np.frombuffer(raw, "<i2", 8, offset=40)
    datatype = int(np.frombuffer(raw, "<i2", 1, offset=70)[0])
    if sizes[0] != 3 or datatype != 2:
        raise PhantomError(f"A template holds unsigned bytes in 3 dimensions, {path} has type {datatype} in {sizes[0]}")
    x, y, z = (int(n) for n in sizes[1:4])
    start = int(np.frombuffer(raw, "<f4", 1, offset=108)[0])
    return np.frombuffer(raw, np.uint8, x * y * z, offset=start).reshape((x, y, z), order="F")


def _distance(inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Signed distance from the border of `inside` in mm, negative within."""
    outward = ndimage.distance_transform_edt(~inside)
    inward = ndimage.distance_transform_edt(inside)
    return ((outward - inward) * SHELL_STEP).astype(np.float32)


def _close(region: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    """Morphological closing with a ball of `radius` mm."""
    grown = ndimage.distance_transform_edt(~region) * SHELL_STEP <= radius
    return ndimage.distance_transform_edt(grown) * SHELL_STEP > radius


def _head(cranium: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The head: the skull with its scalp, and below it face, nose, ears and neck as blended ellipsoids."""
    axes = np.meshgrid(
        *(np.arange(n, dtype=np.float32) * 2 + start for n, start in zip(SHELL_SHAPE, SHELL_ORIGIN, strict=True)),
        indexing="ij",
        sparse=True,
    )

    def ellipsoid(centre: tuple[float, float, float], radii: tuple[float, float, float]) -> NDArray[np.bool_]:
        total = sum(((a - c) / r) ** 2 for a, c, r in zip(axes, centre, radii, strict=True))
        return np.asarray(total < 1)

    head = cranium < 11.5
    for centre, radii in (
        ((0, 22, -52), (64, 66, 58)),  # face
        ((0, -30, -80), (58, 66, 60)),  # nape
        ((0, -10, -104), (62, 70, 60)),  # neck
    ):
        head |= ellipsoid(centre, radii)
    head = ndimage.gaussian_filter(head.astype(np.float32), 3.0) > 0.5
    for side in (-1, 1):
        head |= ellipsoid((side * 75, -20, -40), (7, 12, 24))  # ear
    head |= ellipsoid((0, 84, -52), (12, 22, 17))  # nose
    return np.asarray(ndimage.gaussian_filter(head.astype(np.float32), 0.8) > 0.5)
