"""What is counted of every slice, and of every patient: all figures come from these tables."""

import numpy as np
import pandas as pd

from gliaflow.evaluation.boundaries import compare_outlines

COUNTS = ("true_pixels", "predicted_pixels", "intersection", "pixels")


def slice_counts(true: np.ndarray, predicted: np.ndarray) -> pd.DataFrame:
    """Compare two masks slice by slice.

    Parameters
    ----------
    true, predicted : ndarray of shape (S, H, W), uint8 {0, 1}

    Returns
    -------
    DataFrame
        A row a slice: true_pixels, predicted_pixels, intersection, pixels (int64); hd95 (float64, pixels, NaN unless
        both masks have a pixel) and nsd (float64, 0..1, NaN where both are empty, 0 where one is).
    """
    if true.shape != predicted.shape or true.ndim != 3:
        raise ValueError(
            f"Masks are compared slice by slice, both of shape (slices, height, width); received {true.shape} and "
            f"{predicted.shape}."
        )
    inside, found = true > 0, predicted > 0
    hd95, nsd = compare_outlines(inside, found)
    counts = {
        "true_pixels": np.count_nonzero(inside, axis=(1, 2)),
        "predicted_pixels": np.count_nonzero(found, axis=(1, 2)),
        "intersection": np.count_nonzero(inside & found, axis=(1, 2)),
        "pixels": np.full(len(true), true.shape[1] * true.shape[2]),
    }
    return pd.DataFrame({**counts, "hd95": hd95, "nsd": nsd}).astype(dict.fromkeys(COUNTS, "int64"))


def patient_table(predictions: pd.DataFrame) -> pd.DataFrame:
    """One row a patient and part, sorted by both: counts pooled over its slices, the volume's Dice, IoU and accuracy.

    Dice and IoU are 1 where neither mask has a pixel. `mean_slice_dice` is over slices with tumour, `hd95` and `nsd`
    are means over the slices where they are defined; each is NaN without any.
    """
    rows = predictions.assign(slice_dice=dice(predictions).where(predictions["true_pixels"] > 0))
    table = rows.groupby(["patient", "part"], as_index=False, sort=True).agg(
        site=("site", "first"),
        slices=("slice", "size"),
        tumor_slices=("true_pixels", lambda pixels: int((pixels > 0).sum())),
        **{name: (name, "sum") for name in COUNTS},
        mean_slice_dice=("slice_dice", "mean"),
        hd95=("hd95", "mean"),
        nsd=("nsd", "mean"),
    )
    table = table.assign(dice=dice(table), iou=iou(table), accuracy=correct(table) / table["pixels"])
    assert (table["dice"] >= table["iou"]).all()
    return table[
        ["patient", "site", "part", "slices", "tumor_slices", *COUNTS[:3], "dice", "iou", "accuracy",
         "mean_slice_dice", "hd95", "nsd"]
    ]  # fmt: skip


def dice(counts: pd.DataFrame) -> pd.Series:
    """2 |A and B| / (|A| + |B|) (Dice 1945); 1 where both are empty."""
    sizes = counts["true_pixels"] + counts["predicted_pixels"]
    return (2 * counts["intersection"] / sizes.clip(lower=1)).where(sizes > 0, 1.0)


def iou(counts: pd.DataFrame) -> pd.Series:
    """|A and B| / |A or B| (Jaccard 1912); 1 where both are empty."""
    union = counts["true_pixels"] + counts["predicted_pixels"] - counts["intersection"]
    return (counts["intersection"] / union.clip(lower=1)).where(union > 0, 1.0)


def correct(counts: pd.DataFrame) -> pd.Series:
    """Number of pixels on which both masks agree."""
    return counts["pixels"] - counts["true_pixels"] - counts["predicted_pixels"] + 2 * counts["intersection"]
