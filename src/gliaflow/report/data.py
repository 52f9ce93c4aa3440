"""The report's whole input in one record."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

Slice = tuple[np.ndarray, np.ndarray, np.ndarray | None]
"""Image uint8 [256, 256, 3] (pre-contrast, FLAIR, post-contrast), true and predicted mask uint8 {0, 1} [256, 256]."""


@dataclass(frozen=True)
class Companion:
    """A result that lies beside the report: `address` leads there from the report's folder, `about` says what it is."""

    name: str
    address: str
    about: str


@dataclass(frozen=True, eq=False)
class ReportData:
    """All that a report shows; equal data give equal bytes, so no time, host or absolute path belongs here.

    A section whose data are missing is left out. With `folds` it is a cross-validation: each patient is scored by the
    network of its fold, which never saw it, `part` is "test" everywhere, and `history` has the column fold.

    source      : name of the data folder, for the title
    protocol    : how the slices were split: patient, crossval, site or slice
    labels      : labelled slice table
    rejected    : rejected table (path, reason, found, stage, counted); may be empty
    files_seen  : number of files that the scan found
    parts       : split table (patient, slice, part, fold)
    leaks       : leak audit; may be empty
    history     : epoch, loss, dice, val_loss, val_dice, learning_rate; may be empty
    recipe      : the training recipe's parameters, nested as they are
    parameters  : number of the network's parameters
    threshold   : 1..255; a pixel is tumour where round(255 * probability) >= threshold; None where folds have their own
    metrics     : one mapping a metric and part: name, value, low, high, n, unit, part, about
    predictions : one row a slice of val and test, with pixel counts
    patients    : one row a patient of val and test, with volume Dice
    stages      : the run manifest, one mapping a result: stage, key, content, code, parameters, libraries
    slice_of    : (patient, slice number) -> image, true mask, predicted mask (None where there is no prediction)
    threshold_curve : mean volume Dice on val at thresholds 1..255, if known
    min_pixels  : predicted components of fewer pixels were dropped; None where folds have their own
    detection   : how a slice's score becomes a probability and a call, as `operating.json` has it
    confidence  : patient, part, level (0..255), pixels, tumor_pixels
    familiarity : what the release takes for unlike the training data, as `model.json` has it
    tried       : what that was tried on: patient, input, warned
    leakage     : the leakage meter's figures, as `leakage.json` has them
    folds       : one row a fold, as `folds.parquet` has it
    companions  : results that lie beside the report
    """

    source: str
    protocol: str
    labels: pd.DataFrame
    rejected: pd.DataFrame
    files_seen: int
    parts: pd.DataFrame
    leaks: pd.DataFrame
    history: pd.DataFrame
    recipe: Mapping[str, Any]
    parameters: int
    threshold: int | None
    metrics: Sequence[Mapping[str, Any]]
    predictions: pd.DataFrame
    patients: pd.DataFrame
    stages: Sequence[Mapping[str, Any]]
    slice_of: Callable[[str, int], Slice]
    threshold_curve: Sequence[float] | None = None
    min_pixels: int | None = 0
    detection: Mapping[str, Any] | None = None
    confidence: pd.DataFrame | None = None
    familiarity: Mapping[str, Any] | None = None
    tried: pd.DataFrame | None = None
    leakage: Mapping[str, Any] | None = None
    folds: pd.DataFrame | None = None
    companions: Sequence[Companion] = ()

    @property
    def scored(self) -> str:
        """What the scored patients are called: `test`, or `out-of-fold` in a cross-validation."""
        return "test" if self.folds is None else "out-of-fold"

    def metric(self, name: str, part: str = "test") -> Mapping[str, Any] | None:
        """The metric of that name and part, if it was measured and is defined."""
        for metric in self.metrics:
            if metric.get("name") == name and metric.get("part") == part and metric.get("value") is not None:
                return metric
        return None
