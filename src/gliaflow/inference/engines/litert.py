"""LiteRT (once TensorFlow Lite): for phones and small devices."""

import os
from pathlib import Path
from threading import Lock

import numpy as np


def open_network(path: Path, precision: str, size: int, channels: int) -> "LiteRTNetwork":
    return LiteRTNetwork(path, precision, size, channels)


class LiteRTNetwork:
    """A `.tflite` file, run on the CPU in float32."""

    def __init__(self, path: Path, precision: str, size: int, channels: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.size, self.channels, self.name = size, channels, f"LiteRT, {precision}"
        self._interpreter = Interpreter(str(path), num_threads=os.cpu_count())
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]
        self._batch = 0
        self._lock = Lock()  # an interpreter has one set of tensors

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        with self._lock:
            if len(pictures) != self._batch:
                self._interpreter.resize_tensor_input(self._input, pictures.shape)
                self._interpreter.allocate_tensors()
                self._batch = len(pictures)
            self._interpreter.set_tensor(self._input, pictures)
            self._interpreter.invoke()
            return np.ascontiguousarray(self._interpreter.get_tensor(self._output)[..., 0])
