"""Which export is used: the fastest that passed, is unchanged and can run here; else Keras, and a word on why."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gliaflow.export.record import UnusableExport, read_record
from gliaflow.export.slices import draw_study
from gliaflow.inference import engines
from gliaflow.inference.release import load_release

IMAGES = draw_study(64, np.random.default_rng(3))


def _rate(release: Path, **speeds: float) -> None:
    """Have the record say that these formats pass in float32 at these slices/s, and nothing else does."""
    path = release / "exports" / "exports.json"
    content = json.loads(path.read_text())
    for candidate in content["candidates"]:
        candidate["parity"]["passed"] = candidate["precision"] == "float32" and candidate["format"] in speeds
        candidate["speed"]["slices_per_second"] = speeds.get(candidate["format"], 1e6)
    path.write_text(json.dumps(content))


def test_the_fastest_that_passed_gives_the_masks_of_keras(release: Path) -> None:
    _rate(release, openvino=50.0, onnx=70.0, litert=60.0, savedmodel=1e6)
    fast, keras = load_release(release, "fastest"), load_release(release)
    assert (fast.engine, fast.remarks) == ("ONNX Runtime, float32", ())
    assert keras.engine == "Keras, float32" and len(fast.members) == 2
    found, true = fast.predict_volume(IMAGES), keras.predict_volume(IMAGES)
    assert np.count_nonzero(true.masks) > 100 and np.mean(found.masks == true.masks) >= 0.9999
    assert found.tumor_probability == pytest.approx(true.tumor_probability, abs=0.01)
    assert found.warnings == true.warnings
    _rate(release, openvino=80.0, onnx=70.0)
    assert load_release(release, "fastest").engine == "OpenVINO, float32"


def test_a_release_without_exports_runs_in_keras_without_a_word(released: Path) -> None:
    release = load_release(released, "fastest")
    assert (release.engine, release.remarks) == ("Keras, float32", ())


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda f: (f / "onnx/fold-1.onnx").write_bytes(b"x"), "exports/onnx/fold-1.onnx was changed"),
        (lambda f: (f / "onnx/fold-0.onnx").unlink(), "exports/onnx/fold-0.onnx is missing"),
        (lambda f: (f / "onnx/more.bin").write_bytes(b""), "exports/onnx/more.bin does not belong to the export"),
    ],
)
def test_a_changed_export_is_passed_over_for_the_next(release: Path, harm, said: str) -> None:
    _rate(release, onnx=70.0, litert=60.0)
    harm(release / "exports")
    fast = load_release(release, "fastest")
    assert fast.engine == "LiteRT, float32"
    (remark,) = fast.remarks
    assert remark.startswith("ONNX Runtime, float32 is not used. ") and said in remark
    with pytest.raises(UnusableExport, match=said):
        load_release(release, "onnx")


def test_exports_of_another_operating_point_are_not_used(release: Path) -> None:
    text = (release / "model.json").read_text()
    (release / "model.json").write_text(text.replace('"threshold": 140', '"threshold": 90'))
    fast = load_release(release, "fastest")
    assert fast.engine == "Keras, float32" and "is of another release than the model.json beside it" in fast.remarks[0]


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"version": 2}'])
def test_a_damaged_record_is_not_believed(release: Path, content: str) -> None:
    (release / "exports" / "exports.json").write_text(content)
    fast = load_release(release, "fastest")
    assert fast.engine == "Keras, float32" and "can't be read" in fast.remarks[0]


def test_a_record_that_leads_elsewhere_is_not_believed(release: Path) -> None:
    path = release / "exports" / "exports.json"
    content = json.loads(path.read_text())
    content["files"]["onnx"][0]["path"] = "../model.json"
    path.write_text(json.dumps(content))
    with pytest.raises(UnusableExport, match="can't be read"):
        read_record(release)


def test_a_missing_runtime_is_passed_over_with_what_brings_it(monkeypatch, release: Path) -> None:
    _rate(release, openvino=90.0, onnx=70.0)
    real = engines.find_spec
    monkeypatch.setattr(engines, "find_spec", lambda name: None if name == "openvino" else real(name))
    fast = load_release(release, "fastest")
    assert fast.engine == "ONNX Runtime, float32"
    assert "OpenVINO needs openvino: pip install 'gliaflow[fast]'" in fast.remarks[0]


def test_a_format_can_be_asked_for_by_name(release: Path, released: Path) -> None:
    _rate(release, savedmodel=1.0, onnx=70.0)
    assert load_release(release, "savedmodel").engine == "SavedModel, float32"
    with pytest.raises(UnusableExport, match="LiteRT did not give the masks of the released model"):
        load_release(release, "litert")
    with pytest.raises(UnusableExport, match="has no export to ONNX Runtime: gliaflow export .* --to onnx makes one"):
        load_release(released, "onnx")
    with pytest.raises(UnusableExport, match="Engines are keras, fastest, openvino, .*; received 'tensorrt'"):
        load_release(release, "tensorrt")


def test_predicting_with_an_export_leaves_keras_and_tensorflow_unloaded(release: Path, real_slices, tmp_path) -> None:
    _rate(release, openvino=90.0)
    arguments = ["predict", str(release), str(real_slices), "--out", str(tmp_path / "out")]
    code = f"""
import sys
from gliaflow.cli import main
assert main({arguments!r}) == 0
print([name for name in ("keras", "tensorflow", "prefect", "pandera") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, *_, last = done.stdout.splitlines()
    assert first.endswith(", run by OpenVINO, float32") and last == "[]" and done.stderr == ""
