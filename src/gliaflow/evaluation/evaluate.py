"""Evaluate a model from its probability maps: the threshold from val, then every figure from pixel counts a slice."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gliaflow.evaluation.metrics import Metric, patient_table, score, slice_counts
from gliaflow.evaluation.threshold import Threshold, choose_threshold, tumor_histograms
from gliaflow.ingest.volumes import load_volume

SCORED = ("val", "test")


@dataclass(frozen=True)
class Evaluation:
    """What is known of a model: its operating threshold and the figures of val and test."""

    threshold: Threshold
    predictions: pd.DataFrame
    patients: pd.DataFrame
    metrics: list[Metric]


def evaluate(
    labels: pd.DataFrame,
    parts: pd.DataFrame,
    volumes: Mapping[str, Path],
    probabilities: Path,
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> Evaluation:
    """Choose the threshold on val and score val and test with it.

    Parameters
    ----------
    labels, parts : DataFrame
        The labelled slice table and the split table.
    volumes : mapping of patient to the folder of the prepared volume
    probabilities : Path
        Folder with one `<patient>.npy` a scored patient: uint8 [S, H, W], round(255 * p).
    resamples, seed : int
        Of the patient-level bootstrap behind each interval.
    """
    scored = parts[parts["part"].isin(SCORED)].merge(labels, on=["patient", "slice"], validate="one_to_one")
    histograms = {
        patient: tumor_histograms(quantised, masks)
        for patient, _, quantised, masks in _volumes(scored[scored["part"] == "val"], volumes, probabilities)
    }
    threshold = choose_threshold(histograms)
    predictions = pd.concat(
        [
            pd.concat([rows.reset_index(drop=True), slice_counts(quantised, masks, threshold.value)], axis=1)
            for _, rows, quantised, masks in _volumes(scored, volumes, probabilities)
        ],
        ignore_index=True,
    )
    predictions = predictions.assign(
        mask=(predictions["true_pixels"] > 0).astype("int64"),
        has_mask=(predictions["predicted_pixels"] > 0).astype("int64"),
    )[COLUMNS]
    predictions = predictions.sort_values(["patient", "slice"], ignore_index=True)
    return Evaluation(
        threshold=threshold,
        predictions=predictions,
        patients=patient_table(predictions),
        metrics=score(predictions, resamples=resamples, seed=seed),
    )


COLUMNS = [
    "patient", "slice", "part", "site", "image_path", "mask_path", "mask", "has_mask", "tumor_probability",
    "true_pixels", "predicted_pixels", "intersection", "pixels",
]  # fmt: skip


def _volumes(
    scored: pd.DataFrame, volumes: Mapping[str, Path], probabilities: Path
) -> Iterator[tuple[str, pd.DataFrame, np.ndarray, np.ndarray]]:
    """Patient by patient: its scored rows, and for these slices the probabilities and true masks, uint8 [S, H, W]."""
    for patient, rows in scored.groupby("patient", sort=True):
        index = rows["index"].to_numpy()
        quantised = np.load(probabilities / f"{patient}.npy", mmap_mode="r")
        yield str(patient), rows, quantised[index], load_volume(volumes[str(patient)]).masks[index]
