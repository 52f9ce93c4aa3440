"""OpenVINO: the fastest on Intel's and AMD's processors, in bfloat16 where they compute with it."""

import sys
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Any

import numpy as np

from gliaflow.inference.engines import UnsuitedMachine

HINTS = {"float32": "f32", "bfloat16": "bf16"}
MOVES = ("Reshape", "Transpose")
SIZES = (16, 4, 1)  # with the number of pictures known, OpenVINO is a fifth faster


def import_openvino() -> Any:
    """The library, without its telemetry, which would tell its makers of every conversion.

    Without the package openvino_telemetry it uses a stub of its own, so this has it look missing.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # importing it is an ImportError now
    import openvino

    return openvino


def open_network(path: Path, precision: str, size: int, channels: int) -> "OpenVINONetwork":
    return OpenVINONetwork(path, precision, size, channels)


class OpenVINONetwork:
    """An `.xml` with its `.bin`, compiled for the CPU; all cores work at one call, further ones wait their turn.

    It is compiled for each of SIZES when that is first needed, and other numbers of pictures go through in parts.

    In bfloat16 the raw picture is still standardised in float32: means and deviations rounded to 8 bits move all of the
    picture, which alone made more than half of the pixels that differed from Keras (docs/export.md).
    """

    def __init__(self, path: Path, precision: str, size: int, channels: int) -> None:
        self._openvino = import_openvino()
        self._core = self._openvino.Core()
        self.size, self.channels, self.name = size, channels, f"OpenVINO, {precision}"
        if precision == "bfloat16" and "BF16" not in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise UnsuitedMachine("This processor does not compute with bfloat16.")
        self._precision = precision
        self._network = self._core.read_model(path)
        self._compiled: dict[int, _Compiled] = {}
        self._compiling = Lock()

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        probabilities, done = np.empty(pictures.shape[:3], np.float32), 0
        while done < len(pictures):
            count = next(size for size in SIZES if size <= len(pictures) - done)
            part = slice(done, done + count)
            probabilities[part] = self._for(count)(np.ascontiguousarray(pictures[part]))
            done += count
        return probabilities

    def _for(self, count: int) -> "_Compiled":
        with self._compiling:
            if count not in self._compiled:
                network = self._network.clone()
                network.reshape([count, self.size, self.size, self.channels])
                ranks = [output.get_partial_shape().rank.get_length() for output in network.outputs]
                output = ranks.index(4)  # Keras' exporter may leave a number between its layers as an output, too
                self._compiled[count] = _Compiled(self._compile(network), output)
            return self._compiled[count]

    def _compile(self, network: Any) -> list[Any]:
        """What is run one after the other: the network, or, in bfloat16, what standardises and the rest."""
        options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": HINTS[self._precision]}
        if self._precision == "float32":
            return [self._core.compile_model(network, "CPU", options)]
        head, body = _split(self._openvino, network)
        exact = options | {"INFERENCE_PRECISION_HINT": HINTS["float32"]}
        return [self._core.compile_model(head, "CPU", exact), self._core.compile_model(body, "CPU", options)]


class _Compiled:
    """A network compiled for one number of pictures; `output` is the number of its output that tells probabilities."""

    def __init__(self, parts: list[Any], output: int) -> None:
        self._parts, self._output = parts, output
        self._idle: SimpleQueue[list[Any]] = SimpleQueue()

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """Probabilities [N, H, W] of pictures [N, H, W, C]."""
        try:
            requests = self._idle.get_nowait()
        except Empty:  # as many as threads that call at once: a request serves one at a time
            requests = [part.create_infer_request() for part in self._parts]
        inputs: list[Any] = [pictures]
        for request in requests:
            request.infer(dict(enumerate(inputs)), share_inputs=True, share_outputs=True)
            inputs = [pictures, request.get_output_tensor(self._output if request is requests[-1] else 0)]
        probabilities = inputs[1].data[..., 0].copy()  # the request's memory is used again
        self._idle.put(requests)
        return np.asarray(probabilities)


def _split(openvino: Any, model: Any) -> tuple[Any, Any]:
    """The network up to standardised pictures, and from there on (which takes the raw ones too, for their number)."""
    from openvino import opset13

    (pictures,) = model.get_parameters()
    first = next(node for node in model.get_ordered_ops() if node.get_type_name() == "Convolution")
    border = first.input_value(0)
    while border.get_node().get_type_name() in MOVES:  # folding computes nothing, and is faster in fewer bits
        border = border.get_node().input_value(0)
    head = openvino.Model([border], [pictures], "head").clone()
    standardised = opset13.parameter(border.get_partial_shape(), np.float32, name="standardised")
    for target in border.get_target_inputs():
        target.replace_source_output(standardised.output(0))
    return head, openvino.Model(model.get_results(), [pictures, standardised], "body")
