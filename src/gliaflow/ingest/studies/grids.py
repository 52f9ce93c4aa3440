"""Where a volume's voxels lie in the patient, and how they become axial slices and are put back.

Millimetres are those of DICOM: x runs to the patient's left, y to the back, z to the head ("LPS"). Axial slices are as
in the training data: from the lowest up, rows from front to back, columns from the patient's right to the left.
"""

from dataclasses import dataclass
from itertools import permutations

import numpy as np

from gliaflow.ingest.reasons import UnusableFile
from gliaflow.ingest.studies.study import Spacing

SAME = 0.01  # of a voxel, by which the corners of two grids may differ that count as one
LEAST_OVERLAP = 0.1  # of FLAIR's field that another sequence must cover
_LOOKED_AT = 9  # points each way at which the overlap of two grids is measured


@dataclass(frozen=True, eq=False)
class Grid:
    """Voxels [I, J, K], and `affine` float64 [4, 4], which brings indices (i, j, k, 1) to millimetres (LPS)."""

    shape: tuple[int, int, int]
    affine: np.ndarray

    def __post_init__(self) -> None:
        sides = np.linalg.norm(np.nan_to_num(self.affine[:3, :3]), axis=0)
        sound = np.isfinite(self.affine).all() and ((sides > 1e-6) & (sides < 1e6)).all()
        if not sound or abs(np.linalg.det(self.affine[:3, :3] / sides)) < 1e-3:
            raise UnusableFile("bad_geometry", "a header by which voxels have no length, or axes fall together")

    @property
    def corners(self) -> np.ndarray:
        """The centres of the 8 voxels at the corners in millimetres, float64 [8, 3]."""
        ends = np.array(np.meshgrid(*[(0, side - 1) for side in self.shape], indexing="ij")).reshape(3, -1)
        return np.asarray((self.affine[:3, :3] @ ends).T + self.affine[:3, 3])


@dataclass(frozen=True)
class Layout:
    """How voxels [I, J, K] become slices [S, H, W]: which voxel axis each of these is, and which run backwards."""

    axes: tuple[int, int, int]
    backwards: tuple[bool, bool, bool]

    def to_slices(self, voxels: np.ndarray) -> np.ndarray:
        """A view of `voxels` [I, J, K] as axial slices [S, H, W]."""
        return voxels.transpose(self.axes)[self._turned]

    def to_voxels(self, slices: np.ndarray) -> np.ndarray:
        """A view of axial `slices` [S, H, W] as voxels [I, J, K]: the inverse of `to_slices`."""
        return slices[self._turned].transpose(tuple(int(axis) for axis in np.argsort(self.axes)))

    @property
    def _turned(self) -> tuple[slice, slice, slice]:
        slices, rows, columns = (slice(None, None, -1 if backwards else None) for backwards in self.backwards)
        return slices, rows, columns


def lay_out(grid: Grid) -> tuple[Layout, Spacing]:
    """The layout that brings `grid` nearest to axial slices, and their spacing."""
    sides = np.linalg.norm(grid.affine[:3, :3], axis=0)
    directions = grid.affine[:3, :3] / sides  # [world axis, voxel axis]
    z_y_x = (2, 1, 0)  # the world axes along which slices, rows and columns ascend
    axes = max(permutations(range(3)), key=lambda order: sum(abs(directions[z_y_x, order])))
    backwards = tuple(bool(directions[world, axis] < 0) for world, axis in zip(z_y_x, axes, strict=True))
    assert len(axes) == 3 and len(backwards) == 3
    return Layout(axes, backwards), Spacing(*(float(sides[axis]) for axis in axes))


def same_grid(one: Grid, other: Grid) -> bool:
    """Whether voxels of two grids lie on each other."""
    if one.shape != other.shape:
        return False
    apart = np.linalg.norm(one.corners - other.corners, axis=1).max()
    return bool(apart <= SAME * np.linalg.norm(one.affine[:3, :3], axis=0).min())


def resample(voxels: np.ndarray, grid: Grid, target: Grid, *, order: int) -> np.ndarray:
    """`voxels` [I, J, K] of `grid` at the voxels of `target`, linearly (`order` 1) or as the nearest (0).

    What `grid` doesn't cover becomes 0. Raises UnusableFile ("no_overlap") where it covers less than LEAST_OVERLAP.
    """
    from scipy.ndimage import affine_transform

    matrix = np.linalg.inv(grid.affine) @ target.affine  # index in target -> index in grid
    points = np.array(np.meshgrid(*[np.linspace(0, side - 1, _LOOKED_AT) for side in target.shape])).reshape(3, -1)
    there = (matrix[:3, :3] @ points).T + matrix[:3, 3]
    inside = ((there >= -0.5) & (there <= np.array(grid.shape) - 0.5)).all(axis=1)
    if inside.mean() < LEAST_OVERLAP:
        raise UnusableFile("no_overlap", f"{inside.mean():.0%} of FLAIR's field is covered")
    out = np.float32 if order else voxels.dtype
    return np.asarray(
        affine_transform(voxels, matrix[:3, :3], matrix[:3, 3], target.shape, order=order, output=out, cval=0.0)
    )
