"""How far apart the outlines of two masks run: HD95 and normalised surface Dice of a slice, in pixels.

Everything is in the plane of the slice: the data state neither the pixel's size nor the distance between slices. An
outline is the pixels of a mask with one of their four neighbours outside it; what lies beyond the slice is outside.
"""

import numpy as np
from scipy.spatial import KDTree

TOLERANCE = 2.0  # pixels


def outline(mask: np.ndarray) -> np.ndarray:
    """Row and column of the outline's pixels, int64 [N, 2], of a mask [H, W] that is tumour where it is not 0."""
    inside = np.pad(mask != 0, 1)
    core = inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
    return np.argwhere(inside[1:-1, 1:-1] & ~core)


def outline_distances(true: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Euclidean distances in pixels: from each pixel of the true outline to the nearest of the predicted one, and back.

    Takes two masks [H, W] that both have a pixel; raises ValueError for an empty one.
    """
    if true.shape != predicted.shape:
        raise ValueError(f"Two masks of a slice have one size; received {true.shape} and {predicted.shape}.")
    points, others = outline(true), outline(predicted)
    if not (len(points) and len(others)):
        raise ValueError("Outlines have a distance only where both masks have a pixel; at least one mask is empty.")
    return KDTree(others).query(points)[0], KDTree(points).query(others)[0]


def hd95(to_predicted: np.ndarray, to_true: np.ndarray) -> float:
    """The 95 % Hausdorff distance: the greater of the two directed distances' 95th percentiles, in pixels.

    This is how MONAI and DeepMind's surface-distance make the partial distance of Huttenlocher et al. 1993 symmetric;
    MedPy pools both directions before it takes the percentile. Percentiles are interpolated linearly.
    """
    return float(max(np.percentile(to_predicted, 95), np.percentile(to_true, 95)))


def surface_dice(to_predicted: np.ndarray, to_true: np.ndarray, tolerance: float = TOLERANCE) -> float:
    """The normalised surface Dice: the share of both outlines that lies within `tolerance` of the other, 0 to 1.

    After Nikolov et al. 2021 (J Med Internet Res 23(7):e26151), with pixels of the outline in place of surface
    elements, as in MONAI. A distance equal to the tolerance is within it.
    """
    near = np.count_nonzero(to_predicted <= tolerance) + np.count_nonzero(to_true <= tolerance)
    return near / (len(to_predicted) + len(to_true))


def compare_outlines(true: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """HD95 and normalised surface Dice of each slice, both float64 [S], of masks [S, H, W].

    HD95 is NaN unless both masks of the slice have a pixel. Surface Dice is NaN where both are empty, 0 where one is.
    """
    distance, shared = np.full(len(true), np.nan), np.full(len(true), np.nan)
    for row, (one, other) in enumerate(zip(true, predicted, strict=True)):
        if one.any() and other.any():
            distances = outline_distances(one, other)
            distance[row], shared[row] = hd95(*distances), surface_dice(*distances)
        elif one.any() or other.any():
            shared[row] = 0.0
    return distance, shared
