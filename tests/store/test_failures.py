"""A full disk and a closed folder are told in plain words; other errors stay what they are."""

import errno
import os
import shutil
from collections import namedtuple

import pytest

from gliaflow.store.artifacts import Store
from gliaflow.store.failures import StoreFailed, diagnose, in_words, require_room
from gliaflow.store.manifests import Provenance

Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_whatever_wrapped_the_error(tmp_path, number, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(10**9, 10**9, 1000))
    try:
        try:
            raise OSError(number, os.strerror(number), "/elsewhere/parquet")
        except OSError as error:
            raise RuntimeError("could not write the table") from error
    except RuntimeError as error:
        words = diagnose(error, tmp_path)
    assert words is not None and words.startswith(f"The disk that holds {tmp_path} is full")
    assert "`python -m flows gc --artifacts DIR` shows what old runs take up" in words


def test_another_disk_that_is_full_is_not_taken_for_that_of_the_store(tmp_path):
    elsewhere = OSError(errno.ENOSPC, "No space left on device", "/tmp/spec.json")
    words = str(diagnose(elsewhere, tmp_path))
    assert words.startswith(f"A disk is full, though not that of {tmp_path}: /tmp/spec.json could not be written.")


def test_a_write_that_came_out_short_is_a_full_disk_if_nothing_is_free(tmp_path, monkeypatch):
    short = OSError("65536 requested and 4096 written")  # numpy's words, without a number
    assert diagnose(short, tmp_path) is None
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(10**9, 10**9, 1000))
    assert "is full (0.0 MB are free)" in str(diagnose(short, tmp_path))


def test_a_closed_folder_is_told_and_a_closed_file_elsewhere_is_not(tmp_path):
    denied = PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "runs"))
    assert f"Results can't be written to {tmp_path}: permission denied." in str(diagnose(denied, tmp_path))
    assert diagnose(PermissionError(errno.EACCES, "Permission denied", "/data/a.tif"), tmp_path) is None
    read_only = OSError(errno.EROFS, "Read-only file system", str(tmp_path / "runs"))
    assert "the file system is read-only" in str(diagnose(read_only, tmp_path))


def test_room_is_asked_for_beforehand(tmp_path, monkeypatch):
    require_room(tmp_path, 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(10**9, 10**9 - 5, 5))
    with pytest.raises(StoreFailed, match=r"The disk that holds .*new is full \(0\.0 MB are free\)"):
        require_room(tmp_path / "new", 6)


def test_what_can_not_be_written_and_which_setting_helps_are_named(tmp_path):
    (tmp_path / "file").write_text("")
    told = pytest.raises(StoreFailed, match=r"^Prefect's own state can't be written to .* with PREFECT_HOME\.")
    with told, in_words(tmp_path, "Prefect's own state", "PREFECT_HOME"):
        (tmp_path / "file" / "prefect.db").touch()


def test_other_errors_pass(tmp_path):
    with pytest.raises(ZeroDivisionError), in_words(tmp_path):
        raise ZeroDivisionError


def test_nothing_half_written_is_taken_for_whole(tmp_path):
    provenance = Provenance("label", {}, {}, {}, {})

    def full(folder):
        (folder / "labels.parquet").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    store = Store(tmp_path)
    with pytest.raises(StoreFailed, match="is full"):
        store.obtain(provenance, full)
    assert store.find("label", provenance.key) is None
    assert list((tmp_path / ".work").iterdir()) == []
    made = store.obtain(provenance, lambda folder: (folder / "labels.parquet").write_bytes(b"whole"))
    assert store.find("label", provenance.key) == made


def test_a_folder_that_may_not_be_written_to_is_told(tmp_path):
    """As any user but the administrator, whom the system refuses nothing."""
    root = tmp_path / "artifacts"
    root.mkdir()
    store = Store(root)
    denied = PermissionError(errno.EACCES, "Permission denied", str(root / ".locks"))
    with pytest.raises(StoreFailed, match="permission denied. Make the folder writable"):
        store.obtain(Provenance("label", {}, {}, {}, {}), lambda folder: (_ for _ in ()).throw(denied))
