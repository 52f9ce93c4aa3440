"""The network: the notebook's U-Net to the parameter, between layers that standardise and restore the size."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from gliaflow.model.layers import Fold, Standardise, Unfold

FILTERS = (16, 32, 64, 128, 256)
DROPOUTS = (0.1, 0.1, 0.2, 0.2, 0.3)
FORGET = 0.9  # momentum of batch normalisation's statistics: short trainings have few steps to gather them


def build_unet(
    image_size: int = 256,
    work_size: int = 256,
    filters: Sequence[int] = FILTERS,
    dropouts: Sequence[float] = DROPOUTS,
    channels: int = 3,
    *,
    stem: str = "average",
    normalise: str = "none",
    standardise: str = "picture",
    precision: str = "float32",
    prior: float = 0.5,
    seed: int = 0,
) -> keras.Model:
    """U-Net from raw images (N, H, H, channels), 0 to 255, to tumour probabilities (N, H, H, 1), H = `image_size`.

    A level is conv 3x3 ReLU, dropout, conv 3x3 ReLU, with 2x2 max pooling down and 2x2 transposed convolutions up; with
    the default arguments it has 1,941,105 parameters.

    channels : of the input; 3 of the slice, and 3 of each neighbour that the network sees
    stem : how pictures come to a smaller `work_size`. "average": averaged down, the probabilities brought back
        bilinearly. "fold": squares of pixels become channels, and the last convolution gives each of their pixels.
    normalise : "none", or "batch", batch normalisation (Ioffe and Szegedy 2015) between convolution and ReLU
    precision : dtype policy of the convolutions, "float32" or "mixed_bfloat16"; standardising and output are float32
    prior : the probability of tumour that the untrained network says, by its last bias (Lin et al. 2017, focal loss)
    seed : of initial weights and dropout; nothing is drawn from a global generator

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

    parts = _Parts(iter(range(seed * 1000, seed * 1000 + 1000)), precision, normalise == "batch")
    images = keras.Input((image_size, image_size, channels), name="images")
    x = Standardise(over=standardise, name="standardise")(images)
    shrink = image_size // work_size
    folds = shrink > 1 and stem == "fold"
    if folds:
        x = Fold(shrink, dtype="float32", name="fold")(x)
    elif shrink > 1:
        x = layers.AveragePooling2D(shrink, dtype="float32", name="shrink")(x)
    skips = []
    for level in range(levels):
        skips.append(parts.block(x, filters[level], dropouts[level], f"down{level + 1}"))
        x = layers.MaxPooling2D(2, dtype=precision, name=f"down{level + 1}_pool")(skips[-1])
    x = parts.block(x, filters[levels], dropouts[levels], "bottom")
    for level in reversed(range(levels)):
        x = parts.up(x, filters[level], f"up{level + 1}")
        x = layers.Concatenate(dtype=precision, name=f"up{level + 1}_skip")([x, skips[level]])
        x = parts.block(x, filters[level], dropouts[level], f"up{level + 1}")
    x = parts.probability(x, shrink**2 if folds else 1, prior)
    if folds:
        x = Unfold(shrink, dtype="float32", name="unfold")(x)
    elif shrink > 1:
        x = layers.UpSampling2D(shrink, interpolation="bilinear", dtype="float32", name="restore")(x)
    return keras.Model(images, x, name="gliaflow_unet")


@dataclass
class _Parts:
    """The network's repeating parts; each draws its seeds in turn."""

    seeds: Iterator[int]
    precision: str
    normalised: bool

    def block(self, x: Any, filters: int, dropout: float, name: str) -> Any:
        x = self._conv(x, filters, f"{name}_conv1")
        x = layers.Dropout(dropout, seed=next(self.seeds), dtype=self.precision, name=f"{name}_dropout")(x)
        return self._conv(x, filters, f"{name}_conv2")

    def up(self, x: Any, filters: int, name: str) -> Any:
        initial = keras.initializers.GlorotUniform(seed=next(self.seeds))
        return layers.Conv2DTranspose(
            filters, 2, strides=2, padding="same", kernel_initializer=initial, dtype=self.precision, name=name
        )(x)

    def probability(self, x: Any, pixels: int, prior: float) -> Any:
        """Probability of each of the `pixels` that a place of the grid stands for."""
        return layers.Conv2D(
            pixels,
            1,
            activation="sigmoid",
            kernel_initializer=keras.initializers.GlorotUniform(seed=next(self.seeds)),
            bias_initializer=keras.initializers.Constant(math.log(prior / (1 - prior))),
            dtype="float32",
            name="probability",
        )(x)

    def _conv(self, x: Any, filters: int, name: str) -> Any:
        initial = keras.initializers.HeNormal(seed=next(self.seeds))
        if not self.normalised:
            return layers.Conv2D(
                filters, 3, padding="same", activation="relu",
                kernel_initializer=initial, dtype=self.precision, name=name,
            )(x)  # fmt: skip
        x = layers.Conv2D(
            filters, 3, padding="same", use_bias=False, kernel_initializer=initial, dtype=self.precision, name=name
        )(x)
        x = layers.BatchNormalization(momentum=FORGET, dtype=self.precision, name=f"{name}_norm")(x)
        return layers.Activation("relu", dtype=self.precision, name=f"{name}_relu")(x)
