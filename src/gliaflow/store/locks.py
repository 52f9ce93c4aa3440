"""Locks between processes, as files: the kernel frees them when their holder dies, in whatever way."""

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

logger = logging.getLogger(__name__)


@contextmanager
def hold(path: Path, *, shared: bool = False, waiting: str = "") -> Iterator[None]:
    """Hold the lock `path`, alone or with other sharers; says `waiting` on the log if somebody else has it."""
    mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting:
                logger.info("%s", waiting)
            fcntl.flock(file, mode)
        yield


@contextmanager
def try_hold(path: Path) -> Iterator[bool]:
    """Hold the lock `path` if nobody else does: gives whether it is held."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
