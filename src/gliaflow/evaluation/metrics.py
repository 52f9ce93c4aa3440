"""Every figure of a segmentation from counts a slice, with n and an interval over patients."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from gliaflow.evaluation.cohort import NOTEBOOK_BATCH, Cohort, Figure
from gliaflow.evaluation.counts import COUNTS, correct, dice, iou
from gliaflow.evaluation.reliability import BINS, LEVELS, squared_errors

PARTS = ("test", "val")


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


def score(
    predictions: pd.DataFrame, confidence: pd.DataFrame | None = None, *, resamples: int = 2000, seed: int = 0
) -> list[Metric]:
    """All metrics of each part in `predictions`, test first; `resamples` cohorts of patients make each interval.

    Parameters
    ----------
    predictions : DataFrame
        A row a slice: patient, slice, part, mask, has_mask and the columns of `slice_counts`. Figures of the columns
        score, tumor_probability and call are left out where there are no such columns.
    confidence : DataFrame or None
        `confidence_table` of the same slices; without it the calibration of pixels is left out.

    Returns
    -------
    list of Metric
        The headline first, pixel accuracy last. Dice and IoU of two empty masks are 1; HD95 is over slices where both
        masks have a pixel, and surface Dice over slices with tumour, 0 where nothing is predicted.
    """
    rows = predictions.sort_values(["patient", "slice"], kind="stable")
    scored = []
    for part in PARTS:
        if (rows["part"] == part).any():
            levels = None if confidence is None else confidence[confidence["part"] == part]
            scored += _Part(part, rows[rows["part"] == part], levels, resamples, seed).score()
    return scored


class _Part:
    """The slices of one part, sorted by patient."""

    def __init__(
        self, part: str, rows: pd.DataFrame, confidence: pd.DataFrame | None, resamples: int, seed: int
    ) -> None:
        self.part = part
        self.rows = rows
        self.confidence = confidence
        patient, names = pd.factorize(rows["patient"])
        self.names = pd.Index(names)
        self.cohort = Cohort(patient, resamples, seed)
        self.volumes = pd.DataFrame({name: self.cohort.sum(rows[name]) for name in COUNTS})
        self.tumor = (rows["mask"] == 1).to_numpy()

    def score(self) -> list[Metric]:
        return [
            *self._overlaps(), *self._outlines(), *self._pixels(), *self._slices(), *self._scores(),
            *self._probabilities(), *self._calls(), *self._confidence(), *self._notebook(),
        ]  # fmt: skip

    def _overlaps(self) -> list[Metric]:
        mean, every = self.cohort.mean, np.ones(len(self.rows))
        slice_dice, slice_iou, volume_dice, volume_iou = (
            figure(counts) for counts in (self.rows, self.volumes) for figure in (dice, iou)
        )
        assert (slice_dice >= slice_iou).all() and (volume_dice >= volume_iou).all()
        each = np.ones(len(self.volumes))
        return [
            self._metric(
                "volume_dice_mean", self.cohort.ratio(volume_dice, each), "patients",
                "mean over patients of the Dice of all slices pooled; 1 if neither mask has a pixel",
            ),
            self._metric(
                "volume_dice_median", self.cohort.median(volume_dice), "patients",
                "median over patients of the Dice of all slices pooled",
            ),
            self._metric(
                "slice_dice_tumor", mean(slice_dice, self.tumor), "slices",
                "mean Dice of the slices with tumour",
            ),
            self._metric(
                "slice_dice_all", mean(slice_dice, every), "slices",
                "mean Dice of all slices; 1 where neither mask has a pixel",
            ),
            self._metric(
                "volume_iou_mean", self.cohort.ratio(volume_iou, each), "patients",
                "mean over patients of the intersection over union of all slices pooled",
            ),
            self._metric(
                "slice_iou_tumor", mean(slice_iou, self.tumor), "slices",
                "mean intersection over union of the slices with tumour",
            ),
        ]  # fmt: skip

    def _outlines(self) -> list[Metric]:
        distance = self.rows["hd95"]
        return [
            self._metric(
                "hd95_mean", self.cohort.mean(distance.fillna(0.0), distance.notna()), "slices",
                "mean 95 % Hausdorff distance of the outlines, in pixels, over the slices where both masks have a "
                "pixel: missed and false slices are not in it",
            ),
            self._metric(
                "nsd_tumor", self.cohort.mean(self.rows["nsd"].fillna(0.0), self.tumor), "slices",
                "mean normalised surface Dice of the slices with tumour, the share of both outlines within 2 pixels of "
                "the other; 0 where nothing is predicted",
            ),
        ]  # fmt: skip

    def _pixels(self) -> list[Metric]:
        truth, found, overlap, pixels = (self.volumes[name] for name in COUNTS)
        return [
            self._metric(
                "pixel_sensitivity", self.cohort.ratio(overlap, truth), "pixels",
                "share of the tumour's pixels that are found, all patients pooled",
            ),
            self._metric(
                "pixel_specificity", self.cohort.ratio(pixels - truth - found + overlap, pixels - truth), "pixels",
                "share of the other pixels that are left out, all patients pooled",
            ),
        ]  # fmt: skip

    def _slices(self) -> list[Metric]:
        hit = self.rows["has_mask"] == 1
        return [
            self._metric(
                "tumor_sensitivity", self.cohort.mean(hit, self.tumor), "slices",
                "share of the slices with tumour in which a pixel is predicted",
            ),
            self._metric(
                "tumor_specificity", self.cohort.mean(~hit, ~self.tumor), "slices",
                "share of the slices without tumour in which no pixel is predicted",
            ),
        ]  # fmt: skip

    def _scores(self) -> list[Metric]:
        if "score" not in self.rows:
            return []
        figure = self.cohort.auroc(self.rows["score"].to_numpy(float), self.tumor)
        about = "area under the ROC curve of the slice's score for “has tumour”; equal scores count half"
        return [self._metric("tumor_auroc", figure, "slices", about)]

    def _probabilities(self) -> list[Metric]:
        if "tumor_probability" not in self.rows:
            return []
        probability, one = self.rows["tumor_probability"].to_numpy(float), np.ones(len(self.rows))
        what, tumor = "that a slice has tumour", self.tumor.astype(float)
        return self._calibration("tumor", "slices", what, probability, one, tumor, self.cohort.patient)

    def _calls(self) -> list[Metric]:
        if "call" not in self.rows:
            return []
        call = self.rows["call"].to_numpy()
        return [
            self._metric(
                "call_sensitivity", self.cohort.mean(call == "tumor", self.tumor & (call != "unsure")), "slices",
                "share of the slices with tumour that are called “tumor”, of those not called “unsure”",
            ),
            self._metric(
                "call_specificity", self.cohort.mean(call == "empty", ~self.tumor & (call != "unsure")), "slices",
                "share of the slices without tumour that are called “empty”, of those not called “unsure”",
            ),
            self._metric(
                "unsure_share", self.cohort.mean(call == "unsure", np.ones(len(call))), "slices",
                "share of the slices that are called “unsure”",
            ),
        ]  # fmt: skip

    def _confidence(self) -> list[Metric]:
        if self.confidence is None:
            return []
        rows = self.confidence
        patient = self.names.get_indexer(rows["patient"])
        assert (patient >= 0).all(), "who has pixels has slices"
        probability = rows["level"].to_numpy() / LEVELS
        number, tumor = rows["pixels"].to_numpy(float), rows["tumor_pixels"].to_numpy(float)
        what = "that a pixel is tumour; most pixels are far from any, which makes it small"
        return self._calibration("pixel", "pixels", what, probability, number, tumor, patient)

    def _calibration(
        self,
        name: str,
        unit: str,
        what: str,
        probability: np.ndarray,
        number: np.ndarray,
        tumor: np.ndarray,
        patient: np.ndarray,
    ) -> list[Metric]:
        """Figures of probabilities [N], each borne by `number` slices or pixels of a patient, `tumor` of them so."""
        error = self.cohort.calibration_error(probability, number, tumor, patient)
        errors = squared_errors(probability, number, tumor)
        squared, count = (
            np.bincount(patient, weights=column, minlength=self.cohort.patients) for column in (errors, number)
        )
        return [
            self._metric(
                f"{name}_ece", error, unit,
                f"expected calibration error, in {BINS} bins of equal width, of the probability {what}",
            ),
            self._metric(
                f"{name}_brier", self.cohort.ratio(squared, count), unit,
                f"Brier score, the mean squared error of the probability {what}",
            ),
        ]  # fmt: skip

    def _notebook(self) -> list[Metric]:
        """What the notebook printed: its Dice, and last the accuracy."""
        counts = self.rows[["true_pixels", "predicted_pixels", "intersection"]].to_numpy(float)
        return [
            self._metric(
                "notebook_dice", self.cohort.batch_dice(counts), "slices",
                "mean over batches of the notebook's dice_coef, (2 |A and B| + 1) / (|A| + |B| + 1), a batch being the "
                f"pooled pixels of {NOTEBOOK_BATCH} slices in the order of the table; here of binary masks",
            ),
            self._metric(
                "pixel_accuracy", self.cohort.ratio(correct(self.volumes), self.volumes["pixels"]), "pixels",
                "share of all pixels that are right; near 1 even if nothing is ever predicted",
            ),
        ]  # fmt: skip

    def _metric(self, name: str, figure: Figure, unit: str, about: str) -> Metric:
        return Metric(name=name, **asdict(figure), unit=unit, part=self.part, about=about)
