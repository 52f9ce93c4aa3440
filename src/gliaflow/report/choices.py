"""Which slices the report shows: chosen by rules from the tables alone, so that equal data show equal pictures."""

from collections import Counter

import numpy as np
import pandas as pd


def slice_dice(predictions: pd.DataFrame) -> pd.Series:
    """Dice of each slice, 2 |A and B| / (|A| + |B|), float64; NaN where neither mask holds a pixel."""
    total = (predictions["true_pixels"] + predictions["predicted_pixels"]).astype("float64")
    return 2 * predictions["intersection"] / total.where(total > 0)


def wrong_pixels(predictions: pd.DataFrame) -> pd.Series:
    """Pixels of each slice that are tumour in one mask alone, int64."""
    return predictions["true_pixels"] + predictions["predicted_pixels"] - 2 * predictions["intersection"]


def pick_samples(labels: pd.DataFrame, count: int = 6) -> pd.DataFrame:
    """The median tumour slice of `count` patients, spread evenly over the range of tumour sizes.

    A patient's tumour size is its number of tumour pixels; its median tumour slice is the lower middle by area. Rows of
    `labels`, smallest tumour first; patients without tumour are left out.
    """
    tumor = labels[labels["has_tumor"].astype(bool)]
    sizes = tumor.groupby("patient")["tumor_pixels"].sum().reset_index().sort_values(["tumor_pixels", "patient"])
    at = np.unique(np.linspace(0, len(sizes) - 1, min(count, len(sizes))).round().astype(int))
    ordered = tumor.sort_values(["tumor_pixels", "slice"])
    rows = []
    for patient in sizes["patient"].iloc[at]:
        own = ordered[ordered["patient"] == patient]
        rows.append(own.iloc[[(len(own) - 1) // 2]])
    return pd.concat(rows, ignore_index=True) if rows else labels.iloc[:0].reset_index(drop=True)


def pick_grid(predictions: pd.DataFrame, count: int = 15) -> pd.DataFrame:
    """`count` test slices, spread over the quantiles of slice Dice and over patients, best first.

    The tumour slices, ordered by Dice, are cut into `count` equal runs; each run gives the slice of the patient shown
    least so far, nearest to the run's middle. Where there are too few tumour slices, those with most false tumour
    follow, then others. Rows of `predictions` with the column `slice_dice` added.
    """
    test = _of_part(predictions, "test")
    test = test.assign(slice_dice=slice_dice(test))
    tumor = test[test["mask"] > 0].sort_values(["slice_dice", "patient", "slice"], ascending=[False, True, True])
    patients = [str(patient) for patient in tumor["patient"]]
    shown: Counter[str] = Counter()
    rows: list[int] = []
    for run in np.array_split(np.arange(len(tumor)), min(count, len(tumor)) or 1):
        middle = (len(run) - 1) / 2
        ranked = sorted(range(len(run)), key=lambda i: (shown[patients[run[i]]], abs(i - middle), i))
        for place in ranked[:1]:  # none in an empty run
            shown[patients[run[place]]] += 1
            rows.append(tumor.index[run[place]])
    empty = test[test["mask"] == 0].sort_values(["predicted_pixels", "patient", "slice"], ascending=[False, True, True])
    rows += empty.index[: count - len(rows)].tolist()
    return test.loc[rows].reset_index(drop=True)


def pick_worst(patients: pd.DataFrame, predictions: pd.DataFrame, count: int = 5) -> pd.DataFrame:
    """The `count` test patients of lowest volume Dice, worst first, each with its slice of most wrong pixels.

    Rows of `patients` with `slice` and that slice's pixels `slice_true`, `slice_predicted` and `slice_wrong` added.
    """
    test = _of_part(predictions, "test")
    wrong = test.assign(slice_wrong=wrong_pixels(test)).sort_values(
        ["patient", "slice_wrong", "slice"], ascending=[True, False, True]
    )
    worst_slice = wrong.groupby("patient", as_index=False).first()
    worst_slice = worst_slice.rename(columns={"true_pixels": "slice_true", "predicted_pixels": "slice_predicted"})
    ranked = _of_part(patients, "test").dropna(subset=["dice"]).sort_values(["dice", "patient"])
    columns = ["patient", "slice", "slice_true", "slice_predicted", "slice_wrong"]
    return ranked.merge(worst_slice[columns], on="patient", how="inner").head(count)


def pick_median(patients: pd.DataFrame, predictions: pd.DataFrame, count: int = 3) -> pd.DataFrame:
    """The `count` test patients in the middle of the ranking by volume Dice, best first, each with a middling slice.

    The slice is that of middle Dice (the lower of two) among those where a mask holds a pixel, or the first slice where
    none does. Rows of `patients` with the columns that `pick_worst` adds.
    """
    ranked = _of_part(patients, "test").dropna(subset=["dice"])
    ranked = ranked.sort_values(["dice", "patient"], ascending=[False, True])
    start = max(0, (len(ranked) - count) // 2)
    test = _of_part(predictions, "test")
    test = test.assign(slice_dice=slice_dice(test), slice_wrong=wrong_pixels(test))
    ordered = test.sort_values(["slice_dice", "slice"], na_position="last")
    rows = []
    for patient in ranked["patient"].iloc[start : start + count]:
        own = ordered[ordered["patient"] == patient]
        rows.append(own.iloc[[max(0, (int(own["slice_dice"].notna().sum()) - 1) // 2)]])
    middling = pd.concat(rows, ignore_index=True) if rows else test
    middling = middling.rename(columns={"true_pixels": "slice_true", "predicted_pixels": "slice_predicted"})
    columns = ["patient", "slice", "slice_true", "slice_predicted", "slice_wrong"]
    return ranked.merge(middling[columns], on="patient", how="inner").head(count)


def pick_false_tumors(predictions: pd.DataFrame, count: int = 6) -> pd.DataFrame:
    """Test slices without tumour where some was predicted, most pixels first; each patient once before any twice."""
    test = _of_part(predictions, "test")
    false = test[(test["mask"] == 0) & (test["has_mask"] > 0)]
    false = false.sort_values(["predicted_pixels", "patient", "slice"], ascending=[False, True, True])
    turn = false.groupby("patient").cumcount()
    order = false.assign(turn=turn).sort_values("turn", kind="stable").head(count)
    return order.drop(columns="turn").reset_index(drop=True)


def _of_part(frame: pd.DataFrame, part: str) -> pd.DataFrame:
    order = [name for name in ("patient", "slice") if name in frame]
    return frame[frame["part"] == part].sort_values(order, ignore_index=True)
