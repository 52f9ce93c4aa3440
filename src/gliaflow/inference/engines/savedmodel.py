"""TensorFlow's SavedModel, as TensorFlow Serving takes it; run here through Keras."""

from pathlib import Path

import numpy as np

import gliaflow.model  # noqa: F401  sets what TensorFlow reads when it loads


def open_network(path: Path, precision: str, size: int, channels: int) -> "SavedModelNetwork":
    return SavedModelNetwork(path, precision, size, channels)


class SavedModelNetwork:
    """A folder with `saved_model.pb`."""

    def __init__(self, path: Path, precision: str, size: int, channels: int) -> None:
        import keras

        self.size, self.channels, self.name = size, channels, f"SavedModel, {precision}"
        self._layer = keras.layers.TFSMLayer(path, call_endpoint="serve")

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        import keras

        return np.ascontiguousarray(keras.ops.convert_to_numpy(self._layer(pictures))[..., 0])
