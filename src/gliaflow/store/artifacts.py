"""The artifact store: a result is a folder that appears whole or not at all, and is checked before it is used again.

<root>/<stage>/<key>/manifest.json and the stage's files
<root>/runs/<run>/  what each run did and used
<root>/journals/    what is added to and never changed: the registry of models, what was seen in a watched folder
<root>/.work/       what is being built; nothing there is ever taken for a result
<root>/.locks/      one lock a key, freed by the kernel when its holder dies
"""

import logging
import os
import platform
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gliaflow.store.failures import in_words
from gliaflow.store.files import write_new, write_whole
from gliaflow.store.locks import hold, try_hold
from gliaflow.store.manifests import Damaged, Manifest, Provenance, describe_files, read_manifest, write_manifest

logger = logging.getLogger(__name__)

RUNS = "runs"
JOURNALS = "journals"
BESIDE = (RUNS, JOURNALS)  # folders of the root that hold no results
WORK, LOCKS = ".work", ".locks"
RECORDS = ".records"  # Prefect's cache records
UNPACKED = ".unpacked"  # archives, unpacked
INDEX = ".scan"  # a data folder's files: path, size and times beside the sha256
CHECKERS = 8  # threads that check results at once: hashing and networks don't hold Python's lock


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

    @property
    def address(self) -> str:
        """What `open_store` takes to open this store in another process."""
        return str(self.root)

    @property
    def machine(self) -> str:
        """Whose locks are seen here: runs with another name for it are judged by what they have said."""
        return platform.node()

    def place(self, path: str) -> str:
        """Where a person finds `path` (relative to the root)."""
        return str(self.root / path)

    def folder(self, artifact: Artifact) -> Path:
        """The folder on this machine that holds the files of `artifact`."""
        return self.root / artifact.path

    def find(self, stage: str, key: str) -> Artifact | None:
        """The result of `stage` under `key` if it is there and whole, each file compared with its sha256; else None.

        The check is made once a key in the life of this object. What is missing or damaged is kept for `damage`.
        """
        path = f"{stage}/{key}"
        if path in self._checked:
            return self._checked[path]
        try:
            manifest = self._inspect(stage, key)
        except Damaged as damage:
            if path not in self._damage:
                logger.warning("%s is damaged (%s): it will be made again", path, damage)
            self._damage[path] = str(damage)
            return None
        if manifest is None:
            return None
        if self._resume(stage, key).exists():
            with suppress(OSError), try_hold(self._lock(stage, key)) as held:  # who may only read leaves it
                if held:  # an attempt killed just after its result appeared left it; one under way has it in use
                    self._clear_resume(stage, key)
        self._checked[path] = Artifact(stage, key, manifest.content)
        return self._checked[path]

    def find_all(self, stage: str, keys: Iterable[str]) -> dict[str, Artifact]:
        """The results of `stage` under `keys`, several checked at a time; what is missing or damaged is left out."""
        wanted = list(keys)
        with ThreadPoolExecutor(CHECKERS) as pool:
            found = pool.map(lambda key: self.find(stage, key), wanted)
            return {key: artifact for key, artifact in zip(wanted, found, strict=True) if artifact is not None}

    def damage(self, stage: str, key: str) -> str | None:
        """What `find` found wrong with this result, in words; None if nothing."""
        return self._damage.get(f"{stage}/{key}")

    def obtain(self, provenance: Provenance, make: Callable[[Path], None]) -> Artifact:
        """The result that `provenance` describes: the one that is there, or the one that `make(folder)` writes now.

        Of two processes that want the same result, one makes it and the other waits for it. Whatever ends `make`
        early, nothing appears under the key. Raises `StoreFailed` where the disk is full or can't be written to.
        """
        stage, key = provenance.stage, provenance.key
        with (
            in_words(self.root),
            hold(self._lock(stage, key), waiting=f"{stage} is being made by another run: waiting for it"),
        ):
            found = self.find(stage, key)
            if found is not None:
                return found
            manifest = self._make(provenance, make)
        artifact = Artifact(stage, key, manifest.content)
        self._checked[artifact.path] = artifact
        return artifact

    def work_folder(self, provenance: Provenance) -> Path:
        """A folder that outlives a killed attempt at `provenance`, for what a stage needs to go on where it stopped."""
        folder = self._resume(provenance.stage, provenance.key)
        with in_words(self.root):
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def manifests(self, stage: str) -> Iterator[Manifest]:
        """The manifests of all results of `stage`, damaged ones left out."""
        for folder in sorted((self.root / stage).glob("*/")):
            try:
                yield read_manifest(folder)
            except Damaged:
                continue

    def sizes(self) -> dict[str, int]:
        """Every result that is there, damaged ones too: {path relative to the root: bytes}."""
        stages = [f for f in sorted(self.root.glob("*/")) if f.name not in BESIDE and not f.name.startswith(".")]
        return {
            f"{stage.name}/{result.name}": size_of(result) for stage in stages for result in sorted(stage.glob("*/"))
        }

    def remove(self, path: str) -> bool:
        """Take the result at `path` away, in one step for whoever looks; False where it is just being made."""
        stage, key = path.split("/")
        with try_hold(self._lock(stage, key)) as held:
            if not held:
                return False
            self._checked.pop(path, None)
            if (self.root / path).exists():
                self._take_away(self.root / path)
            self._clear_resume(stage, key)
        return True

    def read(self, name: str) -> bytes | None:
        """The content of the small file `name` (relative to the root), or None where there is none."""
        try:
            return (self.root / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Write the small file `name` (relative to the root), whole or not at all."""
        with in_words(self.root):
            write_whole(self.root / name, content)

    def create(self, name: str, content: bytes) -> bool:
        """Write the small file `name` unless there is one: of two who try at once, one gets True and stays."""
        with in_words(self.root):
            return write_new(self.root / name, content)

    def read_all(self, pattern: str) -> dict[str, bytes]:
        """The contents of all small files whose names match `pattern` (relative to the root), sorted by name."""
        names = [path.relative_to(self.root).as_posix() for path in sorted(self.root.glob(pattern))]
        contents = {name: self.read(name) for name in names}  # None: removed since it was listed
        return {name: content for name, content in contents.items() if content is not None}

    def folders(self, name: str) -> list[str]:
        """The names of the folders in the folder `name` (relative to the root), sorted."""
        return sorted(path.name for path in (self.root / name).glob("*/"))

    def remove_run(self, name: str) -> None:
        """Forget a run; the results that it used stay."""
        shutil.rmtree(self.root / RUNS / name, ignore_errors=True)

    def _inspect(self, stage: str, key: str) -> Manifest | None:
        """The manifest of a result that is whole, None where there is no result; raises `Damaged`."""
        folder = self.root / stage / key
        if not folder.is_dir():
            return None
        manifest = read_manifest(folder)
        manifest.check(folder, stage, key)
        return manifest

    def _make(self, provenance: Provenance, make: Callable[[Path], None]) -> Manifest:
        """Build the result beside its place, then move it there."""
        self._clear_leftovers(provenance.stage, provenance.key)
        with self._building(provenance.stage, provenance.key) as building:
            started, clock = time.time(), time.perf_counter()
            make(building)
            seconds = time.perf_counter() - clock
            manifest = Manifest.of(provenance, describe_files(building), started=started, seconds=seconds)
            write_manifest(building, manifest)
            self._publish(building, provenance.stage, provenance.key)
        self._clear_resume(provenance.stage, provenance.key)
        return manifest

    @contextmanager
    def _building(self, stage: str, key: str) -> Iterator[Path]:
        """A folder to build in, on the file system of the results; gone afterwards."""
        building = self.root / WORK / f"{stage}-{key}-{uuid.uuid4().hex[:8]}"
        building.mkdir(parents=True)
        try:
            with in_words(self.root):  # before the folder is removed, which would free the disk
                yield building
        finally:
            shutil.rmtree(building, ignore_errors=True)

    def _publish(self, building: Path, stage: str, key: str) -> None:
        target = self.root / stage / key
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():  # damaged: `find` has just refused it
            self._take_away(target)
        os.replace(building, target)
        _sync_folder(target.parent)

    def _take_away(self, folder: Path) -> None:
        aside = self.root / WORK / f"{folder.parent.name}-{folder.name}-{uuid.uuid4().hex[:8]}.removed"
        aside.parent.mkdir(parents=True, exist_ok=True)
        os.replace(folder, aside)
        shutil.rmtree(aside, ignore_errors=True)

    def _resume(self, stage: str, key: str) -> Path:
        return self.root / WORK / f"{stage}-{key}.resume"

    def _clear_resume(self, stage: str, key: str) -> None:
        if self._resume(stage, key).exists():
            shutil.rmtree(self._resume(stage, key), ignore_errors=True)

    def _clear_leftovers(self, stage: str, key: str) -> None:
        """Remove what killed attempts at this key left; its lock is held, so nobody is at work there."""
        for folder in (self.root / WORK).glob(f"{stage}-{key}-*"):
            shutil.rmtree(folder, ignore_errors=True)

    def _lock(self, stage: str, key: str) -> Path:
        return self.root / LOCKS / f"{stage}-{key}"


def size_of(folder: Path) -> int:
    """Bytes of all files below `folder`; what is removed meanwhile does not count."""
    size = 0
    for here, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                size += os.stat(os.path.join(here, name)).st_size
    return size


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
