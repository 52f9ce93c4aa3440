"""Evaluate a model from its probability maps: the operating point from val, then every figure from counts a slice."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gliaflow.evaluation.counts import patient_table, slice_counts
from gliaflow.evaluation.detection import Detection, fit_detection, slice_score
from gliaflow.evaluation.metrics import Metric, score
from gliaflow.evaluation.operating import OperatingPoint, choose_operating_point
from gliaflow.evaluation.postprocess import find_components, predicted_masks
from gliaflow.evaluation.reliability import confidence_table
from gliaflow.evaluation.threshold import choose_threshold, tumor_histograms
from gliaflow.store.arrays import open_array

SCORED = ("val", "test")
COLUMNS = [
    "patient", "slice", "part", "site", "image_path", "mask_path", "mask", "has_mask", "score", "tumor_probability",
    "call", "true_pixels", "predicted_pixels", "intersection", "pixels", "hd95", "nsd",
]  # fmt: skip


@dataclass(frozen=True)
class Evaluation:
    """What is known of a model: what was chosen on val, and the tables and figures of val and test.

    operating  : how probabilities become masks
    detection  : how a slice's score becomes a probability of tumour, and a call
    predictions: a row a slice
    patients   : a row a patient and part
    confidence : a row a patient, part and probability that occurs: how many pixels bear it, and how many are tumour
    """

    operating: OperatingPoint
    detection: Detection
    predictions: pd.DataFrame
    patients: pd.DataFrame
    confidence: pd.DataFrame
    metrics: list[Metric]


@dataclass(frozen=True, eq=False)
class _Scored:
    """A patient's slices of one part: their rows, and where probabilities and true masks of its whole volume are."""

    patient: str
    part: str
    rows: pd.DataFrame
    probabilities: Path
    volume: Path

    @property
    def quantised(self) -> np.ndarray:
        """round(255 p), uint8 [S, H, W]."""
        return open_array(self.probabilities)

    @property
    def masks(self) -> np.ndarray:
        """uint8 {0, 1} [S, H, W]."""
        return open_array(self.volume / "masks.npy")

    @property
    def index(self) -> np.ndarray:
        """Where in the volume its slices are."""
        return self.rows["index"].to_numpy()


def evaluate(
    labels: pd.DataFrame,
    parts: pd.DataFrame,
    volumes: Mapping[str, Path],
    probabilities: Path,
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> Evaluation:
    """Choose threshold, component filter and calls on val, and score val and test with them.

    Parameters
    ----------
    labels, parts : DataFrame
        The labelled slice table and the split table.
    volumes : mapping of patient to the folder of the prepared volume
    probabilities : Path
        Folder with one `<patient>.npy` a scored patient: uint8 [S, H, W], round(255 * p), of all its slices.
    resamples, seed : int
        Of the patient-level bootstrap behind each interval.
    """
    table = parts[parts["part"].isin(SCORED)].merge(labels, on=["patient", "slice"], validate="one_to_one")
    scored = list(_open(table.sort_values(["patient", "slice"]), volumes, probabilities))
    val = [each for each in scored if each.part == "val"]
    histograms = {
        (each.patient, each.part): tumor_histograms(each.quantised[each.index], each.masks[each.index])
        for each in scored
    }
    threshold = choose_threshold({each.patient: histograms[each.patient, "val"] for each in val})
    components = {
        each.patient: find_components(each.quantised, each.masks, threshold.value, each.index) for each in val
    }
    operating = choose_operating_point(threshold, components)
    predictions = pd.concat([_compare(each, operating) for each in scored], ignore_index=True)
    predictions, detection = _call(predictions)
    predictions = predictions[COLUMNS].sort_values(["patient", "slice"], ignore_index=True)
    confidence = confidence_table(histograms)
    return Evaluation(
        operating=operating,
        detection=detection,
        predictions=predictions,
        patients=patient_table(predictions),
        confidence=confidence,
        metrics=score(predictions, confidence, resamples=resamples, seed=seed),
    )


def _open(table: pd.DataFrame, volumes: Mapping[str, Path], probabilities: Path) -> Iterator[_Scored]:
    for (patient, part), rows in table.groupby(["patient", "part"], sort=True):
        yield _Scored(str(patient), str(part), rows, probabilities / f"{patient}.npy", volumes[str(patient)])


def _compare(each: _Scored, operating: OperatingPoint) -> pd.DataFrame:
    """The rows of `each` with counts and scores. Masks are made of the whole volume, as components reach over it."""
    predicted = predicted_masks(each.quantised, operating.threshold, operating.min_pixels)
    counts = slice_counts(each.masks[each.index], predicted[each.index])
    rows = pd.concat([each.rows.reset_index(drop=True), counts], axis=1)
    return rows.assign(
        mask=(rows["true_pixels"] > 0).astype("int64"),
        has_mask=(rows["predicted_pixels"] > 0).astype("int64"),
        score=slice_score(each.quantised[each.index]),
    )


def _call(predictions: pd.DataFrame) -> tuple[pd.DataFrame, Detection]:
    """Fit the detection on val and tell every slice's probability of tumour and call."""
    val = predictions[predictions["part"] == "val"]
    detection = fit_detection(val["score"].to_numpy(), (val["mask"] == 1).to_numpy(), val["patient"].to_numpy())
    probability = detection.probability(predictions["score"].to_numpy())
    call = pd.array(detection.call(probability), dtype="str")
    return predictions.assign(tumor_probability=probability, call=call), detection
