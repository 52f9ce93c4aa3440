"""Validation: loss and volume Dice of a network over whole volumes."""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from gliaflow.model.batches import Slices, plain_batches
from gliaflow.model.hardware import share


def score_volumes(
    model: keras.Model, slices: Slices, loss: Callable[[Any, Any], Any], batch_size: int
) -> tuple[float, float]:
    """Mean loss a slice, and mean over patients of the volume Dice at 0.5.

    A patient without tumour, true or predicted, counts 1. Not-a-number twice if there are no slices.
    """
    if not len(slices):
        return math.nan, math.nan
    losses, counts = 0.0, np.zeros((len(slices.patients), 2), np.int64)  # [overlap, true + predicted] of each patient
    for images, masks, patient in plain_batches(slices, batch_size):
        probabilities = keras.ops.convert_to_numpy(model.predict_on_batch(share(images)))
        losses += float(np.sum(keras.ops.convert_to_numpy(loss(masks, probabilities)), dtype=np.float64))
        predicted = probabilities >= 0.5
        overlap = np.sum(predicted & (masks > 0), axis=(1, 2, 3))
        both = np.sum(predicted, axis=(1, 2, 3)) + np.sum(masks, axis=(1, 2, 3), dtype=np.int64)
        np.add.at(counts, patient, np.stack([overlap, both], axis=1))
    dice = np.where(counts[:, 1] > 0, 2.0 * counts[:, 0] / np.maximum(counts[:, 1], 1), 1.0)
    return losses / len(slices), float(dice.mean())
