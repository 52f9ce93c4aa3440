"""Standardising against numpy."""

import keras
import numpy as np
import pytest

from gliaflow.model.layers import Fold, Standardise, Unfold


def images() -> np.ndarray:
    made = np.random.default_rng(3).integers(1, 256, (2, 8, 8, 3), dtype=np.uint8)
    made[:, :4, :, :] = 0  # half of it is background
    made[1, :, :, 2] = 77  # a constant channel
    return made


def standardise(over: str, x: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(Standardise(over=over)(x))


def test_picture_counts_all_pixels() -> None:
    x = images().astype(float)
    got = standardise("picture", images())
    for slice_ in range(2):
        for channel in range(3):
            pixels = x[slice_, ..., channel]
            deviation = max(pixels.std(), 1.0)
            np.testing.assert_allclose(got[slice_, ..., channel], (pixels - pixels.mean()) / deviation, atol=1e-5)


def test_head_leaves_out_what_is_not_brighter_than_a_tenth_of_the_brightest() -> None:
    raw = images()
    raw[0, :4, :, 1] = np.arange(32, dtype=np.uint8).reshape(4, 8) % 26  # the air's noise, up to 25
    raw[0, 4:, :, 1] = np.maximum(raw[0, 4:, :, 1], 26)
    raw[0, 7, 7, 1] = 250
    raw[0, ..., 1] = np.minimum(raw[0, ..., 1], 250)
    got = standardise("head", raw)
    head = raw[0, 4:, :, 1].astype(float)
    np.testing.assert_allclose(got[0, ..., 1], (raw[0, ..., 1] - head.mean()) / head.std(), atol=1e-5)


def test_a_crop_with_less_air_is_standardised_alike() -> None:
    raw = images()
    np.testing.assert_allclose(standardise("head", raw)[0, 4:], standardise("head", raw[:, 3:])[0, 1:], atol=1e-5)
    assert np.abs(standardise("picture", raw)[0, 4:] - standardise("picture", raw[:, 3:])[0, 1:]).max() > 0.1


def test_range_is_fixed() -> None:
    np.testing.assert_allclose(standardise("range", np.array([[[[0, 127.5, 255]]]])), [[[[-1, 0, 1]]]])


@pytest.mark.parametrize("over", ["picture", "head"])
def test_constant_and_black_channels_become_finite(over: str) -> None:
    np.testing.assert_array_equal(standardise(over, images())[1, ..., 2], np.zeros((8, 8)))
    np.testing.assert_array_equal(standardise(over, np.zeros((1, 8, 8, 3), np.uint8)), np.zeros((1, 8, 8, 3)))


def test_stays_float32_and_keeps_its_setting_when_saved() -> None:
    layer = Standardise(over="head", dtype="mixed_bfloat16")
    assert layer(images()).dtype == "float32"
    assert Standardise.from_config(layer.get_config()).over == "head"


def test_unknown_setting_is_named() -> None:
    with pytest.raises(ValueError, match="one of picture, head, range; received 'volume'"):
        Standardise(over="volume")


def test_fold_puts_each_square_into_one_place_and_unfold_brings_it_back() -> None:
    x = np.arange(2 * 4 * 6 * 3, dtype="float32").reshape(2, 4, 6, 3)
    folded = keras.ops.convert_to_numpy(Fold(2)(x))
    assert folded.shape == (2, 2, 3, 12) == Fold(2).compute_output_shape((2, 4, 6, 3))
    np.testing.assert_array_equal(folded[1, 1, 2], x[1, 2:4, 4:6].ravel())
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(Unfold(2)(folded)), x)
    assert Unfold(2).compute_output_shape((2, 2, 3, 12)) == (2, 4, 6, 3)
