"""Where files lie while they are read: a folder of the server, and below it one a request, which goes with it."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "gliaflow-serve-"
ALIVE = "alive"  # a file that is locked as long as the server lives


class Scratch:
    """A folder that nobody else may look into; `close` removes it. What killed servers left is removed first."""

    def __init__(self, parent: Path | None = None) -> None:
        parent = Path(tempfile.gettempdir()) if parent is None else parent
        for remains in parent.glob(f"{PREFIX}*"):
            _remove_if_dead(remains)
        draft = Path(tempfile.mkdtemp(prefix=f".{PREFIX}", dir=parent))  # unseen by others until it is locked
        self._alive = (draft / ALIVE).open("wb")
        fcntl.flock(self._alive, fcntl.LOCK_EX)
        self.root = draft.rename(draft.with_name(draft.name[1:]))

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A folder for one request, which goes with it."""
        folder = Path(tempfile.mkdtemp(dir=self.root))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        self._alive.close()


def _remove_if_dead(folder: Path) -> None:
    """Remove the folder of a server that was killed: its own, of this user, whose lock the system has let go."""
    try:
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():
            return
        with (folder / ALIVE).open("rb") as alive:
            fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
    except OSError:  # it lives, or is being made or removed this moment
        return
