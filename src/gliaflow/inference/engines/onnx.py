"""ONNX Runtime: wherever there is a processor."""

import os
from pathlib import Path

import numpy as np


def open_network(path: Path, precision: str, size: int, channels: int) -> "OnnxNetwork":
    return OnnxNetwork(path, precision, size, channels)


class OnnxNetwork:
    """An `.onnx` file, run on the CPU in float32."""

    def __init__(self, path: Path, precision: str, size: int, channels: int) -> None:
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read at import; else it sends, and keeps a device id in the home
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors alone
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # it would take a core from others
        options.intra_op_num_threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
        self.size, self.channels, self.name = size, channels, f"ONNX Runtime, {precision}"
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        (probabilities,) = self._session.run(None, {self._input: pictures})
        return np.ascontiguousarray(probabilities[..., 0])
