"""Loss values against numpy and against figures worked out by hand."""

import keras
import numpy as np
import pytest

from gliaflow.model.losses import (
    LOSSES,
    PooledDice,
    batch_dice,
    bce,
    bce_batch_dice,
    bce_dice,
    bce_focal_tversky,
    dice,
)

MASKS = np.array([[1, 1, 0, 0], [0, 0, 0, 0]], np.uint8).reshape(2, 2, 2, 1)
CHANCES = np.array([[0.8, 0.4, 0.3, 0.0], [0.5, 0.0, 0.0, 0.0]], np.float32).reshape(2, 2, 2, 1)


def value(loss: object) -> np.ndarray:
    return keras.ops.convert_to_numpy(loss)


def test_bce_is_the_mean_over_each_images_pixels() -> None:
    first = -(np.log(0.8) + np.log(0.4) + np.log(0.7)) / 4
    np.testing.assert_allclose(value(bce(MASKS, CHANCES)), [first, -np.log(0.5) / 4], atol=1e-6)


def test_bce_agrees_with_keras_also_where_probabilities_are_certain() -> None:
    rng = np.random.default_rng(0)
    y = (rng.random((3, 4, 4, 1)) > 0.5).astype("float32")
    p = rng.choice([0.0, 0.2, 0.9, 1.0], (3, 4, 4, 1)).astype("float32")
    expected = value(keras.losses.binary_crossentropy(y, p)).mean(axis=(1, 2))
    np.testing.assert_allclose(value(bce(y, p)), expected, rtol=1e-4)


def test_dice_is_taken_per_image() -> None:
    # image 1: overlap 1.2, sizes 2 + 1.5; image 2: overlap 0, sizes 0 + 0.5; each smoothed by one pixel
    np.testing.assert_allclose(value(dice(MASKS, CHANCES)), [1 - 3.4 / 4.5, 1 - 1.0 / 1.5], atol=1e-6)
    alone = value(dice(MASKS[:1], CHANCES[:1]))
    np.testing.assert_allclose(value(dice(MASKS, CHANCES))[0], alone[0], atol=1e-7)


def test_dice_of_nothing_predicted_where_nothing_is_costs_nothing() -> None:
    nothing = np.zeros((1, 4, 4, 1), np.float32)
    np.testing.assert_array_equal(value(dice(nothing, nothing)), [0.0])


def test_batch_dice_pools_the_images() -> None:
    np.testing.assert_allclose(value(batch_dice(MASKS, CHANCES)), [1 - 3.4 / 5.0] * 2, atol=1e-6)


def test_sums_are_sums() -> None:
    np.testing.assert_allclose(
        value(bce_dice(MASKS, CHANCES)), value(bce(MASKS, CHANCES)) + value(dice(MASKS, CHANCES)), atol=1e-6
    )
    pooled = value(bce_batch_dice(MASKS, CHANCES))
    np.testing.assert_allclose(pooled, value(bce(MASKS, CHANCES)) + value(batch_dice(MASKS, CHANCES)), atol=1e-6)


def test_focal_tversky_weighs_missed_pixels_more_than_false_ones() -> None:
    # found 1.2, missed 0.8, false 0.8 of the pooled pixels
    expected = (1 - 2.2 / (1.2 + 0.7 * 0.8 + 0.3 * 0.8 + 1)) ** 0.75
    np.testing.assert_allclose(
        value(bce_focal_tversky(MASKS, CHANCES)), value(bce(MASKS, CHANCES)) + expected, atol=1e-6
    )
    nothing, all_ = np.zeros_like(CHANCES), np.ones_like(CHANCES)
    ones = np.ones_like(MASKS)
    missed = value(bce_focal_tversky(ones, nothing) - bce(ones, nothing))
    false = value(bce_focal_tversky(0 * ones, all_) - bce(0 * ones, all_))
    assert (missed > false).all()


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_float32_whatever_comes_in(name: str) -> None:
    loss = LOSSES[name](MASKS, keras.ops.cast(CHANCES, "bfloat16"))
    assert loss.dtype == "float32" and loss.shape == (2,)


def test_pooled_dice_counts_all_batches_since_the_last_reset() -> None:
    metric = PooledDice()
    assert float(metric.result()) == 1.0
    metric.update_state(MASKS, CHANCES)  # predicted: 0.8 and 0.5; true: 2 pixels, 1 of them predicted
    assert float(metric.result()) == pytest.approx(2 * 1 / (2 + 2))
    metric.update_state(MASKS[:1], MASKS[:1])
    assert float(metric.result()) == pytest.approx(2 * 3 / (4 + 4))
    metric.reset_state()
    assert float(metric.result()) == 1.0
