"""Folders, archives and Kaggle data sets; above all, archives that are damaged or mean harm."""

import bz2
import gzip
import io
import lzma
import os
import re
import stat
import sys
import tarfile
import time
import types
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gliaflow.ingest import archives
from gliaflow.ingest.archives import Limits
from gliaflow.ingest.sources import UnusableSource, open_source, source_name

FILES = {
    "kaggle_3m/p/p_1.tif": b"image",
    "kaggle_3m/p/p_1_mask.tif": b"mask" * 1000,
    "kaggle_3m/data.csv": b"Patient\n",
}


def tar_bytes(files: dict[str, bytes] = FILES, *special: tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for info in special:
            tar.addfile(info)
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def zip_bytes(files: dict[str, bytes] = FILES, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def write(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return str(path)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refuse(data: str, unpacked: Path, limits: Limits | None = None) -> str:
    """The message with which `data` is refused; nothing may be left that could be taken for the data."""
    with pytest.raises(UnusableSource) as failure:
        open_source(data, unpacked, limits)
    if unpacked.exists():
        assert [path for path in unpacked.iterdir() if path.is_dir()] == []
    return str(failure.value)


def test_a_folder_is_itself(tmp_path: Path) -> None:
    write(tmp_path / "p_1.tif", b"image")
    assert open_source(str(tmp_path), tmp_path / "unpacked") == tmp_path
    assert not (tmp_path / "unpacked").exists()


@pytest.mark.parametrize(
    "pack",
    [
        zip_bytes,
        lambda: zip_bytes(method=zipfile.ZIP_STORED),
        tar_bytes,
        lambda: gzip.compress(tar_bytes()),
        lambda: bz2.compress(tar_bytes()),
        lambda: lzma.compress(tar_bytes()),
    ],
    ids=["zip", "stored-zip", "tar", "tar.gz", "tar.bz2", "tar.xz"],
)
def test_archives_are_told_by_their_content(tmp_path: Path, pack: Callable[[], bytes]) -> None:
    data = write(tmp_path / "download.bin", pack())
    folder = open_source(data, tmp_path / "unpacked")
    assert contents(folder) == FILES
    assert folder.parent == tmp_path / "unpacked"
    assert re.fullmatch("[0-9a-f]{64}", folder.name)
    assert [path for path in folder.parent.iterdir() if path.is_dir()] == [folder]


def test_an_archive_is_hashed_and_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write(tmp_path / "a.zip", zip_bytes())
    monkeypatch.setattr("gliaflow.ingest.hashing.FRESH_SECONDS", -1)
    folder = open_source(data, tmp_path / "unpacked")

    def must_not(*_: object) -> None:
        raise AssertionError("done again")

    monkeypatch.setattr(archives, "_unpack", must_not)
    write(tmp_path / "copy.tar", (tmp_path / "a.zip").read_bytes())
    assert open_source(str(tmp_path / "copy.tar"), tmp_path / "unpacked") == folder
    monkeypatch.setattr(archives, "hash_file", must_not)
    assert open_source(data, tmp_path / "unpacked") == folder


def test_a_changed_archive_is_another(tmp_path: Path) -> None:
    data = write(tmp_path / "a.zip", zip_bytes())
    first = open_source(data, tmp_path / "unpacked")
    write(tmp_path / "a.zip", zip_bytes({"q_1.tif": b"new"}))
    second = open_source(data, tmp_path / "unpacked")
    assert second != first
    assert contents(second) == {"q_1.tif": b"new"}


@pytest.mark.parametrize("harm", ["deleted", "shortened", "added", "no inventory"])
def test_what_is_no_longer_whole_is_unpacked_again(tmp_path: Path, harm: str) -> None:
    data = write(tmp_path / "a.zip", zip_bytes())
    folder = open_source(data, tmp_path / "unpacked")
    if harm == "deleted":
        (folder / "kaggle_3m/p/p_1.tif").unlink()
    elif harm == "shortened":
        (folder / "kaggle_3m/p/p_1.tif").write_bytes(b"im")
    elif harm == "added":
        (folder / "q_1.tif").write_bytes(b"new")
    else:
        (tmp_path / "unpacked" / f"{folder.name}.json").unlink()
        (folder / "kaggle_3m/data.csv").unlink()
    assert open_source(data, tmp_path / "unpacked") == folder
    assert contents(folder) == FILES


def test_remains_of_a_killed_run_are_not_taken_for_the_data(tmp_path: Path) -> None:
    data = write(tmp_path / "a.zip", zip_bytes())
    folder = open_source(data, tmp_path / "unpacked")
    folder.rename(folder.parent / f".{folder.name}-killed")
    assert contents(open_source(data, tmp_path / "unpacked")) == FILES
    assert [path for path in folder.parent.iterdir() if path.is_dir()] == [folder]


def test_two_runs_at_once_unpack_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write(tmp_path / "a.zip", zip_bytes())
    unpack, times = archives._unpack, []

    def slowly(archive: Path, kind: str, folder: Path, limits: Limits) -> None:
        times.append(folder)
        time.sleep(0.2)
        unpack(archive, kind, folder, limits)

    monkeypatch.setattr(archives, "_unpack", slowly)
    with ThreadPoolExecutor(2) as pool:
        folders = list(pool.map(lambda _: open_source(data, tmp_path / "unpacked"), range(2)))
    assert len(times) == 1 and folders[0] == folders[1]
    assert contents(folders[0]) == FILES


@pytest.mark.parametrize("name", ["../out.tif", "a/../../out.tif", "/out.tif", "C:\\out.tif", "..\\out.tif"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_no_path_escapes(tmp_path: Path, name: str, kind: str) -> None:
    name = f"{tmp_path}{name}" if name.startswith("/") else name
    files = {"p_1.tif": b"image", name: b"harm"}
    data = write(tmp_path / "a", zip_bytes(files) if kind == "zip" else tar_bytes(files))
    message = refuse(data, tmp_path / "deep" / "unpacked")
    assert "is not to be trusted" in message and repr(name) in message
    assert not list(tmp_path.rglob("out.tif"))


def test_links_and_devices_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    secret = write(tmp_path / "secret", b"secret")
    special = []
    for name, kind, target in [
        ("link", tarfile.SYMTYPE, secret),
        ("hard", tarfile.LNKTYPE, secret),
        ("null", tarfile.CHRTYPE, ""),
    ]:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        special.append(info)
    data = write(tmp_path / "a.tar", tar_bytes({"link2/p_1.tif": b"image"}, *special))
    folder = open_source(data, tmp_path / "unpacked")
    assert sorted(os.listdir(folder)) == ["link2"]
    assert caplog.text.count("left out") == 3


def test_links_in_a_zip_are_left_out(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("p_1.tif", b"image")
        archive.writestr(zipfile.ZipInfo("folder/"), b"")
    folder = open_source(write(tmp_path / "a.zip", out.getvalue()), tmp_path / "unpacked")
    assert contents(folder) == {"p_1.tif": b"image"}


@pytest.mark.parametrize("kind", ["zip", "tar.xz"])
@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(members=2), "more than 2 members"),
        (Limits(file_bytes=3999), "kaggle_3m/p/p_1_mask.tif' of more than 0 MiB"),
        (Limits(total_bytes=4012), "unpacks to more than 0 MiB"),
        (Limits(ratio=1, ratio_from=4000), "more than 1 times its size, as a decompression bomb"),
    ],
)
def test_limits_hold(tmp_path: Path, kind: str, limits: Limits, words: str) -> None:
    data = write(tmp_path / "a", zip_bytes() if kind == "zip" else lzma.compress(tar_bytes()))
    assert words in refuse(data, tmp_path / "unpacked", limits)


@pytest.mark.parametrize("kind", ["zip", "tar.xz"])
def test_what_is_at_the_limits_passes(tmp_path: Path, kind: str) -> None:
    data = write(tmp_path / "a", zip_bytes() if kind == "zip" else lzma.compress(tar_bytes()))
    limits = Limits(members=3, file_bytes=4000, total_bytes=4013, ratio=100, ratio_from=100)
    assert contents(open_source(data, tmp_path / "unpacked", limits)) == FILES


def test_a_bomb_is_stopped_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write(tmp_path / "a", zip_bytes({"p_1.tif": bytes(50_000_000)}))
    unpacked: list[int] = []
    check_size = archives._check_size

    def watched(archive: Path, name: str, size: int, total: int, packed: int, limits: Limits) -> None:
        unpacked.append(total)
        check_size(archive, name, size, total, packed, limits)

    monkeypatch.setattr(archives, "_check_size", watched)
    assert "decompression bomb" in refuse(data, tmp_path / "unpacked", Limits(ratio_from=1_000_000))
    assert max(unpacked) < 10_000_000


def test_a_bomb_in_a_tar_header_is_not_read_into_memory(tmp_path: Path) -> None:
    header = tarfile.TarInfo("p_1.tif")
    header.type, header.size = tarfile.XHDTYPE, 40 << 20
    bomb = lzma.compress(header.tobuf() + bytes(40 << 20), preset=0)
    assert "a header is larger than 16 MiB" in refuse(write(tmp_path / "a", bomb), tmp_path / "unpacked")


def test_a_bomb_in_a_skipped_member_is_not_unpacked(tmp_path: Path) -> None:
    header = tarfile.TarInfo("device")
    header.type, header.size = b"Z", 1 << 40
    data = write(tmp_path / "a", gzip.compress(header.tobuf() + tar_bytes()))
    assert "unpacks to too much" in refuse(data, tmp_path / "unpacked")


@pytest.mark.parametrize("kind", ["zip", "tar", "gz", "bz2", "xz"])
@pytest.mark.parametrize("harm", ["half", "nearly all", "flipped"])
def test_damaged_archives_are_refused(tmp_path: Path, kind: str, harm: str) -> None:
    files = {f"p_{i}.tif": os.urandom(3000) for i in range(8)}
    packers = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
    packed = zip_bytes(files) if kind == "zip" else packers.get(kind, bytes)(tar_bytes(files))
    if harm == "flipped":
        middle = packed.find(b"p_4.tif") if kind == "tar" else len(packed) // 2
        packed = packed[:middle] + bytes([packed[middle] ^ 0x55]) + packed[middle + 1 :]
    else:
        end = len(packed) // 2 if harm == "half" else len(packed) - 4
        if kind == "tar" and harm == "nearly all":
            end = len(tar_bytes(files)) // 10240 * 10240 - 10240  # at a border of blocks
        packed = packed[:end]
    message = refuse(write(tmp_path / "a", packed), tmp_path / "unpacked")
    assert "is damaged or cut off" in message and "Download it again" in message


def test_a_tar_cut_between_two_members_is_refused(tmp_path: Path) -> None:
    whole = tar_bytes({"p_1.tif": b"a" * 512, "p_2.tif": b"b" * 512})
    assert "the end mark is missing" in refuse(write(tmp_path / "a.tar", whole[:1024]), tmp_path / "unpacked")


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    packed = bytearray(zip_bytes({"p_1.tif": b"image"}))
    packed[6] |= 1  # the flag in the member's header
    packed[packed.find(b"PK\x01\x02") + 8] |= 1  # and in the directory
    message = refuse(write(tmp_path / "a.zip", bytes(packed)), tmp_path / "unpacked")
    assert "encrypted" in message and "Unpack it yourself" in message


def test_a_zip_of_an_unknown_compression_is_refused(tmp_path: Path) -> None:
    packed = bytearray(zip_bytes({"p_1.tif": b"image"}))
    packed[8] = 99  # the method in the member's header
    packed[packed.find(b"PK\x01\x02") + 10] = 99  # and in the directory
    message = refuse(write(tmp_path / "a.zip", bytes(packed)), tmp_path / "unpacked")
    assert "compression method is not supported" in message and "Unpack it yourself" in message


def test_a_fault_of_our_own_is_not_taken_for_one_of_the_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise RecursionError

    monkeypatch.setattr(archives, "_write", fail)
    with pytest.raises(RecursionError):
        open_source(str(write(tmp_path / "a.zip", zip_bytes())), tmp_path / "unpacked")


def test_a_name_that_comes_twice_is_refused(tmp_path: Path) -> None:
    data = write(tmp_path / "a.tar", tar_bytes({"p_1.tif": b"one", "./p_1.tif": b"two"}))
    assert "holds './p_1.tif' twice" in refuse(data, tmp_path / "unpacked")


def test_a_disk_without_room_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write(tmp_path / "a.zip", zip_bytes())

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archives, "_write", full)
    assert "could not be unpacked into" in refuse(data, tmp_path / "unpacked")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no archive at all", "is no archive that can be read"),
        (b"", "is no archive that can be read"),
        (bytes(1024), "is no archive that can be read"),
        (b"x" * 1024, "is no archive that can be read"),
        (gzip.compress(b"a packed text", mtime=0), "is damaged or cut off"),
        (zip_bytes({}), "is empty"),
    ],
)
def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(UnusableSource, match=words):
        open_source(write(tmp_path / "a.zip", content), tmp_path / "unpacked")


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    assert refuse(str(nowhere), tmp_path / "u").startswith(f"There is no {nowhere}. Name a folder")
    (tmp_path / "link").symlink_to(nowhere)
    assert "is a link that leads nowhere" in refuse(str(tmp_path / "link"), tmp_path / "u")
    os.mkfifo(tmp_path / "pipe")
    assert "is neither folder nor file" in refuse(str(tmp_path / "pipe"), tmp_path / "u")
    (tmp_path / "empty").mkdir()
    assert "The folder" in refuse(str(tmp_path / "empty"), tmp_path / "u")
    assert "not another address" in refuse("https://example.org/data.zip", tmp_path / "u")


def test_kaggle_data_sets_come_through_kagglehub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "p_1.tif", b"image")
    asked: list[str] = []
    stand_in = types.ModuleType("kagglehub")
    stand_in.dataset_download = lambda handle: asked.append(handle) or str(tmp_path)  # type: ignore[attr-defined,func-returns-value]
    monkeypatch.setitem(sys.modules, "kagglehub", stand_in)
    assert open_source("kaggle:mateuszbuda/lgg-mri-segmentation", tmp_path / "u") == tmp_path
    assert asked == ["mateuszbuda/lgg-mri-segmentation"]


def test_kaggle_without_kagglehub_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    assert "pip install 'gliaflow[kaggle]'" in refuse("kaggle:owner/name", tmp_path / "u")


def test_a_kaggle_download_that_fails_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(handle: str) -> str:
        raise ConnectionError("403 Client Error")

    stand_in = types.ModuleType("kagglehub")
    stand_in.dataset_download = fail  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "kagglehub", stand_in)
    message = refuse("kaggle:owner/name", tmp_path / "u")
    assert "Kaggle did not deliver owner/name: ConnectionError: 403 Client Error" in message
    stand_in.dataset_download = lambda handle: str(tmp_path / "a.zip")  # type: ignore[attr-defined]
    assert "which is no folder" in refuse("kaggle:owner/name", tmp_path / "u")


@pytest.mark.parametrize("handle", ["owner", "owner/name/more", "../etc", "", "a b/c"])
def test_kaggle_names_have_an_owner(tmp_path: Path, handle: str) -> None:
    assert "named kaggle:OWNER/NAME" in refuse(f"kaggle:{handle}", tmp_path / "u")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("/data/kaggle_3m/", "kaggle_3m"),
        ("kaggle_3m.tar.xz", "kaggle_3m.tar.xz"),
        (".", Path.cwd().name),
        ("kaggle:owner/name", "kaggle:owner/name"),
    ],
)
def test_a_source_has_a_name_without_its_place(data, name):
    assert source_name(data) == name
