"""The network against the notebook's table, written out by hand, and its properties."""

import keras
import numpy as np
import pytest

from gliaflow.model.unet import build_unet

NOTEBOOK = [
    ("Conv2D", (256, 256, 16), 448), ("Dropout", (256, 256, 16), 0), ("Conv2D", (256, 256, 16), 2320),
    ("MaxPooling2D", (128, 128, 16), 0),
    ("Conv2D", (128, 128, 32), 4640), ("Dropout", (128, 128, 32), 0), ("Conv2D", (128, 128, 32), 9248),
    ("MaxPooling2D", (64, 64, 32), 0),
    ("Conv2D", (64, 64, 64), 18496), ("Dropout", (64, 64, 64), 0), ("Conv2D", (64, 64, 64), 36928),
    ("MaxPooling2D", (32, 32, 64), 0),
    ("Conv2D", (32, 32, 128), 73856), ("Dropout", (32, 32, 128), 0), ("Conv2D", (32, 32, 128), 147584),
    ("MaxPooling2D", (16, 16, 128), 0),
    ("Conv2D", (16, 16, 256), 295168), ("Dropout", (16, 16, 256), 0), ("Conv2D", (16, 16, 256), 590080),
    ("Conv2DTranspose", (32, 32, 128), 131200), ("Concatenate", (32, 32, 256), 0),
    ("Conv2D", (32, 32, 128), 295040), ("Dropout", (32, 32, 128), 0), ("Conv2D", (32, 32, 128), 147584),
    ("Conv2DTranspose", (64, 64, 64), 32832), ("Concatenate", (64, 64, 128), 0),
    ("Conv2D", (64, 64, 64), 73792), ("Dropout", (64, 64, 64), 0), ("Conv2D", (64, 64, 64), 36928),
    ("Conv2DTranspose", (128, 128, 32), 8224), ("Concatenate", (128, 128, 64), 0),
    ("Conv2D", (128, 128, 32), 18464), ("Dropout", (128, 128, 32), 0), ("Conv2D", (128, 128, 32), 9248),
    ("Conv2DTranspose", (256, 256, 16), 2064), ("Concatenate", (256, 256, 32), 0),
    ("Conv2D", (256, 256, 16), 4624), ("Dropout", (256, 256, 16), 0), ("Conv2D", (256, 256, 16), 2320),
    ("Conv2D", (256, 256, 1), 17),
]  # fmt: skip
RATES = [0.1, 0.1, 0.2, 0.2, 0.3, 0.2, 0.2, 0.1, 0.1]


def tiny(**changes: object) -> keras.Model:
    return build_unet(32, **{"work_size": 32, "filters": (4, 8), "dropouts": (0.1, 0.2), **changes})


def test_is_the_notebooks_network_layer_by_layer() -> None:
    model = build_unet()
    table = [(type(layer).__name__, layer.output.shape[1:], layer.count_params()) for layer in model.layers]
    assert table[:2] == [("InputLayer", (256, 256, 3), 0), ("Standardise", (256, 256, 3), 0)]
    assert table[2:] == NOTEBOOK
    assert model.count_params() == 1_941_105
    assert [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)] == RATES
    convolutions = [layer for layer in model.layers if type(layer) is keras.layers.Conv2D]
    assert {(c.kernel_size, c.padding, c.activation.__name__) for c in convolutions[:-1]} == {((3, 3), "same", "relu")}
    assert all(isinstance(c.kernel_initializer, keras.initializers.HeNormal) for c in convolutions[:-1])
    assert (convolutions[-1].kernel_size, convolutions[-1].activation.__name__) == ((1, 1), "sigmoid")


def test_skips_join_layers_of_the_same_level() -> None:
    model = build_unet(64, 64)
    for level in range(1, 5):
        up, skip = model.get_layer(f"up{level}_skip").input
        assert up is model.get_layer(f"up{level}").output and skip is model.get_layer(f"down{level}_conv2").output


def test_smaller_work_size_adds_no_parameters_and_restores_the_size() -> None:
    model = build_unet(256, 128)
    assert model.count_params() == 1_941_105
    assert model.input_shape == (None, 256, 256, 3) and model.output_shape == (None, 256, 256, 1)
    assert model.get_layer("down1_conv1").output.shape == (None, 128, 128, 16)
    assert model.get_layer("probability").output.shape == (None, 128, 128, 1)


def test_shrinks_by_averages_and_restores_bilinearly() -> None:
    model = tiny(work_size=16)
    blocks = np.kron(np.arange(256).reshape(1, 16, 16, 1), np.ones((1, 2, 2, 1))).astype("float32")
    shrunk = keras.ops.convert_to_numpy(model.get_layer("shrink")(blocks))
    np.testing.assert_array_equal(shrunk[0, ..., 0], np.arange(256).reshape(16, 16))
    step = np.zeros((1, 16, 16, 1), "float32")
    step[:, :, 8:] = 1
    restored = keras.ops.convert_to_numpy(model.get_layer("restore")(step))
    np.testing.assert_allclose(restored[0, 5, 14:18, 0], [0, 0.25, 0.75, 1], atol=1e-6)


def test_weights_follow_from_the_seed_alone() -> None:
    keras.utils.set_random_seed(1)
    first = tiny(seed=5).get_weights()
    keras.utils.set_random_seed(2)
    second, other = tiny(seed=5).get_weights(), tiny(seed=6).get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_takes_raw_bytes_and_floats_alike() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    model = tiny()
    as_bytes, as_floats = model.predict_on_batch(images), model.predict_on_batch(images.astype("float32"))
    np.testing.assert_array_equal(as_bytes, as_floats)
    assert as_bytes.shape == (2, 32, 32, 1) and 0 < as_bytes.min() < as_bytes.max() < 1


def test_contrast_and_brightness_of_the_scanner_do_not_matter() -> None:
    images = np.random.default_rng(0).integers(0, 100, (2, 32, 32, 3)).astype("float32")
    model = tiny(work_size=16)
    np.testing.assert_allclose(model.predict_on_batch(images), model.predict_on_batch(2 * images + 30), atol=1e-5)


def test_output_is_float32_under_mixed_precision_and_close_to_it() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    exact, mixed = tiny(), tiny(precision="mixed_bfloat16")
    assert mixed.get_layer("down1_conv1").compute_dtype == "bfloat16"
    got = mixed.predict_on_batch(images)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, exact.predict_on_batch(images), atol=0.03)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"work_size": 24}, "must divide the image size 32; received 24"),
        ({"filters": (4, 8, 8, 8, 8, 8, 8), "dropouts": (0,) * 7}, "multiple of 64; received 32"),
        ({"dropouts": (0.1,)}, "received 2 filters and 1 dropouts"),
    ],
)
def test_sizes_that_do_not_fit_are_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tiny(**changes)


def test_the_prior_is_what_the_untrained_network_says():
    black = np.zeros((1, 32, 32, 3), np.uint8)
    for prior in (0.5, 0.05):
        model = build_unet(32, 32, (4, 8), (0.1, 0.1), prior=prior)
        np.testing.assert_allclose(keras.ops.convert_to_numpy(model(black)), prior, rtol=1e-5)


def test_folding_works_on_the_coarse_grid_and_gives_every_pixel() -> None:
    model = tiny(work_size=8, stem="fold", channels=9)
    assert model.get_layer("fold").output.shape == (None, 8, 8, 144)
    assert model.get_layer("probability").output.shape == (None, 8, 8, 16)
    assert model.output_shape == (None, 32, 32, 1)
    images = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 9), dtype=np.uint8)
    says = model.predict_on_batch(images)[0, ..., 0]
    squares = says.reshape(8, 4, 8, 4).std(axis=(1, 3))
    assert squares.min() > 0, "pixels of one square ought to differ"


def test_batch_normalisation_stands_between_convolution_and_relu() -> None:
    model = tiny(normalise="batch")
    plain = tiny()
    for layer in plain.layers:
        if layer.name.endswith(("_conv1", "_conv2")):
            conv, norm = model.get_layer(layer.name), model.get_layer(f"{layer.name}_norm")
            assert norm.input is conv.output and model.get_layer(f"{layer.name}_relu").input is norm.output
            assert conv.bias is None and conv.activation.__name__ == "linear"
    normed = sum(3 * layer.filters for layer in plain.layers if layer.name.endswith(("_conv1", "_conv2")))
    assert model.count_params() == plain.count_params() + normed  # four numbers a filter in place of a bias


def test_weights_fit_pictures_of_every_size() -> None:
    small, large = tiny(work_size=16), build_unet(64, 32, (4, 8), (0.1, 0.2))
    assert [w.shape for w in small.weights] == [w.shape for w in large.weights]
