from itertools import permutations, product

import numpy as np
import pytest

from gliaflow.ingest.reasons import UnusableFile
from gliaflow.ingest.studies.grids import Grid, lay_out, resample, same_grid

ORIENTATIONS = [(order, signs) for order in permutations(range(3)) for signs in product((1, -1), repeat=3)]


def oriented(order: tuple[int, ...], signs: tuple[int, ...], sides: tuple[float, ...]) -> np.ndarray:
    """An affine by which voxel axis `i` runs along world axis `order[i]`, `signs[i]` * `sides[i]` mm a voxel."""
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis, (world, sign, side) in enumerate(zip(order, signs, sides, strict=True)):
        affine[world, axis] = sign * side
    affine[:3, 3] = (3, -7, 11)
    return affine


@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS)
def test_slices_ascend_along_the_patients_axes_whatever_the_voxels_do(
    order: tuple[int, int, int], signs: tuple[int, int, int]
) -> None:
    shape = (3, 4, 5)
    grid = Grid(shape, oriented(order, signs, (1.0, 2.0, 3.0)))
    places = np.einsum("wa,aijk->wijk", grid.affine[:3, :3], np.indices(shape)) + grid.affine[:3, 3, None, None, None]

    layout, spacing = lay_out(grid)
    x, y, z = (layout.to_slices(places[world]) for world in range(3))

    assert (np.diff(z, axis=0) == spacing.slices).all()  # towards the head
    assert (np.diff(y, axis=1) == spacing.rows).all()  # towards the back
    assert (np.diff(x, axis=2) == spacing.columns).all()  # towards the patient's left
    voxels = np.arange(60).reshape(shape)
    assert np.array_equal(layout.to_voxels(layout.to_slices(voxels)), voxels)


def test_an_oblique_volume_is_laid_out_by_its_nearest_axes() -> None:
    angle = np.deg2rad(20)
    turned = np.eye(4)
    turned[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    layout, spacing = lay_out(Grid((4, 5, 6), turned @ np.diag([0.5, 0.5, 5.0, 1])))

    assert layout.axes == (2, 1, 0) and layout.backwards == (False, False, False)
    assert spacing == pytest.approx((5.0, 0.5, 0.5))


@pytest.mark.parametrize(
    "affine", [np.zeros((4, 4)), np.diag([1, 1, 0.0, 1]), np.diag([1, np.nan, 1, 1]), np.ones((4, 4))]
)
def test_a_header_that_gives_voxels_no_length_is_refused(affine: np.ndarray) -> None:
    with pytest.raises(UnusableFile, match="must say how it lies"):
        Grid((4, 4, 4), affine)


def test_grids_are_the_same_up_to_rounding() -> None:
    grid = Grid((4, 5, 6), np.diag([1.0, 1, 5, 1]))
    moved = np.diag([1.0, 1, 5, 1])
    moved[0, 3] = 0.5

    assert same_grid(grid, Grid((4, 5, 6), np.diag([1.0 + 1e-6, 1, 5, 1])))
    assert not same_grid(grid, Grid((4, 5, 7), np.diag([1.0, 1, 5, 1])))
    assert not same_grid(grid, Grid((4, 5, 6), moved))


def test_a_linear_ramp_is_resampled_to_its_own_values() -> None:
    coarse, fine = Grid((6, 6, 6), np.diag([2.0, 2, 2, 1])), Grid((8, 8, 8), np.diag([-1.0, 1, 1, 1]))
    fine.affine[:3, 3] = (9, 1, 1)
    ramp = 10.0 * np.indices((6, 6, 6))[0]  # 5 a millimetre

    resampled = resample(ramp, coarse, fine, order=1)

    assert resampled == pytest.approx(np.broadcast_to(5 * (9 - np.arange(8.0))[:, None, None], (8, 8, 8)))


def test_sequences_of_different_places_are_refused() -> None:
    elsewhere = np.eye(4)
    elsewhere[0, 3] = 500
    with pytest.raises(UnusableFile, match="0% of FLAIR's field is covered"):
        resample(np.ones((8, 8, 8)), Grid((8, 8, 8), elsewhere), Grid((8, 8, 8), np.eye(4)), order=1)
