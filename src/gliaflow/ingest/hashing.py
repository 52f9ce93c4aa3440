"""SHA-256 of files, remembered by size and times so that an unchanged file is not read again."""

import hashlib
import json
import logging
import os
import stat
import time
from collections.abc import Iterable
from pathlib import Path

from gliaflow.ingest.reasons import UnusableFile
from gliaflow.store.files import write_whole

logger = logging.getLogger(__name__)

VERSION = 1
MOST_BYTES = 256 << 20  # of an image or a mask
FRESH_SECONDS = 0.1  # a file written this recently may change again within the same tick of the file system's clock

Stamp = tuple[int, int, int, int]


def sha256_of(content: bytes) -> str:
    """SHA-256 of `content` as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def hash_file(path: Path) -> tuple[str, Stamp | None]:
    """SHA-256 of the file at `path`, and its stamp (None where it was changed just now, or while it was read).

    Raises OSError where it can't be read.
    """
    with path.open("rb") as file:
        before = stamp_of(os.fstat(file.fileno()))
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        status = os.fstat(file.fileno())
    at_rest = time.time() - max(status.st_mtime, status.st_ctime) > FRESH_SECONDS
    return digest, before if at_rest and before == stamp_of(status) else None


def read_unchanged(path: Path, sha256: str) -> bytes:
    """The bytes of a file, if they still have the digest that the scan found; else raises UnusableFile."""
    try:
        with open(path, "rb", opener=open_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UnusableFile("changed_since_scan", "a pipe, socket or device in place of the file")
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise UnusableFile("changed_since_scan", "the file is gone") from None
    except PermissionError:
        raise UnusableFile("no_permission", "the system refused to open it") from None
    except OSError as error:
        raise UnusableFile("read_error", f"the system could not read it ({error.strerror})") from None
    if sha256_of(content) != sha256:
        raise UnusableFile("changed_since_scan", f"{len(content)} bytes with another SHA-256")
    return content


def open_at_once(path: str, flags: int) -> int:
    """Open without waiting for somebody to write into what has become a pipe."""
    return os.open(path, flags | os.O_NONBLOCK)


def stamp_of(status: os.stat_result) -> Stamp:
    """What changes when a file does: size, time of change of content and of its entry (ns), inode."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


class HashIndex:
    """A JSON file: path and stamp -> SHA-256. Where it is lost, damaged or unwritable, files are hashed again."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._known = _load(path) if path else {}
        self._saved = dict(self._known)

    def get(self, path: str, stamp: Stamp) -> str | None:
        """The digest of the file at the absolute `path`, if it is still the file with this `stamp`."""
        known = self._known.get(path)
        return known[1] if known and known[0] == stamp else None

    def put(self, path: str, stamp: Stamp, digest: str) -> None:
        """Remember `digest` for the file at the absolute `path`."""
        self._known[path] = (stamp, digest)

    def keep_only(self, root: str, paths: Iterable[str]) -> None:
        """Forget files below the folder `root` other than `paths`."""
        below, kept = root.rstrip("/") + "/", set(paths)
        self._known = {path: row for path, row in self._known.items() if path in kept or not path.startswith(below)}

    def save(self) -> None:
        """Write the index where it changed, whole or not at all."""
        if self.path is None or self._known == self._saved:
            return
        rows = {path: [*stamp, digest] for path, (stamp, digest) in sorted(self._known.items())}
        try:
            write_whole(self.path, json.dumps({"version": VERSION, "files": rows}, indent=0).encode())
        except OSError as error:
            logger.warning("The hash index %s could not be written (%s): the next scan hashes again", self.path, error)
            return
        self._saved = dict(self._known)


def _load(path: Path) -> dict[str, tuple[Stamp, str]]:
    try:
        stored = json.loads(path.read_bytes())
        if stored["version"] != VERSION:
            return {}
        known: dict[str, tuple[Stamp, str]] = {}
        for name, (size, mtime, ctime, inode, digest) in stored["files"].items():
            if not isinstance(digest, str) or len(digest) != 64:
                raise ValueError(f"{digest!r} is no SHA-256")
            known[name] = ((size, mtime, ctime, inode), digest)
        return known
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        logger.warning("The hash index %s is damaged (%s): hashing again", path, error)
        return {}
