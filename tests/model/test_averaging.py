"""The moving average of the weights, against a sum worked out by hand."""

import keras
import numpy as np
import pytest

from gliaflow.model.averaging import Averages


def one_weight() -> keras.Model:
    inputs = keras.Input((1,))
    x = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")(inputs)
    return keras.Model(inputs, keras.layers.BatchNormalization()(x))


def test_the_head_start_ends_where_the_momentum_is_reached() -> None:
    model = one_weight()
    averages, expected = Averages(model, 0.5), 0.0
    for step in range(20):
        model.trainable_variables[0].assign([[float(step)]])
        averages.update()
        kept = min(0.5, (1 + step) / (10 + step))  # 0.1, 0.18, 0.25, ... and 0.5 from step 8 on
        expected = kept * expected + (1 - kept) * step
    assert averages.values[0].item() == pytest.approx(expected, rel=1e-5)
    assert 17 < expected < 18.5


def test_weights_that_are_not_trained_are_as_they_are() -> None:
    model = one_weight()
    averages = Averages(model, 0.9)
    model.trainable_variables[0].assign([[8.0]])
    statistics = model.layers[-1].moving_mean
    statistics.assign([3.0])
    averages.update()
    weights = dict(zip([variable.path for variable in model.weights], averages.weights(), strict=True))
    assert weights[statistics.path].item() == 3.0
    assert weights[model.trainable_variables[0].path].item() == pytest.approx(0.9 * 8.0)


def test_restored_averages_go_on_alike_and_share_no_memory() -> None:
    model = one_weight()
    first = Averages(model, 0.9)
    for value in (1.0, 2.0, 3.0):
        model.trainable_variables[0].assign([[value]])
        first.update()
    other = Averages(model, 0.9)
    other.restore(first.values, first.steps)
    model.trainable_variables[0].assign([[9.0]])
    before = first.values[0].copy()
    other.update()
    assert np.array_equal(first.values[0], before)
    first.update()
    assert np.array_equal(first.values[0], other.values[0]) and first.steps == other.steps == 4
