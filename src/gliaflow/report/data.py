"""The report's whole input in one record."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

Slice = tuple[np.ndarray, np.ndarray, np.ndarray | None]
"""Image uint8 [256, 256, 3] (pre-contrast, FLAIR, post-contrast), true and predicted mask uint8 {0, 1} [256, 256]."""


@dataclass(frozen=True, eq=False)
class ReportData:
    """All that a report shows; equal data give equal bytes, so no time, host or absolute path belongs here.

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
    threshold   : 1..255; a pixel is tumour where round(255 * probability) >= threshold
    metrics     : one mapping a metric and part: name, value, low, high, n, unit, part, about
    predictions : one row a slice of val and test, with pixel counts
    patients    : one row a patient of val and test, with volume Dice
    stages      : the run manifest, one mapping a result: stage, key, content, code, parameters, libraries
    slice_of    : (patient, slice number) -> image, true mask, predicted mask (None where there is no prediction)
    threshold_curve : mean volume Dice on val at thresholds 1..255, if known
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
    threshold: int
    metrics: Sequence[Mapping[str, Any]]
    predictions: pd.DataFrame
    patients: pd.DataFrame
    stages: Sequence[Mapping[str, Any]]
    slice_of: Callable[[str, int], Slice]
    threshold_curve: Sequence[float] | None = None
