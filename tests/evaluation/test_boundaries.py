"""Outline distances against brute force over all pairs of pixels, and against two published packages."""

import time

import numpy as np
import pytest
from scipy.ndimage import binary_erosion
from scipy.spatial.distance import cdist, directed_hausdorff

from gliaflow.evaluation.boundaries import compare_outlines, hd95, outline, outline_distances, surface_dice

ROWS, COLUMNS = np.mgrid[:40, :48]
DISC = (ROWS - 18) ** 2 + (COLUMNS - 20) ** 2 <= 81
ELLIPSE = ((ROWS - 20) / 12) ** 2 + ((COLUMNS - 25) / 7) ** 2 <= 1
SQUARE = (ROWS >= 5) & (ROWS < 25) & (COLUMNS >= 30) & (COLUMNS < 44)
CORNER = (ROWS < 12) & (COLUMNS < 9)


def speckled(seed: int, share: float) -> np.ndarray:
    """A mask uint8 [30, 26] of blobs and single pixels, some at the border."""
    rng = np.random.default_rng(seed)
    return ((rng.random((30, 26)) < share) | np.kron(rng.random((6, 13)) < 0.15, np.ones((5, 2), bool))).astype(
        np.uint8
    )


def brute(true: np.ndarray, predicted: np.ndarray) -> tuple[float, float]:
    """HD95 and surface Dice as their definitions say, from the distances of all pairs."""
    edges = [np.argwhere(mask & ~binary_erosion(mask)) for mask in (true.astype(bool), predicted.astype(bool))]
    pairs = cdist(*edges)
    there, back = pairs.min(axis=1), pairs.min(axis=0)
    near = (there <= 2).sum() + (back <= 2).sum()
    return max(np.percentile(there, 95), np.percentile(back, 95)), near / (len(there) + len(back))


@pytest.mark.parametrize("seed", range(12))
def test_agrees_with_all_pairs_of_pixels(seed: int) -> None:
    true, predicted = speckled(seed, 0.01 * seed), speckled(seed + 100, 0.02)
    distances = outline_distances(true, predicted)
    assert (hd95(*distances), surface_dice(*distances)) == pytest.approx(brute(true, predicted), abs=1e-12)
    assert compare_outlines(true[None], predicted[None]) == (
        pytest.approx([hd95(*distances)]),
        pytest.approx([surface_dice(*distances)]),
    )
    whole = max(directed_hausdorff(outline(a), outline(b))[0] for a, b in ((true, predicted), (predicted, true)))
    assert max(distances[0].max(), distances[1].max()) == pytest.approx(whole)
    assert hd95(*distances) <= whole


@pytest.mark.parametrize(
    ("true", "predicted", "there", "back", "share"),
    [
        (DISC, ELLIPSE, 6.495519391664017, 7.0, 0.2),
        (DISC, SQUARE, 16.493327716870347, 18.0, 0.16071428571428573),
        (CORNER, ELLIPSE, 27.586228448267445, 22.525187959261594, 0.0),
        (CORNER | DISC, DISC, 0.0, 16.79762721038278, 0.7164179104477612),
        (ELLIPSE, CORNER | DISC, 21.857111062791965, 6.495519391664017, 0.14492753623188406),
    ],
)
def test_agrees_with_medpy(true: np.ndarray, predicted: np.ndarray, there: float, back: float, share: float) -> None:
    """Values of MedPy 0.5.2: np.percentile(d, 95) of its `__surface_distances` (connectivity 1), and their share <= 2.

    MedPy names the directions the other way round. Its own hd95 pools both; ours is the greater of the two.
    """
    distances = outline_distances(true, predicted)
    directed = sorted(np.percentile(each, 95) for each in distances)
    assert directed == pytest.approx(sorted((there, back)), abs=1e-12)
    assert hd95(*distances) == pytest.approx(max(there, back), abs=1e-12)
    assert surface_dice(*distances) == pytest.approx(share, abs=1e-12)


@pytest.mark.parametrize(
    ("true", "predicted", "robust_hausdorff", "surface_dice_at_2"),
    [
        (DISC, ELLIPSE, 7.0, 0.2668976857007811),
        (DISC, SQUARE, 18.0, 0.19648483355053786),
        (CORNER, ELLIPSE, 27.459060435491963, 0.0),
        (CORNER | DISC, DISC, 16.278820596099706, 0.7485431568167639),
        (ELLIPSE, CORNER | DISC, 21.633307652783937, 0.20139805031348165),
    ],
)
def test_is_near_deepminds_surface_distance(
    true: np.ndarray, predicted: np.ndarray, robust_hausdorff: float, surface_dice_at_2: float
) -> None:
    """Values of surface-distance 0.1: compute_robust_hausdorff at 95 and compute_surface_dice_at_tolerance at 2.

    It draws the outline between pixels and weighs its pieces by their length, so small shapes differ a little.
    """
    distances = outline_distances(true, predicted)
    assert hd95(*distances) == pytest.approx(robust_hausdorff, rel=0.04)
    assert surface_dice(*distances) == pytest.approx(surface_dice_at_2, abs=0.07)


def test_an_outline_has_a_neighbour_outside_and_the_border_is_outside() -> None:
    mask = np.zeros((7, 8), np.uint8)
    mask[2:5, 1:4] = 1
    assert sorted(map(tuple, outline(mask).tolist())) == [
        (row, column) for row in (2, 3, 4) for column in (1, 2, 3) if (row, column) != (3, 2)
    ]
    full = np.ones((4, 5), np.uint8)
    assert len(outline(full)) == 2 * 4 + 2 * 3
    assert outline(np.zeros((4, 5), np.uint8)).shape == (0, 2)
    diagonal = np.ones((5, 5), np.uint8)
    diagonal[0, 0] = 0  # touches (1, 1) by the corner alone
    assert [1, 1] not in outline(diagonal).tolist()


def test_equal_masks_and_masks_a_step_apart() -> None:
    mask = np.zeros((2, 20, 20), np.uint8)
    mask[:, 5:10, 5:10] = 1
    distance, shared = compare_outlines(mask, mask)
    assert (distance.tolist(), shared.tolist()) == ([0.0, 0.0], [1.0, 1.0])
    for step, near in ((2, 1.0), (3, 11 / 16)):
        moved = np.roll(mask, step, axis=2)
        distance, shared = compare_outlines(mask, moved)
        assert distance.tolist() == [step, step]
        assert shared.tolist() == pytest.approx([near, near]) == [brute(mask[0], moved[0])[1]] * 2


def test_empty_masks() -> None:
    empty, full = np.zeros((8, 8), np.uint8), np.ones((8, 8), np.uint8)
    distance, shared = compare_outlines(np.stack([empty, empty, full, full]), np.stack([empty, full, empty, full]))
    assert np.isnan(distance).tolist() == [True, True, True, False] and distance[3] == 0
    assert np.isnan(shared).tolist() == [True, False, False, False] and shared[1:].tolist() == [0, 0, 1]
    none = compare_outlines(np.zeros((0, 8, 8), np.uint8), np.zeros((0, 8, 8), np.uint8))
    assert [len(values) for values in none] == [0, 0]
    with pytest.raises(ValueError, match="at least one mask is empty"):
        outline_distances(empty, full)
    with pytest.raises(ValueError, match=r"one size; received \(8, 8\) and \(4, 8\)"):
        outline_distances(full, full[:4])


def test_two_hundred_slices_take_little_time() -> None:
    rows, columns = np.mgrid[:256, :256]
    true = np.stack([(rows - 120) ** 2 + (columns - 100 - i % 20) ** 2 < 40**2 for i in range(200)])
    predicted = np.stack([(rows - 130) ** 2 / 1.2 + (columns - 110) ** 2 < 36**2 for _ in range(200)])
    start = time.process_time()
    compare_outlines(true, predicted)
    assert time.process_time() - start < 4  # 1 s measured, beside other work
