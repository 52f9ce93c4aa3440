"""Stopping and lowering the rate against Keras' own callbacks, on random and on awkward courses."""

import math

import keras
import numpy as np
import pytest

from gliaflow.model.schedules import Best, Plateau


class Optimizer:
    learning_rate = 1e-3


class Model:
    """What the callbacks touch of a model."""

    def __init__(self) -> None:
        self.optimizer, self.stop_training = Optimizer(), False


COURSES = [
    *(np.random.default_rng(seed).normal(1.0, 0.3, 40).cumsum() ** -0.5 for seed in range(3)),
    *(np.random.default_rng(seed).uniform(0.4, 0.6, 40) for seed in range(3)),
    np.full(40, 0.5),
    1.0 - 0.00005 * np.arange(40),  # falls, but by less than the plateau's least change
]


@pytest.mark.parametrize("course", COURSES)
def test_rate_falls_when_keras_lets_it_fall(course: np.ndarray) -> None:
    callback = keras.callbacks.ReduceLROnPlateau(monitor="val_loss", patience=5, factor=0.2, min_lr=1e-4, mode="min")
    callback.set_model(Model())
    callback.on_train_begin()
    plateau, rate = Plateau(patience=5, factor=0.2, least=1e-4), 1e-3
    for epoch, loss in enumerate(course):
        callback.on_epoch_end(epoch, {"val_loss": float(loss)})
        rate = plateau.update(float(loss), rate)
        assert rate == pytest.approx(float(callback.model.optimizer.learning_rate), rel=1e-12), epoch


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("course", COURSES)
def test_stops_when_keras_stops(course: np.ndarray, mode: str) -> None:
    callback = keras.callbacks.EarlyStopping(monitor="figure", patience=10, mode=mode)
    callback.set_model(Model())
    callback.on_train_begin()
    best = Best(higher=mode == "max")
    for epoch, value in enumerate(course):
        callback.on_epoch_end(epoch, {"figure": float(value)})
        best.update(epoch + 1, float(value))
        assert best.epoch == callback.best_epoch + 1
        assert (best.waited >= 10) == callback.model.stop_training, epoch
        if callback.model.stop_training:
            break


def test_best_tells_when_weights_are_to_be_kept() -> None:
    best = Best(higher=True)
    assert [best.update(i, v) for i, v in enumerate([0.0, 0.0, 0.3, 0.2, 0.3, 0.4], 1)] == [
        True,
        False,
        True,
        False,
        False,
        True,
    ]
    assert (best.epoch, best.value, best.waited) == (6, 0.4, 0)


def test_without_anything_to_choose_by_the_last_epoch_is_best() -> None:
    best = Best(higher=False)
    assert all(best.update(epoch, math.nan) for epoch in (1, 2, 3))
    assert (best.epoch, best.waited) == (3, 0)
