"""`gliaflow doctor` as a person types it: exit status, what is written where, and that the data are left alone."""

import hashlib
import inspect
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gliaflow.cli import main
from gliaflow.ingest.doctor.examine import PROTOCOL, REJECT_LIMIT
from gliaflow.splits.protocols import split_slices
from tasks.settings import IntakeSettings, SplitSettings


def state(root: Path) -> dict[str, tuple]:
    """Names, contents, permissions and times of everything below `root`."""
    return {
        str(path.relative_to(root)): (
            path.stat().st_mode,
            path.stat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None,
        )
        for path in sorted([root, *root.rglob("*")])
    }


def test_sound_data_exit_with_0(kaggle, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, out = kaggle(6), tmp_path / "out"
    assert main(["doctor", str(root), "--out", str(out)]) == 0
    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert lines[0] == "kaggle_3m: Nothing is wrong with this data set."
    assert lines[-3].startswith("6 patients, 24 pairs, 12 tumour slices, 0 files rejected of 48, ")
    assert lines[-2:] == [str(out / "doctor.html"), str(out / "doctor.json")]
    assert told.err == ""  # no bar where nobody looks
    assert json.loads((out / "doctor.json").read_text())["verdict"] == "sound"
    assert "Nothing is wrong" in (out / "doctor.html").read_text()
    assert sorted(path.name for path in out.iterdir()) == ["doctor.html", "doctor.json"]
    assert all(path.stat().st_mode & 0o777 == 0o644 for path in out.iterdir())


def test_findings_exit_with_1_and_too_many_with_2(kaggle, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, out = kaggle(6), tmp_path / "out"
    home = root / "TCGA_CS_0001_20000101"
    (home / f"{home.name}_1_mask.tif").unlink()
    assert main(["doctor", str(root), "--out", str(out)]) == 1
    assert "1 file: Image without mask" in capsys.readouterr().out
    assert main(["doctor", str(root), "--out", str(out), "--reject-limit", "0.01"]) == 2
    assert "A run would stop: too many files are rejected." in capsys.readouterr().out
    assert json.loads((out / "doctor.json").read_text())["exit_status"] == 2


def test_what_can_not_be_opened_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["doctor", str(tmp_path / "none"), "--out", str(out)]) == 2
    (tmp_path / "data.zip").write_bytes(b"PK\x03\x04 no archive")
    assert main(["doctor", str(tmp_path / "data.zip"), "--out", str(out)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    first, second = told.err.splitlines()
    assert first.startswith(f"gliaflow doctor: There is no {tmp_path / 'none'}.")
    assert second.startswith(f"gliaflow doctor: {tmp_path / 'data.zip'} is damaged")
    assert not out.exists()


@pytest.mark.parametrize("inside", [".", "doctor", "deep/er"])
def test_nothing_is_written_into_the_data(kaggle, capsys: pytest.CaptureFixture[str], inside: str) -> None:
    root = kaggle(3)
    before = state(root)
    assert main(["doctor", str(root), "--out", str(root / inside)]) == 2
    assert "must lie outside the data folder" in capsys.readouterr().err
    assert state(root) == before


def test_a_link_into_the_data_is_inside(kaggle, tmp_path: Path) -> None:
    root = kaggle(3)
    (tmp_path / "link").symlink_to(root)
    assert main(["doctor", str(root), "--out", str(tmp_path / "link" / "out")]) == 2
    assert not (root / "out").exists()


def test_read_only_data_are_examined_and_unchanged(kaggle, tmp_path: Path) -> None:
    root = kaggle(6)
    (root / "data.csv").write_text("Name\nA\n")
    paths = [root, *root.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = state(root)
    try:
        assert main(["doctor", str(root), "--out", str(tmp_path / "out")]) == 1
        assert state(root) == before
    finally:
        for path in paths:
            path.chmod(0o755 if path.is_dir() else 0o644)


def test_an_archive_is_examined_and_leaves_nothing_behind(kaggle, tmp_path: Path) -> None:
    root = kaggle(6)
    archive = shutil.make_archive(str(tmp_path / "download"), "zip", root.parent, root.name)
    out = tmp_path / "out"
    assert main(["doctor", archive, "--out", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["doctor.html", "doctor.json"]
    record = json.loads((out / "doctor.json").read_text())
    assert (record["source"], record["counts"]["slices"]) == ("download.zip", 24)


def test_help_tells_the_exit_status_and_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["doctor", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    for part in ("--out", "(default: doctor)", "--reject-limit", "(default: 0.1)", "Exit status: 0 if there is"):
        assert part in text


@pytest.mark.parametrize("limit", ["1.1", "-0.1", "nan", "many"])
def test_a_limit_is_a_share(limit: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["doctor", "somewhere", f"--reject-limit={limit}"])
    assert end.value.code == 2
    assert "--reject-limit" in capsys.readouterr().err


def test_limit_and_protocol_are_a_runs_own() -> None:
    assert IntakeSettings().reject_limit == REJECT_LIMIT
    assert SplitSettings().protocol == PROTOCOL
    inspected = {name: one.default for name, one in inspect.signature(split_slices).parameters.items()}
    given = SplitSettings().model_dump()
    assert given == {name: inspected[name] for name in given}


def test_neither_prefect_nor_keras_is_loaded(kaggle, tmp_path: Path) -> None:
    heavy = "prefect", "keras", "tensorflow", "matplotlib", "sklearn", "pandera"
    code = (
        "import sys; from gliaflow.cli import main; "
        f"status = main(['doctor', {str(kaggle(6))!r}, '--out', {str(tmp_path / 'out')!r}]); "
        f"print(status, [name for name in {heavy!r} if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.splitlines()[-1] == "0 []"
