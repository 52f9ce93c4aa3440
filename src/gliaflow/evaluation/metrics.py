"""Every figure of a segmentation from four pixel counts a slice, with n and an interval over patients."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gliaflow.evaluation.intervals import cohort_rows, interval, resample_patients

PARTS = ("test", "val")
COUNTS = ("true_pixels", "predicted_pixels", "intersection", "pixels")
NOTEBOOK_BATCH = 16
NOTEBOOK_SMOOTH = 1.0


@dataclass(frozen=True)
class Metric:
    """A figure of one part: `value` with its 95 % interval `low` to `high`, over `n` of `unit`.

    `value` is None where the figure is undefined (n is 0 then), the interval where fewer than two patients bear on it.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    unit: str
    part: str
    about: str


def slice_counts(quantised: np.ndarray, masks: np.ndarray, threshold: int) -> pd.DataFrame:
    """Count pixels slice by slice; all metrics come from these counts.

    Parameters
    ----------
    quantised : ndarray of shape (S, H, W), uint8
        round(255 * probability).
    masks : ndarray of shape (S, H, W), uint8 {0, 1}
    threshold : int
        1..255; a pixel is predicted as tumour where `quantised >= threshold`.

    Returns
    -------
    DataFrame
        A row a slice: true_pixels, predicted_pixels, intersection, pixels (int64), tumor_probability (float64, the
        greatest probability in the slice).
    """
    if quantised.shape != masks.shape or quantised.dtype != np.uint8:
        raise ValueError(
            f"Probabilities must be uint8 and of the shape of their masks; received {quantised.dtype} "
            f"{quantised.shape} for masks {masks.shape}."
        )
    if not 1 <= threshold <= 255:
        raise ValueError(f"A threshold on round(255 * probability) lies between 1 and 255; received {threshold}.")
    true, predicted = masks > 0, quantised >= threshold
    return pd.DataFrame(
        {
            "true_pixels": np.count_nonzero(true, axis=(1, 2)),
            "predicted_pixels": np.count_nonzero(predicted, axis=(1, 2)),
            "intersection": np.count_nonzero(true & predicted, axis=(1, 2)),
            "pixels": np.full(len(masks), masks[0].size if len(masks) else 0),
            "tumor_probability": quantised.max(axis=(1, 2), initial=0) / 255,
        }
    ).astype(dict.fromkeys(COUNTS, "int64"))


def patient_table(predictions: pd.DataFrame) -> pd.DataFrame:
    """One row a patient and part, sorted by both: counts pooled over its slices, the volume's Dice, IoU and accuracy.

    Dice and IoU are 1 where neither mask has a pixel. `mean_slice_dice` is over slices with tumour, NaN without any.
    """
    rows = predictions.assign(slice_dice=_dice(predictions).where(predictions["true_pixels"] > 0))
    table = rows.groupby(["patient", "part"], as_index=False, sort=True).agg(
        site=("site", "first"),
        slices=("slice", "size"),
        tumor_slices=("true_pixels", lambda pixels: int((pixels > 0).sum())),
        **{name: (name, "sum") for name in COUNTS},
        mean_slice_dice=("slice_dice", "mean"),
    )
    table = table.assign(dice=_dice(table), iou=_iou(table), accuracy=_correct(table) / table["pixels"])
    assert (table["dice"] >= table["iou"]).all()
    return table[
        ["patient", "site", "part", "slices", "tumor_slices", *COUNTS[:3], "dice", "iou", "accuracy", "mean_slice_dice"]
    ]


def score(predictions: pd.DataFrame, *, resamples: int = 2000, seed: int = 0) -> list[Metric]:
    """All metrics of each part in `predictions`, test first; `resamples` cohorts of patients make each interval.

    Parameters
    ----------
    predictions : DataFrame
        A row a slice: patient, slice, part, mask, has_mask and the counts of `slice_counts`.

    Returns
    -------
    list of Metric
        The headline first, pixel accuracy last. Dice and IoU of two empty masks are 1.
    """
    rows = predictions.sort_values(["patient", "slice"], kind="stable")
    scored = []
    for part in PARTS:
        if (rows["part"] == part).any():
            scored += _Part(rows[rows["part"] == part], resamples, seed).score(part)
    return scored


class _Part:
    """The slices of one part, sorted by patient, and the cohorts that are resampled from its patients."""

    def __init__(self, rows: pd.DataFrame, resamples: int, seed: int) -> None:
        self.rows = rows
        self.patient = pd.factorize(rows["patient"])[0]
        self.patients = int(self.patient.max()) + 1
        self.cohorts = resample_patients(self.patients, resamples, seed)
        self.volumes = pd.DataFrame({name: self._sum(rows[name]) for name in COUNTS})

    def score(self, part: str) -> list[Metric]:
        rows, volumes = self.rows, self.volumes
        one, tumor = np.ones(len(rows)), (rows["mask"] == 1).to_numpy(float)
        healthy = 1 - tumor
        dice, iou, volume_dice, volume_iou = _dice(rows), _iou(rows), _dice(volumes), _iou(volumes)
        assert (dice >= iou).all() and (volume_dice >= volume_iou).all()
        each = np.ones(self.patients)
        truth, found, overlap, pixels = (volumes[name] for name in COUNTS)
        hit = rows["has_mask"] == 1
        return [
            self._ratio("volume_dice_mean", volume_dice, each, "patients", part,
                        "mean over patients of the Dice of all slices pooled; 1 if neither mask has a pixel"),
            self._median("volume_dice_median", volume_dice, part,
                         "median over patients of the Dice of all slices pooled"),
            self._ratio("slice_dice_tumor", self._sum(dice * tumor), self._sum(tumor), "slices", part,
                        "mean Dice of the slices with tumour"),
            self._ratio("slice_dice_all", self._sum(dice), self._sum(one), "slices", part,
                        "mean Dice of all slices; 1 where neither mask has a pixel"),
            self._ratio("volume_iou_mean", volume_iou, each, "patients", part,
                        "mean over patients of the intersection over union of all slices pooled"),
            self._ratio("slice_iou_tumor", self._sum(iou * tumor), self._sum(tumor), "slices", part,
                        "mean intersection over union of the slices with tumour"),
            self._ratio("pixel_sensitivity", overlap, truth, "pixels", part,
                        "share of the tumour's pixels that are found, all patients pooled"),
            self._ratio("pixel_specificity", pixels - truth - found + overlap, pixels - truth, "pixels", part,
                        "share of the other pixels that are left out, all patients pooled"),
            self._ratio("tumor_sensitivity", self._sum(tumor * hit), self._sum(tumor), "slices", part,
                        "share of the slices with tumour in which a pixel is predicted"),
            self._ratio("tumor_specificity", self._sum(healthy * ~hit), self._sum(healthy), "slices", part,
                        "share of the slices without tumour in which no pixel is predicted"),
            self._notebook_dice(part),
            self._ratio("pixel_accuracy", _correct(volumes), pixels, "pixels", part,
                        "share of all pixels that are right; near 1 even if nothing is ever predicted"),
        ]  # fmt: skip

    def _sum(self, column: "pd.Series | np.ndarray") -> np.ndarray:
        """Sums over each patient's slices."""
        return np.bincount(self.patient, weights=np.asarray(column, float), minlength=self.patients)

    def _ratio(
        self,
        name: str,
        top: "pd.Series | np.ndarray",
        bottom: "pd.Series | np.ndarray",
        unit: str,
        part: str,
        about: str,
    ) -> Metric:
        """A figure that is a sum over patients by another; the second counts what the figure is a mean of."""
        tops, bottoms = np.asarray(top, float), np.asarray(bottom, float)
        n = int(bottoms.sum())
        sampled = bottoms[self.cohorts].sum(axis=1)
        values = np.where(sampled > 0, tops[self.cohorts].sum(axis=1) / np.maximum(sampled, 1), np.nan)
        low, high = interval(values) if np.count_nonzero(bottoms) > 1 else (None, None)
        return Metric(name, float(tops.sum() / n) if n else None, low, high, n, unit, part, about)

    def _median(self, name: str, values: pd.Series, part: str, about: str) -> Metric:
        each = values.to_numpy()
        low, high = interval(np.median(each[self.cohorts], axis=1)) if len(each) > 1 else (None, None)
        return Metric(name, float(np.median(each)), low, high, len(each), "patients", part, about)

    def _notebook_dice(self, part: str) -> Metric:
        counts = self.rows[["true_pixels", "predicted_pixels", "intersection"]].to_numpy(float)
        low, high = None, None
        if self.patients > 1:
            first = np.searchsorted(self.patient, np.arange(self.patients))
            count = np.bincount(self.patient)
            chosen = cohort_rows(self.cohorts, first, count)
            low, high = interval(np.array([batch_dice(counts[rows]) for rows in chosen]))
        about = (
            "mean over batches of the notebook's dice_coef, (2 |A and B| + 1) / (|A| + |B| + 1), a batch being the "
            f"pooled pixels of {NOTEBOOK_BATCH} slices in the order of the table; here of binary masks"
        )
        return Metric("notebook_dice", batch_dice(counts), low, high, len(counts), "slices", part, about)


def batch_dice(counts: np.ndarray) -> float:
    """Mean over batches of the smoothed Dice of a batch's pixels in one pool.

    This is `dice_coef` as Keras notebooks have it since M. Jocic's U-Net for the Kaggle competition "Ultrasound Nerve
    Segmentation" (2016), smooth = 1. The notebook fed it probabilities, batch after batch; Keras averages over batches.

    Parameters
    ----------
    counts : ndarray of shape (S, 3)
        true_pixels, predicted_pixels, intersection of each slice; 16 rows are a batch, the last may have fewer.
    """
    pooled = np.add.reduceat(counts, np.arange(0, len(counts), NOTEBOOK_BATCH), axis=0)
    true, predicted, overlap = pooled.T
    return float(np.mean((2 * overlap + NOTEBOOK_SMOOTH) / (true + predicted + NOTEBOOK_SMOOTH)))


def _dice(counts: pd.DataFrame) -> pd.Series:
    """2 |A and B| / (|A| + |B|) (Dice 1945); 1 where both are empty."""
    sizes = counts["true_pixels"] + counts["predicted_pixels"]
    return (2 * counts["intersection"] / sizes.clip(lower=1)).where(sizes > 0, 1.0)


def _iou(counts: pd.DataFrame) -> pd.Series:
    """|A and B| / |A or B| (Jaccard 1912); 1 where both are empty."""
    union = counts["true_pixels"] + counts["predicted_pixels"] - counts["intersection"]
    return (counts["intersection"] / union.clip(lower=1)).where(union > 0, 1.0)


def _correct(counts: pd.DataFrame) -> pd.Series:
    """Number of pixels on which both masks agree."""
    return counts["pixels"] - counts["true_pixels"] - counts["predicted_pixels"] + 2 * counts["intersection"]
