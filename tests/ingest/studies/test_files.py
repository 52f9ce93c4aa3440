"""What was given, file by file."""

import gzip
import os
import zipfile
from pathlib import Path

import pytest

from gliaflow.ingest.archives import is_archive
from gliaflow.ingest.reasons import UnusableFile, UnusableSource
from gliaflow.ingest.studies.files import File, check_outside, list_files, read_file, read_start


def _write(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_files_folders_and_archives_are_listed_by_names_below_what_was_given(tmp_path: Path) -> None:
    single = _write(tmp_path / "secret" / "a_1.png")
    _write(tmp_path / "folder" / "inner" / "b_2.png")
    _write(tmp_path / "folder" / ".hidden.png")
    _write(tmp_path / "folder" / "__MACOSX" / "c.png")
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as archive:
        archive.writestr("inside/d_3.png", b"y")
    found = list_files([str(single), str(tmp_path / "folder"), str(tmp_path / "packed.zip")], tmp_path / "unpacked")
    assert [(file.name, file.named) for file in found] == [
        ("a_1.png", True),
        ("folder/inner/b_2.png", False),
        ("inside/d_3.png", False),
    ]
    assert [read_file(file) for file in found] == [b"x", b"x", b"y"]


def test_what_is_not_there_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(UnusableSource, match="There is no .*nothing"):
        list_files([str(tmp_path / "nothing.png")], tmp_path)


@pytest.mark.parametrize(
    ("name", "stem"), [("a/b_1.tif", "b_1"), ("x.nii.gz", "x"), ("y.NII", "y"), ("1.2.840.dcm", "1.2.840"), ("z", "z")]
)
def test_stems_lack_the_suffix(name: str, stem: str) -> None:
    assert File(name, Path(name)).stem == stem


def test_a_packed_file_is_an_archive_only_if_it_holds_a_tar(tmp_path: Path) -> None:
    packed = _write(tmp_path / "volume.nii.gz", gzip.compress(b"\x5c\x01\0\0" + bytes(600)))
    cut_off = _write(tmp_path / "broken.gz", gzip.compress(bytes(600))[:20])
    assert not is_archive(packed) and not is_archive(cut_off) and not is_archive(_write(tmp_path / "plain.png"))


def test_files_that_can_not_be_read_say_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnusableFile, match="could not read it") as raised:
        read_file(File("gone.png", tmp_path / "gone.png"))
    assert raised.value.reason == "read_error"
    monkeypatch.setattr("gliaflow.ingest.studies.files.MOST_BYTES", 3)
    with pytest.raises(UnusableFile) as raised:
        read_file(File("large.png", _write(tmp_path / "large.png", b"four")))
    assert raised.value.reason == "too_large"


def test_results_may_not_lie_in_the_folder_that_was_given(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    check_outside(tmp_path / "out", [str(tmp_path / "data"), str(tmp_path / "single.png")])
    with pytest.raises(UnusableSource, match="Results must lie outside"):
        check_outside(tmp_path / "data" / "out", [str(tmp_path / "data")])


def test_equal_names_are_told_apart_by_the_folders_above(tmp_path: Path) -> None:
    given = [_write(tmp_path / patient / "scan" / "flair.nii.gz") for patient in ("a", "b")]
    given.append(_write(tmp_path / "t1.nii.gz"))
    found = list_files([*map(str, given), str(given[0].parent), str(given[1].parent)], tmp_path / "unpacked")
    assert [file.name for file in found] == ["a/scan/flair.nii.gz", "b/scan/flair.nii.gz", "t1.nii.gz"]
    folders = list_files([str(tmp_path / "a" / "scan"), str(tmp_path / "b" / "scan")], tmp_path / "unpacked")
    assert [file.name for file in folders] == ["a/scan/flair.nii.gz", "b/scan/flair.nii.gz"]


def test_files_of_several_archives_are_told_apart_by_the_archives(tmp_path: Path) -> None:
    for name in ("one", "two"):
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            archive.writestr("flair.nii.gz", name)
    found = list_files([str(tmp_path / "one.zip"), str(tmp_path / "two.zip")], tmp_path / "unpacked")
    assert [file.name for file in found] == ["one/flair.nii.gz", "two/flair.nii.gz"]


def test_what_is_given_twice_is_listed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(tmp_path / "folder" / "p_1.png")
    (tmp_path / "folder" / "p_2.png").symlink_to("p_1.png")  # a slice of its own that is equal
    monkeypatch.chdir(tmp_path)
    found = list_files(["folder", "./folder/p_1.png", str(tmp_path / "folder")], tmp_path / "unpacked")
    assert [(file.name, file.named) for file in found] == [("folder/p_1.png", True), ("folder/p_2.png", False)]


def test_nothing_waits_for_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for read in (read_file, read_start):
        with pytest.raises(UnusableFile, match="a pipe, socket or device") as raised:
            read(File("pipe.png", tmp_path / "pipe.png"))
        assert raised.value.reason == "not_a_file"
