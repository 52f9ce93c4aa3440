"""Keras: the model as it was trained and released."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import numpy as np


@contextmanager
def _hushed() -> Iterator[None]:
    """Without what TensorFlow writes to the terminal while it starts, before it looks at any log level."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


with _hushed():
    from gliaflow.model.archive import load_model


class KerasNetwork:
    """A `.keras` file, run by Keras.

    path : of the file
    digest : its sha256, to be sure that it is the one that was recorded; None takes any

    Raises `UnusableModel` for a file that cannot be used.
    """

    def __init__(self, path: Path, digest: str | None = None) -> None:
        self.model = load_model(path, digest)
        self.size = int(self.model.input_shape[1])
        self.channels = int(self.model.input_shape[-1])
        formats = {layer.compute_dtype for layer in self.model.layers}
        self.precision = "bfloat16" if "bfloat16" in formats else "float32"
        self.name = f"Keras, {self.precision}"
        self._lock = Lock()  # Keras builds what it runs at the first call, and two threads would do so at once

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        with self._lock:
            return np.asarray(self.model.predict_on_batch(pictures)[..., 0])  # (N, H, W, 1) -> (N, H, W)
