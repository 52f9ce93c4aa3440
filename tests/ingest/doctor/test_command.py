"""`gliaflow doctor` as a person types it: exit status, what is written where, and that the data are left alone."""

import errno
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
from gliaflow.ingest.doctor.command import _locked, _unpacking_folder
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


def spoil_out(out: Path, how: str) -> Path:
    """A folder for results that can't be used, and why."""
    if how == "a file":
        out.write_text("mine")
    elif how == "below a file":
        out.write_text("mine")
        return out / "deep"
    elif how == "holds a folder":
        (out / "doctor.html").mkdir(parents=True)
    elif how == "a link to nothing":
        out.symlink_to(out.with_name("gone"))
    return out


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("a file", "there is a file of this name"),
        ("below a file", "Not a directory"),
        ("holds a folder", "doctor.html there is a folder"),
        ("a link to nothing", "there is a file of this name"),
    ],
)
def test_results_that_can_not_be_written_are_told_before_the_examination(
    kaggle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], how: str, why: str
) -> None:
    root, out = kaggle(3), spoil_out(tmp_path / "out", how)
    monkeypatch.delattr("gliaflow.ingest.doctor.command.examine")
    archive = shutil.make_archive(str(tmp_path / "download"), "zip", root.parent, root.name)
    told = f"gliaflow doctor: Results can't be written to {out} ({why}). Name another folder with --out.\n"
    for data in (str(root), archive):
        assert main(["doctor", data, "--out", str(out)]) == 2
        assert capsys.readouterr() == ("", told)


def test_a_disk_that_is_full_at_the_end_is_told_likewise(
    kaggle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("gliaflow.ingest.doctor.command.write_whole", full)
    out = tmp_path / "new" / "out"
    assert main(["doctor", str(kaggle(3)), "--out", str(out)]) == 2
    assert f"can't be written to {out} (No space left on device)." in capsys.readouterr().err
    assert not out.parent.exists()  # nothing came of it


def test_remains_of_a_killed_process_are_taken_away_and_a_living_ones_not(kaggle, tmp_path: Path) -> None:
    root, out = kaggle(3), tmp_path / "out"
    archive = shutil.make_archive(str(tmp_path / "download"), "zip", root.parent, root.name)
    for name in (".unpacked-dead", ".unpacked-alive"):
        (out / name / "deep").mkdir(parents=True)
        (out / name / "deep" / "P_1.tif").write_bytes(b"x")
    with _locked(out / ".unpacked-alive"):
        assert main(["doctor", archive, "--out", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == [".unpacked-alive", "doctor.html", "doctor.json"]
    assert (out / ".unpacked-alive" / "deep" / "P_1.tif").exists()


def test_the_folder_of_a_running_examination_is_locked(tmp_path: Path) -> None:
    with _unpacking_folder(tmp_path) as first, _unpacking_folder(tmp_path) as second:
        assert first.is_dir() and second.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_escape_codes_in_a_folders_name_stay_unseen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = tmp_path / "evil\x1b[2J\u202e"
    assert main(["doctor", str(name), "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"gliaflow doctor: There is no {tmp_path / 'evil'}\\x1b[2J\\u202e. ")
    assert "\x1b" not in told and "\u202e" not in told


def test_escape_codes_in_the_name_of_the_results_stay_unseen(
    kaggle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", str(kaggle(3)), "--out", str(tmp_path / "o\x1b[2Jut")]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"{tmp_path}/o\\x1b[2Jut/doctor.json"


def test_a_stopped_examination_says_so_in_a_word(kaggle, tmp_path: Path) -> None:
    """As Ctrl-C in a terminal does: an interrupt for every process of the group, also those that wait for slices."""
    code = (
        "import os, signal, sys\n"
        "from gliaflow.cli import main\n"
        "from gliaflow.ingest.doctor import command, parallel\n"
        "examined = command.examine\n"
        "def stop(what, done, total):\n"
        "    if what == 'patients' and done == total:\n"
        "        os.killpg(0, signal.SIGINT)\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a job in the background ignores it
        "parallel.available_cores, parallel.FEW_SLICES = (lambda: 2), 1\n"
        "command.examine = lambda root, **options: examined(root, **{**options, 'progress': stop})\n"
        "if __name__ == '__main__':\n"
        f"    sys.exit(main(['doctor', {str(kaggle(6))!r}, '--out', {str(tmp_path / 'out')!r}]))\n"
    )
    script = tmp_path / "stopped.py"
    script.write_text(code)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, start_new_session=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "\ngliaflow doctor: stopped\n")
    assert not (tmp_path / "out").exists()


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
    assert f"--reject-limit: a share must be a number between 0 and 1, not '{limit}'" in capsys.readouterr().err


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
