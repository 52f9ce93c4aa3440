"""The artifact store: a result is a folder that appears whole or not at all, and is checked before it is used again.

<root>/<stage>/<key>/manifest.json and the stage's files
<root>/.work/      what is being built; nothing there is ever taken for a result
<root>/.locks/     one lock a key, freed by the kernel when its holder dies
"""

import fcntl
import logging
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gliaflow.store.manifests import Damaged, Manifest, Provenance, describe_files, read_manifest, write_manifest

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Artifact:
    """A reference to a stage's result: small enough to travel between tasks, the same on every machine."""

    stage: str
    key: str
    content: str

    @property
    def path(self) -> str:
        """Where it lies, relative to the artifact root."""
        return f"{self.stage}/{self.key}"


class Store:
    """The artifacts below one root folder."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._checked: dict[str, Artifact] = {}
        self._damage: dict[str, str] = {}

    def folder(self, artifact: Artifact) -> Path:
        """The folder that holds the files of `artifact`."""
        return self.root / artifact.path

    def find(self, stage: str, key: str) -> Artifact | None:
        """The result of `stage` under `key` if it is there and whole, each file compared with its sha256; else None.

        The check is made once a key in the life of this object. What is missing or damaged is kept for `damage`.
        """
        path = f"{stage}/{key}"
        if path in self._checked:
            return self._checked[path]
        folder = self.root / path
        if not folder.is_dir():
            return None
        try:
            manifest = read_manifest(folder)
            manifest.check(folder, stage, key)
        except Damaged as damage:
            if path not in self._damage:
                logger.warning("%s is damaged (%s): it will be made again", path, damage)
            self._damage[path] = str(damage)
            return None
        self._checked[path] = Artifact(stage, key, manifest.content)
        return self._checked[path]

    def damage(self, stage: str, key: str) -> str | None:
        """What `find` found wrong with this result, in words; None if nothing."""
        return self._damage.get(f"{stage}/{key}")

    def obtain(self, provenance: Provenance, make: Callable[[Path], None]) -> Artifact:
        """The result that `provenance` describes: the one that is there, or the one that `make(folder)` writes now.

        Of two processes that want the same result, one makes it and the other waits for it. Whatever ends `make`
        early, nothing appears under the key.
        """
        with self._lock(provenance):
            found = self.find(provenance.stage, provenance.key)
            if found is not None:
                return found
            self._clear_leftovers(provenance)
            building = self.root / ".work" / f"{provenance.stage}-{provenance.key}-{uuid.uuid4().hex[:8]}"
            building.mkdir(parents=True)
            try:
                started, clock = time.time(), time.perf_counter()
                make(building)
                seconds = time.perf_counter() - clock
                manifest = Manifest.of(provenance, describe_files(building), started=started, seconds=seconds)
                write_manifest(building, manifest)
                self._publish(building, provenance)
            finally:
                shutil.rmtree(building, ignore_errors=True)
        artifact = Artifact(provenance.stage, provenance.key, manifest.content)
        self._checked[artifact.path] = artifact
        return artifact

    def work_folder(self, provenance: Provenance) -> Path:
        """A folder that outlives a killed attempt at `provenance`, for what a stage needs to go on where it stopped."""
        folder = self.root / ".work" / f"{provenance.stage}-{provenance.key}.resume"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def manifests(self, stage: str) -> Iterator[Manifest]:
        """The manifests of all results of `stage`, damaged ones left out."""
        for folder in sorted((self.root / stage).glob("*/")):
            try:
                yield read_manifest(folder)
            except Damaged:
                continue

    def _publish(self, building: Path, provenance: Provenance) -> None:
        target = self.root / provenance.stage / provenance.key
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():  # damaged: `find` has just refused it
            aside = building.with_name(building.name + ".damaged")
            os.replace(target, aside)
            shutil.rmtree(aside, ignore_errors=True)
        os.replace(building, target)
        _sync_folder(target.parent)
        shutil.rmtree(self.root / ".work" / f"{provenance.stage}-{provenance.key}.resume", ignore_errors=True)

    def _clear_leftovers(self, provenance: Provenance) -> None:
        """Remove what killed attempts at this key left; its lock is held, so nobody is at work there."""
        for folder in (self.root / ".work").glob(f"{provenance.stage}-{provenance.key}-*"):
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def _lock(self, provenance: Provenance) -> Iterator[None]:
        path = self.root / ".locks" / f"{provenance.stage}-{provenance.key}"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                logger.info("%s is being made by another run: waiting for it", provenance.stage)
                fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
