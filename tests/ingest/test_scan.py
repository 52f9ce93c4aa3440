"""The file table: layouts, digests and their index, and everything odd that a folder can hold."""

import builtins
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import schemas
from gliaflow.ingest import scan as scan_module
from gliaflow.ingest.hashing import HashIndex, hash_file
from gliaflow.ingest.reasons import UnusableSource
from gliaflow.ingest.scan import scan_folder

LONG_AGO = 1_000_000_000


def put(root: Path, path: str, content: bytes = b"content") -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def row(files: pd.DataFrame, path: str) -> dict[str, Any]:
    (found,) = files[files["path"] == path].to_dict("records")
    return {str(name): None if pd.isna(value) else value for name, value in found.items()}


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that a scan reads."""
    names: list[str] = []

    def counting(path: Path) -> Any:
        names.append(path.name)
        digest, _ = hash_file(path)
        return digest, scan_module.stamp_of(path.stat())  # as if the file had been at rest for long

    monkeypatch.setattr(scan_module, "hash_file", counting)
    return names


def test_every_file_has_its_row(kaggle: Any) -> None:
    root = kaggle(patients=2, slices=3)
    put(root, "data.csv", b"Patient\n")
    put(root, "README.md")
    files = schemas.validate(scan_folder(root), schemas.FileTable, "file table")
    assert len(files) == 2 * 3 * 2 + 2
    assert files["path"].is_monotonic_increasing
    assert files["role"].value_counts().to_dict() == {"image": 6, "mask": 6, "clinical": 1, "other": 1}
    path = "TCGA_DU_0002_20000101/TCGA_DU_0002_20000101_3_mask.tif"
    content = (root / path).read_bytes()
    assert row(files, path) == {
        "path": path,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "role": "mask",
        "patient": "TCGA_DU_0002_20000101",
        "slice": 3,
        "site": "DU",
        "problem": None,
    }
    assert row(files, "README.md")["sha256"] is None
    assert row(files, "data.csv")["sha256"] == hashlib.sha256(b"Patient\n").hexdigest()


def test_nothing_in_the_data_folder_changes(kaggle: Any, tmp_path: Path) -> None:
    root = kaggle(patients=1)
    before = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in root.rglob("*")}
    scan_folder(root, tmp_path / "index.json")
    assert {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in root.rglob("*")} == before


def test_an_index_inside_the_data_is_refused(kaggle: Any) -> None:
    root = kaggle(patients=1)
    with pytest.raises(UnusableSource, match="Results must lie outside the data folder .* Name another folder"):
        scan_folder(root, root / "index.json")


def test_the_second_scan_reads_nothing_and_says_the_same(kaggle: Any, tmp_path: Path, hashed: list[str]) -> None:
    root, index = kaggle(patients=2), tmp_path / "index" / "files.json"
    first = scan_folder(root, index)
    assert len(hashed) == 16
    hashed.clear()
    pd.testing.assert_frame_equal(scan_folder(root, index), first)
    assert hashed == []


def test_only_a_changed_file_is_read_again(tmp_path: Path, hashed: list[str]) -> None:
    root, index = tmp_path / "data", tmp_path / "index.json"
    for number in range(4):
        put(root, f"p_{number}.png", b"old" + bytes([number]))
    first = scan_folder(root, index)
    hashed.clear()
    changed = root / "p_2.png"
    status = changed.stat()
    changed.write_bytes(b"new\x02")  # the same size
    os.utime(changed, ns=(status.st_atime_ns, status.st_mtime_ns))  # and made to look the same age
    os.utime(root / "p_3.png", (LONG_AGO, LONG_AGO))
    second = scan_folder(root, index)
    assert sorted(hashed) == ["p_2.png", "p_3.png"]
    assert (second["sha256"] != first["sha256"]).tolist() == [False, False, True, False]


@pytest.mark.parametrize(
    "damage", [b"", b"{", b'{"version": 1, "files": {"/x": [1]}}', b'{"version": 0}', b"[]", b"\xff"]
)
def test_a_damaged_index_only_costs_hashing(tmp_path: Path, hashed: list[str], damage: bytes) -> None:
    put(tmp_path / "data", "p_1.png")
    index = tmp_path / "index.json"
    index.write_bytes(damage)
    assert row(scan_folder(tmp_path / "data", index), "p_1.png")["sha256"] == hashlib.sha256(b"content").hexdigest()
    assert hashed == ["p_1.png"]
    scan_folder(tmp_path / "data", index)
    assert hashed == ["p_1.png"]


def test_an_index_that_cant_be_written_is_done_without(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(tmp_path, "file")
    index = HashIndex(tmp_path / "file" / "index.json")
    index.put("/a", (1, 2, 3, 4), "0" * 64)
    index.save()
    assert "could not be written" in caplog.text


def test_files_that_are_gone_leave_the_index(tmp_path: Path, hashed: list[str]) -> None:
    root, index = tmp_path / "data", tmp_path / "index.json"
    put(root, "p_1.png")
    put(root, "p_2.png")
    put(tmp_path / "data2", "p_1.png")
    scan_folder(tmp_path / "data2", index)
    scan_folder(root, index)
    (root / "p_2.png").unlink()
    scan_folder(root, index)
    assert sorted(json.loads(index.read_bytes())["files"]) == [f"{root}/p_1.png", f"{tmp_path}/data2/p_1.png"]


def test_a_file_changed_just_now_is_not_trusted_to_the_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = put(tmp_path, "p_1.png")
    now = file.stat().st_ctime
    monkeypatch.setattr("gliaflow.ingest.hashing.time.time", lambda: now + 0.01)
    assert hash_file(file) == (hashlib.sha256(b"content").hexdigest(), None)
    monkeypatch.setattr("gliaflow.ingest.hashing.time.time", lambda: now + 1)
    assert hash_file(file)[1] is not None


def test_progress_counts_to_the_end(tmp_path: Path) -> None:
    for number in range(3):
        put(tmp_path / "data", f"p_{number}.png")
    told: list[tuple[int, int]] = []
    scan_folder(tmp_path / "data", progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_symlink_loops_end_and_every_folder_is_visited_once(tmp_path: Path) -> None:
    root = tmp_path / "data"
    put(root, "z/p_1.png")
    put(tmp_path / "elsewhere", "q_1.png")
    (root / "z" / "loop").symlink_to(root)
    (root / "a").symlink_to(root / "z")
    (root / "zz").symlink_to(root / "z")
    (root / "b").symlink_to(tmp_path / "elsewhere")
    (root / "c").symlink_to(root / "c")
    assert scan_folder(root)["path"].tolist() == ["b/q_1.png", "c", "z/p_1.png"]


def test_a_link_to_a_file_is_that_file_and_a_broken_one_is_a_problem(tmp_path: Path) -> None:
    root = tmp_path / "data"
    put(tmp_path, "store/1", b"pixels")
    root.mkdir()
    (root / "p_1.png").symlink_to(tmp_path / "store/1")
    (root / "p_2.png").symlink_to(tmp_path / "store/2")
    (root / "notes").symlink_to(tmp_path / "store/3")
    files = scan_folder(root)
    assert row(files, "p_1.png")["sha256"] == hashlib.sha256(b"pixels").hexdigest()
    assert (row(files, "p_2.png")["problem"], row(files, "p_2.png")["sha256"]) == ("broken_link", None)
    assert row(files, "notes")["problem"] is None


def test_hidden_files_and_those_of_the_system_are_no_data(tmp_path: Path) -> None:
    for path in [".p_1.png", ".git/p_1.png", "__MACOSX/p_1.png", "._p_1.tif", "Thumbs.db", "desktop.ini", ".DS_Store"]:
        put(tmp_path / "data", path)
    files = scan_folder(tmp_path / "data")
    assert len(files) == 7
    assert set(files["role"]) == {"other"}
    assert files["patient"].isna().all() and files["problem"].isna().all()


def test_empty_too_large_and_special_files_have_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "data"
    monkeypatch.setattr(scan_module, "MOST_BYTES", 10)
    put(root, "p_1.png", b"")
    put(root, "p_2.png", b"12345678901")
    put(root, "p_3.png", b"1234567890")
    put(root, "empty.txt", b"")
    os.mkfifo(root / "p_4.png")
    files = schemas.validate(scan_folder(root), schemas.FileTable, "file table")
    problems = {path: row(files, path)["problem"] for path in files["path"]}
    assert problems == {
        "empty.txt": None,
        "p_1.png": "empty_file",
        "p_2.png": "too_large",
        "p_3.png": None,
        "p_4.png": "not_a_file",
    }
    assert row(files, "p_1.png")["patient"] == "p"


def test_files_and_folders_without_permission_have_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "data"
    put(root, "p_1.png")
    put(root, "p_2.png")
    put(root, "closed/p_3.png")
    scandir, path_open = os.scandir, Path.open

    def guarded_scandir(path: Any) -> Any:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    def guarded_open(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.name == "p_1.png":
            raise PermissionError(13, "Permission denied")
        if path.name == "p_2.png":
            raise OSError(5, "Input/output error")
        return path_open(path, *arguments, **options)

    monkeypatch.setattr(os, "scandir", guarded_scandir)
    monkeypatch.setattr(Path, "open", guarded_open)
    files = schemas.validate(scan_folder(root), schemas.FileTable, "file table")
    monkeypatch.undo()
    assert row(files, "closed/")["problem"] == "no_permission"
    assert row(files, "p_1.png")["problem"] == "no_permission"
    assert row(files, "p_2.png")["problem"] == "unreadable"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_real_permissions(tmp_path: Path) -> None:
    file = put(tmp_path / "data", "p_1.png")
    file.chmod(0)
    assert row(scan_folder(tmp_path / "data"), "p_1.png")["problem"] == "no_permission"


def test_names_that_are_not_utf8_can_be_told_and_written(tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    try:
        builtins.open(os.fsencode(root) + b"/p\xff_1.png", "wb").close()
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    files = scan_folder(root, tmp_path / "index.json")
    assert row(files, "p\\xff_1.png")["problem"] == "undecodable_name"
    files.to_parquet(tmp_path / "files.parquet")


def test_an_empty_folder_gives_an_empty_table(tmp_path: Path) -> None:
    files = schemas.validate(scan_folder(tmp_path), schemas.FileTable, "file table")
    assert len(files) == 0
