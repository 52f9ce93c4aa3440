"""Writing a network in other formats, by Keras' own exporters. Imports Keras: for a child process."""

import platform
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras

from gliaflow.errors import GliaflowError
from gliaflow.export.record import Format
from gliaflow.inference.engines import ENGINES
from gliaflow.inference.engines.openvino import import_openvino
from gliaflow.model.archive import load_model

WRITERS: dict[Format, str] = {
    "openvino": "openvino",
    "onnx": "onnx",
    "litert": "litert",
    "savedmodel": "tf_saved_model",
}
"""What Keras calls them."""
NEEDED: dict[Format, tuple[str, ...]] = {
    "openvino": ("openvino",),
    "onnx": ("onnx", "tf2onnx"),
    "litert": (),
    "savedmodel": (),
}
"""What Keras needs to write them, beside TensorFlow."""
EXTRAS = {"openvino": "fast", "onnx": "export", "tf2onnx": "export", "tensorflow": "cpu"}
LOW = ("bfloat16", "mixed_bfloat16")


class CannotExport(GliaflowError):
    """A package that writes or runs a format is missing, or Keras can't write this network in it."""


def require(format: Format) -> None:
    """Raise `CannotExport`, naming what to install, unless a format can be written and run here."""
    engine = ENGINES[format]
    lacking = [name for name in ("tensorflow", *NEEDED[format]) if find_spec(name) is None]
    extras = {EXTRAS[name] for name in lacking} | ({engine.extra} if engine.missing else set())
    if extras:
        names = ", ".join(dict.fromkeys([*lacking, *engine.missing]))
        raise CannotExport(
            f"{engine.title} needs {names}, not installed here: pip install 'gliaflow[{','.join(sorted(extras))}]'."
        )


def open_exact(path: Path, digest: str | None) -> keras.Model:
    """The network in a `.keras` file, from pictures uint8 [N, H, W, C] to probabilities float32 [N, H, W, 1].

    What was trained in bfloat16 becomes float32, which every runtime has: weights always were, and numbers between the
    layers only gain digits.
    """
    model = load_model(path, digest)
    exact = keras.Model.from_config(_in_float32(model.get_config()))
    exact.set_weights(model.get_weights())
    pictures = keras.Input(model.input_shape[1:], dtype="uint8", name="pictures")
    return keras.Model(pictures, exact(pictures, training=False), name="gliaflow")


def write_format(model: keras.Model, format: Format, path: Path) -> None:
    """Write `model` to the file or folder `path`; raises `CannotExport`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if format == "openvino":
        import_openvino()
    pictures = keras.InputSpec("uint8", model.input_shape, name="pictures")
    try:
        model.export(str(path), format=WRITERS[format], verbose=False, input_signature=[pictures])
    except Exception as error:  # each converter raises what it likes
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CannotExport(f"Keras can't write this network for {ENGINES[format].title}: {first[:300]}") from error


def describe_machine() -> dict[str, str]:
    """What speeds were measured on."""
    return {"system": platform.system(), "processor": _processor(), "python": platform.python_version()}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} threads" if names else platform.machine()


def _in_float32(config: Any) -> Any:
    """A network's configuration with every dtype and dtype policy of fewer bits replaced."""
    if isinstance(config, dict):
        return {key: _in_float32(value) for key, value in config.items()}
    if isinstance(config, list | tuple):
        return type(config)(_in_float32(value) for value in config)
    return "float32" if config in LOW else config
