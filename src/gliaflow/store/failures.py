"""What keeps results from being written, in words a person can act on: a full disk, a folder that can't be written."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gliaflow.errors import GliaflowError

FULL = {errno.ENOSPC, errno.EDQUOT}
CLOSED = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST}
NEXT = "Then start the same command again: it goes on where it stopped."
# Some libraries say only that a write came out short: with less than this free (in bytes), the disk is why.
LEAST = 256 * 1024


class StoreFailed(GliaflowError):
    """The store can't be written to, or not be reached; the message says why and what to do."""


@contextmanager
def in_words(root: Path, what: str = "Results", setting: str = "--artifacts") -> Iterator[None]:
    """Raise `StoreFailed` instead of an error that comes of the disk below `root` being full or closed to writing.

    `what` is kept below `root`, and `setting` names another place for it.
    """
    try:
        yield
    except StoreFailed:
        raise
    except Exception as error:
        words = diagnose(error, root, what, setting)
        if words is None:
            raise
        raise StoreFailed(words) from error


def diagnose(error: BaseException, root: Path, what: str = "Results", setting: str = "--artifacts") -> str | None:
    """In words, how the disk below `root` caused `error`; None if it did not."""
    faults = [link for link in _chain(error) if isinstance(link, OSError)]
    free = _free(root)
    full = [fault for fault in faults if fault.errno in FULL]
    elsewhere = [fault.filename for fault in full if fault.filename is not None and not _is_inside(fault, root)]
    if elsewhere and free is not None and free >= LEAST:
        place = f"not that of {root}: {elsewhere[0]} could not be written"
        return f"A disk is full, though {place}. Free some space there. {NEXT}"
    if full or (free is not None and free < LEAST):
        return _full(root, free)
    numbers = {fault.errno for fault in faults if fault.errno is not None and _is_inside(fault, root)}
    if numbers & CLOSED:
        return (
            f"{what} can't be written to {root}: {errno_words(numbers & CLOSED)}. Make the folder writable, or name "
            f"another one with {setting}. Then start the command again."
        )
    return None


def require_room(folder: Path, least: int) -> None:
    """Raise `StoreFailed` where less than `least` bytes are free on the disk of `folder`."""
    free = _free(folder)
    if free is not None and free < least:
        raise StoreFailed(_full(folder, free))


def _full(folder: Path, free: int | None) -> str:
    left = "" if free is None else f" ({free / 1e6:.1f} MB are free)"
    return (
        f"The disk that holds {folder} is full{left}. Nothing half-written is kept. Free some space: "
        f"`python -m flows gc --artifacts DIR` shows what old runs take up. {NEXT}"
    )


def errno_words(numbers: set[int]) -> str:
    """What the system said, in plain words."""
    if errno.EROFS in numbers:
        return "the file system is read-only"
    return "it is not a folder" if numbers & {errno.ENOTDIR, errno.EEXIST} else "permission denied"


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def _is_inside(error: OSError, root: Path) -> bool:
    return error.filename is not None and Path(str(error.filename)).is_relative_to(root)


def _free(root: Path) -> int | None:
    """Bytes free on the disk of `root`, or of the nearest folder above it that is there."""
    for folder in (root, *root.parents):
        if folder.exists():
            return shutil.disk_usage(folder).free
    return None
