"""`gliaflow export`, from the command line to the record: what is written, said and given back."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from gliaflow.cli import main
from gliaflow.export import command, work
from gliaflow.export.command import Exported, NotCopied, copy_release
from gliaflow.export.listing import to_text
from gliaflow.export.record import read_record
from gliaflow.inference.bundle import UnusableRelease
from gliaflow.process import ChildFailed


def test_every_format_gives_the_masks_of_the_released_model(exported) -> None:
    record = read_record(exported.folder)
    assert record is not None
    assert [*record.files] == ["openvino", "onnx", "litert", "savedmodel"]
    assert (record.slices.kind, record.slices.studies, record.slices.slices) == ("given", 2, 16)
    assert 100 < record.slices.tumor_pixels < 16 * 64 * 64 - 100, "there are masks to compare"
    exact = [candidate for candidate in record.candidates if candidate.precision == "float32"]
    assert [candidate.format for candidate in exact] == [*record.files]
    for candidate in exact:
        assert candidate.parity.passed
        assert candidate.parity.greatest_difference < 1e-3
        assert candidate.parity.equal_pixels >= 0.9999 and candidate.parity.mask_dice > 0.999
        assert candidate.parity.equal_calls == 1
    for candidate in record.candidates:
        assert candidate.speed.slices_per_second > 1 and 0 < candidate.speed.ms_a_slice < 1000
    assert (record.size, record.channels, record.keras_precision) == (64, 3, "float32")
    assert {"keras", "tensorflow-cpu", "openvino", "onnxruntime"} <= record.versions.keys()


def test_the_record_holds_the_digest_of_every_file(exported) -> None:
    root = exported.folder / "exports"
    content = json.loads((root / "exports.json").read_text())
    listed = {file["path"]: file for files in content["files"].values() for file in files}
    there = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    assert there == {*listed, "exports.json"}
    assert {"openvino/fold-0.xml", "openvino/fold-1.bin", "onnx/fold-1.onnx", "litert/fold-0.tflite"} < there
    for path, file in listed.items():
        assert file["size"] == (root / path).stat().st_size
        assert file["sha256"] == hashlib.sha256((root / path).read_bytes()).hexdigest()
    assert content["release"] == hashlib.sha256((exported.folder / "model.json").read_bytes()).hexdigest()
    assert not [path for path in exported.folder.iterdir() if path.name.startswith(".")], "no draft is left"


def test_it_reads_like_a_person(exported) -> None:
    lines = exported.out.splitlines()
    assert lines[0] == "Compared with Keras on 16 given slices of 2 patients."
    head = "runs in numbers MB slices/s ms a slice greatest difference equal pixels Dice"
    assert " ".join(lines[2].split()) == head
    assert lines[3].startswith("Keras") and lines[4].startswith("OpenVINO      float32")
    assert all(len(line) <= 120 for line in lines[:-1])
    assert "will be used:" in exported.out and "no TensorFlow to load" in exported.out
    assert lines[-1] == str(exported.folder / "exports")
    assert exported.err == "", "converters' chatter stays away"


def test_the_status_tells_whether_all_passed(exported) -> None:
    record = read_record(exported.folder)
    assert record is not None
    assert exported.status == Exported(record, {}).exit_status == 0
    assert Exported(record, {"litert": "needs it"}).exit_status == 1
    assert Exported(None, {"litert": "needs it"}).exit_status == 2
    failed = [c.model_copy(update={"parity": c.parity.model_copy(update={"passed": False})}) for c in record.candidates]
    lost = record.model_copy(update={"candidates": tuple(failed)})
    assert Exported(lost, {}).exit_status == 1
    text = to_text(lost, exported.folder)
    assert text.count("FAILED") == len(failed) and "None of them will be used" in text
    assert "a share of less than 0.9999 of the pixels is equal" in text


def test_nothing_is_kept_about_the_user_to_be_sent(exported) -> None:
    names = {path.name for path in exported.home.rglob("*")}  # OpenVINO and ONNX Runtime would, in these folders
    assert not names & {"intel", "Microsoft", "openvino_telemetry", "deviceid"}


def test_slices_without_tumour_are_called_a_weak_proof(exported) -> None:
    record = read_record(exported.folder)
    assert record is not None
    empty = record.model_copy(update={"slices": record.slices.model_copy(update={"tumor_pixels": 0})})
    assert "Keras found no tumour in them, so equal masks prove little" in to_text(empty, exported.folder)
    one = record.model_copy(update={"slices": record.slices.model_copy(update={"studies": 1, "slices": 1})})
    assert to_text(one, exported.folder).startswith("Compared with Keras on 1 given slice of 1 patient.\n")
    drawn = record.model_copy(update={"slices": record.slices.model_copy(update={"kind": "phantom"})})
    assert "on 16 made-up (phantom) slices of 2 patients.\nName real ones" in to_text(drawn, exported.folder)


def test_where_no_format_can_be_written_nothing_is_left(monkeypatch, released: Path, tmp_path: Path) -> None:
    from gliaflow.export import formats

    folder = Path(shutil.copytree(released, tmp_path / "release"))
    monkeypatch.setattr(formats, "find_spec", lambda name: None)
    told: list[dict] = []
    assert work.export_release(folder, ["onnx", "openvino"], [], 16, tmp_path / "draft", told.append) is None
    assert [event["event"] for event in told] == ["refused", "refused"]
    assert told[0]["message"] == (
        "ONNX Runtime needs tensorflow, onnx, tf2onnx, not installed here: pip install 'gliaflow[cpu,export]'."
    )
    assert (
        told[1]["message"]
        == "OpenVINO needs tensorflow, openvino, not installed here: pip install 'gliaflow[cpu,fast]'."
    )
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in released.iterdir())


@pytest.mark.parametrize("fault", [KeyboardInterrupt, ChildFailed("no slices")])
def test_what_was_stopped_leaves_nothing(monkeypatch, release: Path, tmp_path: Path, fault) -> None:
    def stop(module: str, spec: dict, on_event: object) -> None:
        Path(spec["draft"], "half.onnx").write_text("half")
        raise fault

    monkeypatch.setattr(command, "run_child", stop)
    before = sorted(path.name for path in release.iterdir())
    with pytest.raises(type(fault) if isinstance(fault, Exception) else fault):
        command.export_in_child(release, ["onnx"], [], 16)
    assert sorted(path.name for path in release.iterdir()) == before
    with pytest.raises(type(fault) if isinstance(fault, Exception) else fault):
        command.export_copy(release, tmp_path / "copy", ["onnx"], [], 16)
    assert not (tmp_path / "copy").exists(), "else the same command would be refused next time"


def test_what_is_no_release_is_said_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(tmp_path)]) == 2
    assert "A model is a release (a folder with model.json)" in capsys.readouterr().err


def test_unknown_formats_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["export", str(tmp_path), "--to", "onnx,coreml"])
    assert "formats are openvino, onnx, litert, savedmodel; received 'onnx,coreml'" in capsys.readouterr().err


def test_a_copy_is_a_whole_release_without_earlier_exports(release: Path, tmp_path: Path) -> None:
    (release / "MODEL_CARD.md").write_text("card")
    (release / "manifest.json").write_text("{}")
    out = copy_release(release, tmp_path / "deep" / "out")
    names = {path.name for path in release.iterdir()} - {"exports", "manifest.json"}
    assert {path.name for path in out.iterdir()} == names and "MODEL_CARD.md" in names
    with pytest.raises(NotCopied, match="holds something: name another"):
        copy_release(release, out)
    with pytest.raises(UnusableRelease):
        copy_release(tmp_path, tmp_path / "other")
