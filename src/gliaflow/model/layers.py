"""Layers that let the network take raw images and work on a coarser grid: in it, nobody can do it differently."""

from typing import Any

import keras
from keras import ops

STANDARDISATIONS = ("picture", "head", "range")
AIR = 0.1  # of a slice's brightest pixel: whatever is not brighter is air around the head, noise included


@keras.saving.register_keras_serializable(package="gliaflow")
class Standardise(keras.layers.Layer):
    """Brings raw images (N, H, W, C), 0 to 255, to zero mean and unit deviation, each slice and channel by itself.

    over : "picture", statistics over all pixels of the slice's channel; "head", over those brighter than a tenth of its
        brightest (the rest is shifted and scaled alike), so that it does not matter how much air is in a crop;
        "range", none, but x / 127.5 - 1, which leaves a volume's slices comparable.

    The deviation counts as one grey level at least, so that a constant channel becomes zeros instead of noise.
    """

    def __init__(self, over: str = "picture", **kwargs: Any) -> None:
        kwargs["dtype"] = "float32"  # statistics of 65,536 pixels do not survive bfloat16
        super().__init__(**kwargs)
        if over not in STANDARDISATIONS:
            raise ValueError(f"Standardise goes over one of {', '.join(STANDARDISATIONS)}; received {over!r}")
        self.over = over

    def call(self, images: Any) -> Any:
        x = ops.cast(images, "float32")
        if self.over == "range":
            return x / 127.5 - 1.0
        counted = ops.ones_like(x)
        if self.over == "head":
            counted = ops.cast(x > AIR * ops.max(x, axis=(1, 2), keepdims=True), "float32")
        pixels = ops.maximum(ops.sum(counted, axis=(1, 2), keepdims=True), 1.0)  # (N, 1, 1, C)
        mean = ops.sum(x * counted, axis=(1, 2), keepdims=True) / pixels
        variance = ops.sum(ops.square(x - mean) * counted, axis=(1, 2), keepdims=True) / pixels
        return (x - mean) / ops.maximum(ops.sqrt(variance), 1.0)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "over": self.over}


@keras.saving.register_keras_serializable(package="gliaflow")
class Fold(keras.layers.Layer):
    """Folds each square of `side` x `side` pixels into channels: (N, H, W, C) -> (N, H / side, W / side, side² C).

    Nothing is lost, unlike in averaging: the network works on a grid `side` times coarser and still sees every pixel
    (space to depth, Shi et al. 2016, backwards).
    """

    def __init__(self, side: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.side = side

    def call(self, x: Any) -> Any:
        n, (_, height, width, channels) = self.side, x.shape
        x = ops.reshape(x, (-1, height // n, n, width // n, n, channels))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))  # (N, H / n, W / n, n, n, C)
        return ops.reshape(x, (-1, height // n, width // n, n * n * channels))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, height, width, channels = input_shape
        assert height and width and channels
        return (batch, height // self.side, width // self.side, self.side**2 * channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "side": self.side}


@keras.saving.register_keras_serializable(package="gliaflow")
class Unfold(keras.layers.Layer):
    """Undoes `Fold`: (N, h, w, side² C) -> (N, side h, side w, C), the channels being a square's pixels, row by row."""

    def __init__(self, side: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.side = side

    def call(self, x: Any) -> Any:
        n, (_, height, width, folded) = self.side, x.shape
        channels = folded // n**2
        x = ops.reshape(x, (-1, height, width, n, n, channels))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))  # (N, h, n, w, n, C)
        return ops.reshape(x, (-1, height * n, width * n, channels))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, height, width, folded = input_shape
        assert height and width and folded
        return (batch, height * self.side, width * self.side, folded // self.side**2)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "side": self.side}
