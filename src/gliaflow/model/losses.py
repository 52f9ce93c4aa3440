"""Losses on probabilities, one value an image, in float32 whatever the network computes in."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

TINY = 1e-7  # Keras' epsilon: probabilities are kept this far from 0 and 1 before a logarithm
MISSED, FOCUS = 0.7, 0.75  # Abraham and Khan's alpha and 1 / gamma
SMOOTH = 1.0  # pixels; makes the Dice of an empty image with an empty prediction 1 instead of 0/0


def bce(masks: Any, probabilities: Any) -> Any:
    """Binary cross-entropy, mean over the pixels of each image: (N, H, W, 1) twice -> (N,)."""
    y, p = _as_float(masks, probabilities)
    p = ops.clip(p, TINY, 1.0 - TINY)
    return -ops.mean(y * ops.log(p) + (1.0 - y) * ops.log(1.0 - p), axis=(1, 2, 3))


def dice(masks: Any, probabilities: Any) -> Any:
    """1 - (2 |y p| + 1) / (|y| + |p| + 1) of each image (Milletari 2016, unsquared): (N, H, W, 1) twice -> (N,)."""
    y, p = _as_float(masks, probabilities)
    overlap, size = ops.sum(y * p, axis=(1, 2, 3)), ops.sum(y + p, axis=(1, 2, 3))
    return 1.0 - (2.0 * overlap + SMOOTH) / (size + SMOOTH)


def batch_dice(masks: Any, probabilities: Any) -> Any:
    """As `dice`, with the pixels of all images in one pool, where empty images count by their false pixels: -> (N,)."""
    y, p = _as_float(masks, probabilities)
    pooled = 1.0 - (2.0 * ops.sum(y * p) + SMOOTH) / (ops.sum(y + p) + SMOOTH)
    return pooled * ops.ones_like(y[:, 0, 0, 0])


def bce_dice(masks: Any, probabilities: Any) -> Any:
    """`bce` + `dice`."""
    return bce(masks, probabilities) + dice(masks, probabilities)


def bce_batch_dice(masks: Any, probabilities: Any) -> Any:
    """`bce` + `batch_dice`."""
    return bce(masks, probabilities) + batch_dice(masks, probabilities)


def bce_focal_tversky(masks: Any, probabilities: Any) -> Any:
    """`bce` + (1 - Tversky index) ** 0.75 of the batch's pooled pixels, a missed one weighing 0.7 and a false one 0.3.

    Abraham and Khan 2019: a Dice that minds what is missed more than what is too much.
    """
    y, p = _as_float(masks, probabilities)
    found, missed, false = ops.sum(y * p), ops.sum(y * (1.0 - p)), ops.sum((1.0 - y) * p)
    index = (found + SMOOTH) / (found + MISSED * missed + (1.0 - MISSED) * false + SMOOTH)
    focal = ops.power(ops.maximum(1.0 - index, TINY), FOCUS)  # the power has no slope at 0
    return bce(masks, probabilities) + focal * ops.ones_like(y[:, 0, 0, 0])


def _as_float(masks: Any, probabilities: Any) -> tuple[Any, Any]:
    return ops.cast(masks, "float32"), ops.cast(probabilities, "float32")


LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "bce": bce,
    "dice": dice,
    "bce_dice": bce_dice,
    "bce_batch_dice": bce_batch_dice,
    "bce_focal_tversky": bce_focal_tversky,
}


class PooledDice(keras.metrics.Metric):
    """Dice at 0.5 of all pixels since the last reset, in one pool; 1 when there was no tumour, true or predicted."""

    def __init__(self, name: str = "dice", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.overlap = self.add_weight(shape=(), initializer="zeros", name="overlap")
        self.size = self.add_weight(shape=(), initializer="zeros", name="size")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y, p = ops.cast(y_true, "float32"), ops.cast(y_pred >= 0.5, "float32")
        self.overlap.assign_add(ops.sum(y * p))
        self.size.assign_add(ops.sum(y + p))

    @property
    def counts(self) -> np.ndarray:
        """Pixels in both, and pixels of the one plus those of the other, since the last reset: float64 [2]."""
        return np.array([float(ops.convert_to_numpy(count)) for count in (self.overlap, self.size)])

    def result(self) -> Any:
        return ops.where(self.size > 0, 2.0 * self.overlap / ops.maximum(self.size, 1.0), 1.0)
