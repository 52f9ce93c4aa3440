"""The command `gliaflow`, as a person types it."""

import subprocess
import sys
from pathlib import Path

import pytest

from gliaflow import __version__
from gliaflow.cli import main
from gliaflow.ingest.mess import MESSES


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"gliaflow {__version__}\n"


def test_help_tells_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["phantom", "--help"])
    text = capsys.readouterr().out
    for option in ("DIR", "--patients", "--seed", "--mess", "(default: 12)", "(default: 0)"):
        assert option in text


def test_help_tells_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    for command in ("doctor", "export", "phantom", "predict", "score", "serve"):
        assert f"\n    {command} " in text


def test_without_a_command_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([])
    assert end.value.code == 2
    assert "required: COMMAND" in capsys.readouterr().err


def test_phantom_with_mess_writes_patients_and_names_each_bad_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "phantom"
    assert main(["phantom", str(folder), "--patients", "1", "--seed", "4", "--mess"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"1 phantom patients in {folder}"
    assert [line.split(":")[0].strip().replace(" ", "_") for line in lines[1:]] == list(MESSES)
    patients = [path.name for path in folder.glob("TCGA_*")]
    assert len(patients) == 1 and patients[0].startswith("TCGA_CS_P001_")
    assert len(list((folder / patients[0]).glob("*_mask.tif"))) >= 20
    for line in lines[1:]:
        path = folder / line.split(": ", 1)[1]
        assert path.is_symlink() or path.exists()


def test_phantom_refuses_in_plain_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["phantom", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines()[-1].startswith("gliaflow phantom: A phantom is written into a new or an empty folder")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_escape_codes_in_a_folders_name_stay_unseen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "evil\x1b[2J"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    assert main(["phantom", str(folder)]) == 1
    told = capsys.readouterr().err
    assert "evil\\x1b[2J" in told and "\x1b" not in told


def test_a_stopped_phantom_says_so_in_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gliaflow.ingest.phantom.make_phantom", stop)
    assert main(["phantom", str(tmp_path / "new")]) == 130
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "\ngliaflow phantom: stopped\n")


def test_the_command_line_alone_loads_nothing_heavy() -> None:
    heavy = "numpy", "pandas", "keras", "tensorflow", "prefect", "nilearn", "scipy", "cv2"
    code = f"import sys, gliaflow.cli; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(("option", "least"), [("--resamples=99", 100), ("--resamples=many", 100), ("--seed=-1", 0)])
def test_score_refuses_a_number_that_its_bootstrap_cant_use(
    capsys: pytest.CaptureFixture[str], option: str, least: int
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["score", "masks", "truth", option])
    name, given = option.split("=")
    assert end.value.code == 2
    assert f"argument {name}: must be a whole number from {least} on, not {given}" in capsys.readouterr().err
