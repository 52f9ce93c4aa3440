"""Archives as they were downloaded: told by content, unpacked once, and trusted in nothing."""

import bz2
import gzip
import hashlib
import json
import logging
import lzma
import os
import re
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from gliaflow.ingest.hashing import HashIndex, hash_file, stamp_of
from gliaflow.ingest.reasons import UnusableSource
from gliaflow.store.files import write_whole
from gliaflow.store.locks import hold

logger = logging.getLogger(__name__)

MIB = 1 << 20
ENCRYPTED = 1  # bit of a zip member's flags
_OPENERS: dict[str, Any] = {"tar": open, "gz": gzip.open, "bz2": bz2.open, "xz": lzma.open}


@dataclass(frozen=True)
class Limits:
    """What an archive may hold at most; `ratio` (unpacked to packed) counts once `ratio_from` bytes are unpacked."""

    members: int = 200_000
    file_bytes: int = 1024 * MIB
    total_bytes: int = 64 * 1024 * MIB
    ratio: int = 100
    ratio_from: int = 256 * MIB


@dataclass(frozen=True)
class Member:
    """A file in an archive: its name there, and its bytes."""

    name: str
    stream: IO[bytes]


def unpack_once(archive: Path, unpacked: Path, limits: Limits) -> Path:
    """Unpack `archive` as `unpacked/<its sha256>`, unless that is there and whole; raises UnusableSource."""
    kind = _kind(archive)
    if kind is None:
        raise UnusableSource(
            f"{archive} is no archive that can be read (.zip; .tar, plain or packed with gzip, bzip2 or xz). "
            "Name such a file, or the folder with the slices."
        )
    unpacked.mkdir(parents=True, exist_ok=True)
    digest = _digest(archive, unpacked / "archives.json")
    folder, inventory = unpacked / digest, unpacked / f"{digest}.json"
    with hold(unpacked / f"{digest}.lock", waiting=f"Another run unpacks {archive}: waiting for it"):
        if folder.is_dir() and _is_whole(folder, inventory):
            return folder
        for remains in [folder, *unpacked.glob(f".{digest}-*")]:  # of a killed run, or no longer whole
            if remains.exists():
                shutil.rmtree(remains)
        building = Path(tempfile.mkdtemp(dir=unpacked, prefix=f".{digest}-"))
        building.chmod(0o755)
        try:
            logger.info("Unpacking %s", archive)
            _unpack(archive, kind, building, limits)
            write_whole(inventory, json.dumps(_inventory(building)).encode())
            os.replace(building, folder)
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise
    return folder


def _kind(archive: Path) -> str | None:
    """ "zip", "tar", "gz", "bz2" or "xz" by the first bytes, or None."""
    with archive.open("rb") as file:
        head = file.read(512)
    magic = {b"PK\x03\x04": "zip", b"PK\x05\x06": "zip", b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\x00": "xz"}
    for start, kind in magic.items():
        if head.startswith(start):
            return kind
    return "tar" if _begins_tar(head) else None


def _begins_tar(head: bytes) -> bool:
    """Whether a block is the header of a tar's member. Without a checksum it is none, even if it adds up to 0."""
    try:
        return tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape").chksum != 0
    except tarfile.HeaderError:
        return False


def is_archive(path: Path) -> bool:
    """Whether `path` holds other files: a zip, or a tar, plain or packed. A packed NIfTI volume is no archive."""
    kind = _kind(path)
    if kind in (None, "zip", "tar"):
        return kind is not None
    try:
        with _OPENERS[kind](path, "rb") as plain:
            return _begins_tar(plain.read(tarfile.BLOCKSIZE))
    except (OSError, EOFError, zlib.error, lzma.LZMAError):
        return False


def _digest(archive: Path, memory: Path) -> str:
    """The archive's SHA-256, remembered by size and times."""
    index, name = HashIndex(memory), str(archive.resolve())
    known = index.get(name, stamp_of(archive.stat()))
    if known:
        return known
    digest, stamp = hash_file(archive)
    if stamp:
        index.put(name, stamp, digest)
        index.save()
    return digest


def _inventory(folder: Path) -> dict[str, object]:
    """A digest of the names and sizes of all files below `folder`, and their number."""
    lines = []
    for here, _, names in os.walk(folder):
        lines += [f"{os.path.relpath(p := os.path.join(here, name), folder)} {os.path.getsize(p)}" for name in names]
    text = "\n".join(sorted(lines)).encode("utf-8", "surrogateescape")
    return {"files": len(lines), "names_and_sizes": hashlib.sha256(text).hexdigest()}


def _is_whole(folder: Path, inventory: Path) -> bool:
    try:
        return bool(json.loads(inventory.read_bytes()) == _inventory(folder))
    except (OSError, ValueError):
        return False


def _unpack(archive: Path, kind: str, folder: Path, limits: Limits) -> None:
    """Write the archive's files below `folder`; raises UnusableSource where it is damaged, too large or unsafe."""
    packed, total = archive.stat().st_size, 0
    try:
        for member in _members(archive, kind, limits):
            total += _write(member, folder, archive, limits, total, packed)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise UnusableSource(f"{archive} is damaged or cut off ({error}). Download it again.") from error
    except NotImplementedError as error:  # zipfile's word for a compression or an encryption that it does not know
        raise UnusableSource(
            f"{archive} can't be unpacked ({error}). Unpack it yourself and name the folder."
        ) from error
    except OSError as error:
        if error.errno is None:  # gzip's and bz2's word for damaged data
            raise UnusableSource(f"{archive} is damaged or cut off ({error}). Download it again.") from error
        raise UnusableSource(f"{archive} could not be unpacked into {folder.parent} ({error}).") from error


def _write(member: Member, folder: Path, archive: Path, limits: Limits, total: int, packed: int) -> int:
    """Write one member, counting the bytes as they come (a header may lie); returns their number."""
    name = PurePosixPath(member.name.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts or re.match(r"[A-Za-z]:", member.name) or "\0" in member.name:
        raise UnusableSource(
            f"{archive} is not to be trusted: its member {member.name!r} reaches out of the folder it is unpacked to."
        )
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    try:
        with target.open("xb") as file:
            while chunk := member.stream.read(MIB):
                size += len(chunk)
                _check_size(archive, member.name, size, total + size, packed, limits)
                file.write(chunk)
    except FileExistsError:
        raise UnusableSource(
            f"{archive} holds {member.name!r} twice. Unpack it yourself and name the folder."
        ) from None
    return size


def _check_size(archive: Path, name: str, size: int, total: int, packed: int, limits: Limits) -> None:
    advice = "If the data is sound, unpack it yourself and name the folder."
    if size > limits.file_bytes:
        raise UnusableSource(f"{archive} holds {name!r} of more than {limits.file_bytes // MIB} MiB. {advice}")
    if total > limits.total_bytes:
        raise UnusableSource(f"{archive} unpacks to more than {limits.total_bytes // MIB} MiB. {advice}")
    if total > limits.ratio_from and total > limits.ratio * packed:
        raise UnusableSource(
            f"{archive} unpacks to more than {limits.ratio} times its size, as a decompression bomb does. {advice}"
        )


def _members(archive: Path, kind: str, limits: Limits) -> Iterator[Member]:
    """The regular files of an archive; links and devices are left out, folders come with their files."""
    files = _zip_members(archive) if kind == "zip" else _tar_members(archive, kind, limits)
    for count, member in enumerate(files, start=1):
        if count > limits.members:
            raise UnusableSource(
                f"{archive} holds more than {limits.members} members. Unpack it yourself and name the folder."
            )
        if isinstance(member, Member):
            yield member
        elif member:
            logger.warning("%s: left out %r, which is a link or a device", archive, member)


def _zip_members(archive: Path) -> Iterator[Member | str]:
    """Files, names of links and devices, and "" for folders."""
    with zipfile.ZipFile(archive) as file:
        for info in file.infolist():
            if info.is_dir():
                yield ""
            elif stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
                yield info.filename
            elif info.flag_bits & ENCRYPTED:
                raise UnusableSource(
                    f"{archive} is encrypted ({info.filename!r}). Unpack it yourself and name the folder."
                )
            else:
                with file.open(info) as stream:
                    yield Member(info.filename, stream)


def _tar_members(archive: Path, kind: str, limits: Limits) -> Iterator[Member | str]:
    """Files, names of links and devices, and "" for folders."""
    with _OPENERS[kind](archive, "rb") as plain:
        stream = _Bounded(plain, archive, limits)
        with tarfile.open(fileobj=cast(IO[bytes], stream), mode="r:") as tar:
            for info in tar:
                content = tar.extractfile(info) if info.isreg() else None
                yield Member(info.name, content) if content else "" if info.isdir() else info.name
            _check_end(stream, tar.offset)


class _Bounded:
    """An unpacked tar stream in which no header and no skipped member takes more memory or time than `limits` allow."""

    def __init__(self, stream: IO[bytes], archive: Path, limits: Limits) -> None:
        packed = archive.stat().st_size
        self.stream, self.archive = stream, archive
        self.farthest = 2 * min(limits.total_bytes, max(limits.ratio_from, limits.ratio * packed))

    def read(self, size: int) -> bytes:
        if size > 16 * MIB:
            raise tarfile.ReadError("a header is larger than 16 MiB")
        return self.stream.read(size)

    def seek(self, offset: int) -> int:
        if offset > self.farthest:
            raise UnusableSource(
                f"{self.archive} unpacks to too much, as a decompression bomb does. Unpack it yourself."
            )
        return self.stream.seek(offset)

    def tell(self) -> int:
        return self.stream.tell()


def _check_end(stream: _Bounded, offset: int) -> None:
    """A whole tar ends in zeros; tarfile itself takes a cut-off or garbled archive for one that is at its end."""
    stream.seek(offset)
    end = stream.read(tarfile.BLOCKSIZE)
    if len(end) < tarfile.BLOCKSIZE or end.strip(b"\0"):
        raise tarfile.ReadError("the end mark is missing")
    for _ in range(16):  # on to the end of the compressed stream, where its checksum is
        if not stream.read(MIB):
            return
