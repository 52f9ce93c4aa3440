"""What runs a network: one module an engine, all behind one interface, each importing its library when it is opened.

`keras` runs the model that was released; the others run exports of it (`gliaflow.export`).
"""

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np

from gliaflow.errors import GliaflowError


class Network(Protocol):
    """A network, loaded; it can be called from several threads."""

    @property
    def name(self) -> str:
        """What runs it and in which number format, for people: "OpenVINO, bfloat16"."""
        ...

    @property
    def size(self) -> int:
        """Height and width in pixels of the pictures that it takes."""
        ...

    @property
    def channels(self) -> int:
        """Channels of these pictures: 3 of the slice, and 3 of each neighbour that it sees."""
        ...

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """Probability of tumour, float32 [N, H, W], of raw pictures uint8 [N, H, W, C]."""
        ...


class UnsuitedMachine(GliaflowError):
    """This processor, or what is installed here, can't run the network in the way that was asked for."""


@dataclass(frozen=True)
class Engine:
    """What runs exports of one format.

    title      : what it is called
    packages   : what must be installed to run an export
    extra      : of Gliaflow, which brings them
    entry      : the file or folder of an export that is opened, without the member's name
    light      : whether it runs without Keras and TensorFlow, which take seconds to load
    """

    title: str
    packages: tuple[str, ...]
    extra: str
    entry: str
    light: bool = True

    @property
    def missing(self) -> list[str]:
        """Those of its packages that are not installed."""
        return [package for package in self.packages if find_spec(package) is None]


ENGINES = {
    "openvino": Engine("OpenVINO", ("openvino",), "fast", ".xml"),
    "onnx": Engine("ONNX Runtime", ("onnxruntime",), "fast", ".onnx"),
    "litert": Engine("LiteRT", ("ai_edge_litert",), "export", ".tflite"),
    "savedmodel": Engine("SavedModel", ("tensorflow",), "cpu", "", light=False),
}
"""Engines of exported models, by the name of their format."""


def open_network(format: str, path: Path, precision: str, size: int, channels: int) -> Network:
    """The export at `path`, ready to run; raises `UnsuitedMachine` where it can't run here.

    Each engine is imported by name: whoever runs the released model alone does not depend on what runs exports.
    """
    engine = ENGINES[format]
    if engine.missing:
        needed = ", ".join(engine.missing)
        raise UnsuitedMachine(f"{engine.title} needs {needed}: pip install 'gliaflow[{engine.extra}]' brings it.")
    opened: Network = import_module(f"{__name__}.{format}").open_network(path, precision, size, channels)
    return opened
