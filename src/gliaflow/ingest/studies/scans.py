"""Three sequences of one patient, each a volume on a grid of its own, as the axial slices that a model takes."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gliaflow.ingest.readers.pixels import check_allowed, check_size, count_allowed
from gliaflow.ingest.reasons import UnusableFile
from gliaflow.ingest.square import padded_size
from gliaflow.ingest.studies.grids import Grid, Layout, lay_out, resample, same_grid
from gliaflow.ingest.studies.intensities import to_8_bit
from gliaflow.ingest.studies.study import Spacing

MOST_VOXELS = 100_000_000  # of one sequence
MOST_BYTES = 1 << 29  # of decoded voxels in one file
MOST_OBLONG = 50  # times that a slice may be longer than wide in millimetres: it is padded to a square
CHANNELS = ("pre", "flair", "post")
WORDS = {"pre": "pre-contrast", "flair": "FLAIR", "post": "post-contrast"}


@dataclass(frozen=True, eq=False)
class Scan:
    """A sequence as it is stored: real numbers [I, J, K], of which slope and intercept make values."""

    voxels: np.ndarray
    grid: Grid
    slope: float = 1.0
    intercept: float = 0.0


@dataclass(frozen=True, eq=False)
class Slices:
    """Axial slices uint8 [S, H, W, 3] (pre-contrast, FLAIR, post-contrast), and how they go back on FLAIR's grid.

    `unusable` has the sequences, beside FLAIR, that don't fit it, with what was found.
    """

    images: np.ndarray
    layout: Layout
    spacing: Spacing
    grid: Grid
    remarks: tuple[str, ...]
    unusable: Mapping[str, UnusableFile]


def check_volume(shape: tuple[int, ...], voxel_bytes: float) -> None:
    """Refuse sizes, as a header states them, that no volume has; raises UnusableFile."""
    voxels = 1
    for side in shape:
        if side < 1:
            raise UnusableFile("too_small", f"a volume of {' x '.join(map(str, shape))} voxels")
        voxels *= side
    if voxels > 3 * MOST_VOXELS or voxels * voxel_bytes > MOST_BYTES:
        raise UnusableFile("too_many_pixels", f"{' x '.join(map(str, shape))} voxels of {voxel_bytes:g} bytes each")


def check_slices(grid: Grid) -> None:
    """Refuse, by the grid in a header, slices that are no head's, and more than are taken here; raises UnusableFile.

    They count with the black that pads them to a square: a header that lies of spacings would have it fill memory.
    """
    layout, spacing = lay_out(grid)
    slices, height, width = (grid.shape[axis] for axis in layout.axes)
    sides = height * spacing.rows, width * spacing.columns
    if max(sides) > MOST_OBLONG * min(sides):
        raise UnusableFile("bad_geometry", f"slices of {sides[0]:g} x {sides[1]:g} mm")
    check_allowed(slices, *padded_size(height, width, spacing))


def slice_scans(scans: Mapping[str, Scan]) -> Slices:
    """The slices of `scans` ("flair", and "pre" and "post" where they were taken), on FLAIR's grid.

    FLAIR stands in the place of a sequence that is not there, as in kaggle_3m. Raises UnusableFile where FLAIR itself
    can't be used.
    """
    flair = scans["flair"]
    layout, spacing = lay_out(flair.grid)
    remarks: list[str] = []
    unusable: dict[str, UnusableFile] = {}
    check_size(*layout.to_slices(flair.voxels).shape[1:])
    if flair.voxels.size > MOST_VOXELS:
        raise UnusableFile("too_many_pixels", f"{flair.voxels.size} voxels, more than {MOST_VOXELS // 10**6} million")
    grey = {"flair": _grey(flair, layout, remarks, "flair")}
    for name in ("pre", "post"):
        if name in scans:
            try:
                grey[name] = _grey(_onto(scans[name], flair.grid, name, remarks), layout, remarks, name)
            except UnusableFile as fault:
                unusable[name] = fault
    if lacking := [name for name in ("pre", "post") if name not in grey]:
        words = " or ".join(WORDS[name] for name in lacking)
        remarks.append(f"There is no {words} sequence: FLAIR stands in its place, as in the training data.")
    images = np.stack([grey.get(name, grey["flair"]) for name in CHANNELS], axis=-1)  # (S, H, W) x 3 -> (S, H, W, 3)
    count_allowed(len(images), *padded_size(images.shape[1], images.shape[2], spacing))
    return Slices(images, layout, spacing, flair.grid, tuple(remarks), unusable)


def _onto(scan: Scan, grid: Grid, name: str, remarks: list[str]) -> Scan:
    if same_grid(scan.grid, grid):
        return scan
    voxels = resample(scan.voxels, scan.grid, grid, order=1)
    remarks.append(f"The {WORDS[name]} sequence was brought to FLAIR's grid, linearly.")
    return Scan(voxels, grid, scan.slope, scan.intercept)


def _grey(scan: Scan, layout: Layout, remarks: list[str], name: str) -> np.ndarray:
    """The scan as uint8 [S, H, W]."""
    if scan.voxels.dtype.kind == "f" and (odd := int(np.count_nonzero(~np.isfinite(scan.voxels)))):
        if odd == scan.voxels.size:
            raise UnusableFile("not_finite", "no voxel that is a number")
        remarks.append(f"{odd} voxels of {WORDS[name]} are NaN or infinite, and were taken as black.")
    return to_8_bit(layout.to_slices(scan.voxels), scan.slope, scan.intercept)
