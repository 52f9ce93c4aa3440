"""Engines: an export gives what Keras gives, whatever the network is made of, alone, in batches and from threads."""

import os
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import pytest

from gliaflow.export.formats import open_exact, write_format
from gliaflow.export.record import entry_of
from gliaflow.inference import engines
from gliaflow.inference.engines import ENGINES, UnsuitedMachine, open_network
from gliaflow.inference.engines.keras import KerasNetwork
from gliaflow.model.archive import save_model
from gliaflow.model.layers import Standardise
from gliaflow.model.unet import build_unet

NETWORKS = {
    "folded": {"stem": "fold", "standardise": "head", "normalise": "batch"},
    "low": {"precision": "mixed_bfloat16"},
    "wide": {"channels": 9, "standardise": "range", "precision": "mixed_bfloat16", "normalise": "batch"},
}
FORMATS = list(ENGINES)


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny networks as `.keras` files, and their exports in every format beside them."""
    folder = tmp_path_factory.mktemp("exports")
    for name, options in NETWORKS.items():
        network = build_unet(64, 32, (4, 8), (0.1, 0.0), prior=0.3, seed=len(name), **options)
        rng = np.random.default_rng(len(name))
        for layer in network.layers:
            if isinstance(layer, keras.layers.BatchNormalization):  # untrained, it does nothing
                layer.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()])
        save_model(network, folder / f"{name}.keras")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tf2onnx uses names that numpy has deprecated; exporting is a child's work
            exact = open_exact(folder / f"{name}.keras", None)
            for format in FORMATS:
                write_format(exact, format, entry_of(folder, format, f"{name}.keras"))
    return folder


def _pictures(name: str, number: int = 5) -> np.ndarray:
    channels = NETWORKS[name].get("channels", 3)
    coarse = np.random.default_rng(number).integers(0, 256, (number, 8, 8, channels), dtype=np.uint8)
    return coarse.repeat(8, axis=1).repeat(8, axis=2)


def _open(exports: Path, format: str, name: str, precision: str = "float32"):
    return open_network(format, entry_of(exports, format, f"{name}.keras"), precision, 64, _pictures(name).shape[-1])


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("format", FORMATS)
def test_an_export_gives_what_keras_gives_in_float32(exports: Path, format: str, name: str) -> None:
    network, pictures = _open(exports, format, name), _pictures(name)
    exact = open_exact(exports / f"{name}.keras", None).predict_on_batch(pictures)[..., 0]
    found = network(pictures)
    assert found.shape == (5, 64, 64) and found.dtype == np.float32 and np.ptp(found) > 0.1
    np.testing.assert_allclose(found, exact, atol=1e-4)
    np.testing.assert_allclose(network(pictures[2:3]), exact[2:3], atol=1e-4)
    assert network.name == f"{ENGINES[format].title}, float32"
    assert (network.size, network.channels) == (64, pictures.shape[-1])


@pytest.mark.parametrize("name", NETWORKS)
def test_float32_is_within_the_rounding_of_what_was_trained_in_bfloat16(exports: Path, name: str) -> None:
    released, pictures = KerasNetwork(exports / f"{name}.keras"), _pictures(name)
    assert released.precision == ("float32" if name == "folded" else "bfloat16")
    assert released.name == f"Keras, {released.precision}"
    np.testing.assert_allclose(_open(exports, "onnx", name)(pictures), released(pictures), atol=0.02)


@pytest.mark.parametrize("name", NETWORKS)
def test_openvino_standardises_in_float32_where_it_computes_in_bfloat16(exports: Path, name: str) -> None:
    try:
        network = _open(exports, "openvino", name, "bfloat16")
    except UnsuitedMachine as error:
        pytest.skip(str(error))
    pictures = _pictures(name)
    exact = _open(exports, "openvino", name)
    assert network.name == "OpenVINO, bfloat16"
    differences = np.abs(network(pictures) - exact(pictures))
    assert 0 < differences.max() < 0.03
    first, second = network._for(4)._parts
    assert len(first.inputs) == 1 and len(second.inputs) == 2
    (standardised,) = first.create_infer_request().infer([pictures[:4]]).values()
    assert len(exact._for(4)._parts) == 1 and standardised.dtype == np.float32
    if name == "folded":  # the others average pixels next
        exactly = keras.ops.convert_to_numpy(Standardise(over="head")(pictures[:4]))
        np.testing.assert_allclose(standardised, exactly, atol=1e-4)


@pytest.mark.parametrize("format", ["keras", *FORMATS])
def test_threads_get_the_answers_to_their_own_pictures(exports: Path, format: str) -> None:
    network = KerasNetwork(exports / "folded.keras") if format == "keras" else _open(exports, format, "folded")
    questions = [_pictures("folded", number) for number in (1, 2, 3, 4, 5, 6)] * 3
    alone = [network(pictures) for pictures in questions]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(network, questions))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_missing_runtime_is_named_with_what_brings_it(monkeypatch, exports: Path) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    with pytest.raises(UnsuitedMachine, match=r"OpenVINO needs openvino: pip install 'gliaflow\[fast\]' brings it"):
        _open(exports, "openvino", "folded")


def test_a_processor_without_bfloat16_is_not_asked_for_it(monkeypatch, exports: Path) -> None:
    import openvino

    monkeypatch.setattr(openvino.Core, "get_property", lambda *names: ["FP32"])
    with pytest.raises(UnsuitedMachine, match="does not compute with bfloat16"):
        _open(exports, "openvino", "folded", "bfloat16")


def test_running_an_export_loads_neither_keras_nor_tensorflow_nor_telemetry(exports: Path, tmp_path: Path) -> None:
    code = f"""
import sys, numpy as np
from pathlib import Path
from gliaflow.inference.engines import open_network
for format, file in (("openvino", "folded.xml"), ("onnx", "folded.onnx"), ("litert", "folded.tflite")):
    open_network(format, Path({str(exports)!r}) / format / file, "float32", 64, 3)(np.zeros((1, 64, 64, 3), np.uint8))
print([name for name in ("keras", "tensorflow", "openvino_telemetry.main") if name in sys.modules])
"""
    home = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=home)
    assert done.stdout.strip() == "[]"
    assert not list(tmp_path.iterdir()), "nothing is kept about the user, to be sent"


def test_openvino_is_compiled_for_few_numbers_of_pictures_and_takes_any(exports: Path) -> None:
    network = _open(exports, "openvino", "folded")
    pictures = np.concatenate([_pictures("folded")] * 8)[:23]
    together = network(pictures)
    assert sorted(network._compiled) == [1, 4, 16]  # 23 = 16 + 4 + 1 + 1 + 1
    alone = np.concatenate([network(picture[None]) for picture in pictures])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert network(pictures[:0]).shape == (0, *pictures.shape[1:3])
