"""All figures from mask files alone: what `gliaflow score` does, for the masks of any tool."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gliaflow.evaluation.counts import patient_table, slice_counts
from gliaflow.evaluation.detection import slice_score
from gliaflow.evaluation.folders import Key, UnusableMasks, match_maps, match_masks
from gliaflow.evaluation.metrics import Metric, score
from gliaflow.evaluation.reliability import confidence_table
from gliaflow.evaluation.threshold import tumor_histograms
from gliaflow.ingest.names import parse_name
from gliaflow.ingest.readers import read_mask, read_pixels
from gliaflow.ingest.reasons import UnusableFile
from gliaflow.version import __version__

PART = "test"
MASKS_ALONE = (
    "AUROC and calibration are left out: masks don't tell them. Give the maps that they came from with --probabilities."
)
WITH_MAPS = (
    "Calibration is of the maps as they are: a slice's probability is its score, the mean of its most probable pixels."
)


@dataclass(frozen=True)
class Rescored:
    """Figures of mask files.

    patients       : a row a patient, as the evaluate stage's
    only_predicted : predicted masks without a true one, left out; only_true the other way round
    note           : what is to be known of the figures
    """

    metrics: list[Metric]
    patients: pd.DataFrame
    only_predicted: list[str]
    only_true: list[str]
    note: str

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON's types; what is undefined is None."""
        patients = self.patients.drop(columns="part").astype(object)
        return {
            "version": __version__,
            "metrics": [asdict(metric) for metric in self.metrics],
            "patients": patients.where(patients.notna(), None).to_dict("records"),
            "left_out": {"predictions": self.only_predicted, "truth": self.only_true},
            "note": self.note,
        }


def rescore(
    predictions: Path,
    truth: Path,
    probabilities: Path | None = None,
    *,
    allow_missing: bool = False,
    resamples: int = 2000,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Rescored:
    """Score the masks in `predictions` against those in `truth`, and the 8-bit maps in `probabilities` if given.

    Masks are compared at the size that they have, which is the same on both sides. The figures are those of the
    evaluate stage where a model's slices were not resized. Raises UnusableMasks.
    """
    matched = match_masks(predictions, truth, allow_missing=allow_missing)
    maps = None if probabilities is None else match_maps(probabilities, matched.truth)
    rows: list[dict[str, Any]] = []
    histograms: dict[str, np.ndarray] = {}
    graded = False
    for done, key in enumerate(matched.truth, start=1):
        true, predicted = (_read(files[key], read_mask) for files in (matched.truth, matched.predictions))
        _check_size(matched.predictions[key], predicted, true)
        counts = slice_counts(true[None], predicted[None])  # (H, W) -> (1, H, W)
        row: dict[str, Any] = {str(name): column.item() for name, column in counts.items()}
        if maps is not None:
            quantised = _read(maps[key], _read_map)
            _check_size(maps[key], quantised, true)
            graded = graded or not np.isin(quantised, (0, 1, 255)).all()
            row["score"] = row["tumor_probability"] = float(slice_score(quantised[None])[0])
            histograms.setdefault(key.patient, np.zeros((2, 256), np.int64))
            histograms[key.patient] += tumor_histograms(quantised[None], true[None])
        rows.append({**row, "patient": key.patient, "slice": key.slice, "site": _site(key)})
        if progress:
            progress(done, len(matched.truth))
    if maps is not None and not graded:
        raise UnusableMasks(f"Probability maps have grey values between 0 and 255; those in {probabilities} are masks.")
    table = _tabulate(rows)
    confidence = confidence_table({(patient, PART): counts for patient, counts in histograms.items()}) if maps else None
    return Rescored(
        metrics=score(table, confidence, resamples=resamples, seed=seed),
        patients=patient_table(table),
        only_predicted=matched.only_predicted,
        only_true=matched.only_true,
        note=MASKS_ALONE if maps is None else WITH_MAPS,
    )


def _tabulate(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """The predictions table of these slices, as far as masks tell it."""
    whole = dict.fromkeys(("true_pixels", "predicted_pixels", "intersection", "pixels"), "int64")
    table = pd.DataFrame(rows).astype(whole)
    return table.assign(
        part=PART,
        mask=(table["true_pixels"] > 0).astype("int64"),
        has_mask=(table["predicted_pixels"] > 0).astype("int64"),
    )


def _site(key: Key) -> str:
    name = parse_name(f"{key.patient}_{key.slice}.png")
    return name.site if name and name.site else "unknown"


def _read(path: Path, reader: Callable[[Path], np.ndarray]) -> np.ndarray:
    try:
        return reader(path)
    except UnusableFile as error:
        raise UnusableMasks(f"{path}: {error}") from None


def _read_map(path: Path) -> np.ndarray:
    """A probability map, round(255 * p), uint8 [H, W], of a grey picture of 8 bits."""
    pixels = read_pixels(path)
    grey = pixels if pixels.ndim == 2 else pixels[..., 0]  # (H, W, C) -> (H, W)
    if pixels.dtype != np.uint8 or (pixels.ndim == 3 and not (pixels[..., :3] == grey[..., None]).all()):
        raise UnusableMasks(
            f"{path}: A probability map is a grey picture of 8 bits, 0 for impossible and 255 for certain. Found: "
            f"{pixels.dtype} of shape {pixels.shape}{'' if pixels.ndim == 2 else ', in colour'}. Export it again."
        )
    return grey


def _check_size(path: Path, picture: np.ndarray, true: np.ndarray) -> None:
    if picture.shape != true.shape:
        raise UnusableMasks(
            f"{path}: A prediction has the size of its true mask. Found: {picture.shape[0]} x {picture.shape[1]} for "
            f"{true.shape[0]} x {true.shape[1]}. Bring it back to the image's size, the nearest pixel's value for each."
        )
