"""The network: the notebook's U-Net to the parameter, between layers that standardise and restore the size."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from gliaflow.model.layers import Standardise

FILTERS = (16, 32, 64, 128, 256)
DROPOUTS = (0.1, 0.1, 0.2, 0.2, 0.3)


def build_unet(
    image_size: int = 256,
    work_size: int = 256,
    filters: Sequence[int] = FILTERS,
    dropouts: Sequence[float] = DROPOUTS,
    channels: int = 3,
    *,
    standardise: str = "picture",
    precision: str = "float32",
    prior: float = 0.5,
    seed: int = 0,
) -> keras.Model:
    """U-Net from raw images (N, H, H, channels), 0 to 255, to tumour probabilities (N, H, H, 1), H = `image_size`.

    A level is conv 3x3 ReLU, dropout, conv 3x3 ReLU, with 2x2 max pooling down and 2x2 transposed convolutions up; with
    the default filters it has 1,941,105 parameters. Where `work_size` is smaller than `image_size` the image is
    averaged down to it and the probabilities come back bilinearly, so that what goes in and comes out stays the same.

    precision : dtype policy of the convolutions, "float32" or "mixed_bfloat16"; standardising and output are float32.
    prior : the probability of tumour that the untrained network says, by its last bias (Lin et al. 2017, focal loss).
    seed : of initial weights and dropout; nothing is drawn from a global generator.

    Raises ValueError when the sizes do not fit one another.
    """
    levels = len(filters) - 1
    if len(dropouts) != len(filters):
        raise ValueError(
            f"a U-Net takes one dropout rate a level; received {len(filters)} filters and {len(dropouts)} dropouts"
        )
    if image_size % work_size:
        raise ValueError(f"the work size must divide the image size {image_size}; received {work_size}")
    if work_size % 2**levels:
        raise ValueError(f"{levels} poolings need a work size that is a multiple of {2**levels}; received {work_size}")

    seeds = iter(range(seed * 1000, seed * 1000 + 1000))

    def conv(x: Any, n: int, name: str) -> Any:
        initial = keras.initializers.HeNormal(seed=next(seeds))
        return layers.Conv2D(
            n, 3, padding="same", activation="relu", kernel_initializer=initial, dtype=precision, name=name
        )(x)

    def block(x: Any, level: int, name: str) -> Any:
        x = conv(x, filters[level], f"{name}_conv1")
        x = layers.Dropout(dropouts[level], seed=next(seeds), dtype=precision, name=f"{name}_dropout")(x)
        return conv(x, filters[level], f"{name}_conv2")

    images = keras.Input((image_size, image_size, channels), name="images")
    x = Standardise(over=standardise, name="standardise")(images)
    shrink = image_size // work_size
    if shrink > 1:
        x = layers.AveragePooling2D(shrink, dtype="float32", name="shrink")(x)
    skips = []
    for level in range(levels):
        skips.append(block(x, level, f"down{level + 1}"))
        x = layers.MaxPooling2D(2, dtype=precision, name=f"down{level + 1}_pool")(skips[-1])
    x = block(x, levels, "bottom")
    for level in reversed(range(levels)):
        initial = keras.initializers.GlorotUniform(seed=next(seeds))
        x = layers.Conv2DTranspose(
            filters[level],
            2,
            strides=2,
            padding="same",
            kernel_initializer=initial,
            dtype=precision,
            name=f"up{level + 1}",
        )(x)
        x = layers.Concatenate(dtype=precision, name=f"up{level + 1}_skip")([x, skips[level]])
        x = block(x, level, f"up{level + 1}")
    x = layers.Conv2D(
        1,
        1,
        activation="sigmoid",
        kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds)),
        bias_initializer=keras.initializers.Constant(math.log(prior / (1 - prior))),
        dtype="float32",
        name="probability",
    )(x)
    if shrink > 1:
        x = layers.UpSampling2D(shrink, interpolation="bilinear", dtype="float32", name="restore")(x)
    return keras.Model(images, x, name="gliaflow_unet")
