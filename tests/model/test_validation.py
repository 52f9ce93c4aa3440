"""Validation against counts in numpy."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gliaflow.model.batches import open_slices
from gliaflow.model.losses import bce
from gliaflow.model.validation import score_volumes


def test_volume_dice_is_pooled_per_patient(volumes: dict[str, Path], parts: pd.DataFrame) -> None:
    """Against a stand-in for the network that finds bright FLAIR in the upper half only, counted in numpy."""

    class Upper:
        def predict_on_batch(self, images: np.ndarray) -> np.ndarray:
            found = (images[..., 1:2] > 200).astype("float32")
            found[:, 16:] = 0.1
            return found

    expected = []
    for patient in "abc":
        masks = np.load(volumes[patient] / "masks.npy").astype(bool)
        upper = masks.copy()
        upper[:, 16:] = False
        expected.append(2 * upper.sum() / (masks.sum() + upper.sum()))
    assert len(set(expected)) == 3
    slices = open_slices(volumes, parts, "train")
    for batch_size in (1, 5, 100):
        loss, dice = score_volumes(Upper(), slices, lambda y, p: p[:, 0, 0, 0] * 0 + 2.0, batch_size)
        assert (loss, dice) == (2.0, pytest.approx(np.mean(expected), abs=1e-12))


def test_dice_of_a_patient_without_tumour_found_or_true_is_one(volumes: dict[str, Path], parts: pd.DataFrame) -> None:
    class Nothing:
        def predict_on_batch(self, images: np.ndarray) -> np.ndarray:
            return np.zeros((*images.shape[:3], 1), "float32")

    empty = open_slices(volumes, parts[parts["slice"] == 11], "val")
    assert score_volumes(Nothing(), empty, bce, 4) == (pytest.approx(0, abs=1e-6), 1.0)
    assert score_volumes(Nothing(), open_slices(volumes, parts, "val"), bce, 4)[1] == 0.0
    assert all(map(math.isnan, score_volumes(Nothing(), open_slices(volumes, parts, "test"), bce, 4)))
