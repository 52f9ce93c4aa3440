"""Writing formats: what was trained in bfloat16 becomes float32, and what is missing is named."""

from pathlib import Path

import numpy as np
import pytest

from gliaflow.export import formats
from gliaflow.export.formats import CannotExport, open_exact, require, write_format
from gliaflow.model.archive import UnusableModel, save_model
from gliaflow.model.unet import build_unet


@pytest.fixture
def model(tmp_path: Path) -> Path:
    save_model(build_unet(32, 16, (4, 8), (0.1, 0.2), precision="mixed_bfloat16"), tmp_path / "model.keras")
    return tmp_path / "model.keras"


def test_every_layer_is_in_float32_and_takes_raw_pictures(model: Path) -> None:
    exact = open_exact(model, None)
    inner = exact.layers[-1]
    assert {layer.compute_dtype for layer in inner.layers} == {"float32"}
    assert exact.inputs[0].dtype == "uint8" and exact.inputs[0].shape == (None, 32, 32, 3)
    low = np.asarray(formats.load_model(model).get_weights()[0])
    assert (inner.get_weights()[0] == low).all()


def test_a_changed_model_is_not_exported(model: Path) -> None:
    with pytest.raises(UnusableModel, match="not the one that was recorded"):
        open_exact(model, "0" * 64)


def test_what_is_missing_is_named(monkeypatch) -> None:
    for format in formats.WRITERS:
        require(format)
    real = formats.find_spec
    monkeypatch.setattr(formats, "find_spec", lambda name: None if name == "tf2onnx" else real(name))
    with pytest.raises(CannotExport, match=r"needs tf2onnx, not installed here: pip install 'gliaflow\[export\]'"):
        require("onnx")
    require("savedmodel")


def test_a_network_that_keras_cannot_write_is_a_plain_sentence(monkeypatch, model: Path, tmp_path: Path) -> None:
    exact = open_exact(model, None)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no such op\nand a long trace")

    monkeypatch.setattr(type(exact), "export", fail)
    with pytest.raises(CannotExport, match="Keras can't write this network for LiteRT: no such op$"):
        write_format(exact, "litert", tmp_path / "litert" / "model.tflite")


@pytest.mark.filterwarnings("ignore:In the future `np:FutureWarning")  # tf2onnx asks numpy 2 for what it was
def test_onnx_needs_no_other_format_before_it(model: Path, tmp_path: Path) -> None:
    """Keras writes ONNX only of networks that were called, or whose input is told."""
    write_format(open_exact(model, None), "onnx", tmp_path / "onnx" / "model.onnx")
    assert (tmp_path / "onnx" / "model.onnx").stat().st_size > 1000
