"""A store on a bucket (`s3://bucket/prefix`), shared by machines, with a copy on this one of what it works with.

A result's manifest is written last and holds the ETag of every file: without it, or where one differs, there is no
result. Work in progress and locks are this machine's own: two machines that want the same result at once both make
it, and one of the two stays.
"""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gliaflow.store.artifacts import BESIDE, RUNS, Artifact, Store
from gliaflow.store.bucket import Bucket
from gliaflow.store.failures import StoreFailed, in_words
from gliaflow.store.locks import hold
from gliaflow.store.manifests import NAME, Damaged, Manifest, Provenance, parse_manifest

logger = logging.getLogger(__name__)

COPY_OF = ".copy_of"  # in a local copy: the address of the store that it is a copy of
COPIES = "GLIAFLOW_CACHE"  # the environment variable that names the folder of the local copies


def open_store(address: str | Path) -> Store:
    """The store at `address`: a folder, or an address such as s3://bucket/prefix."""
    if "://" in str(address):
        return SharedStore(Bucket(str(address)))
    folder = Path(address).expanduser()
    if (folder / COPY_OF).is_file():
        bucket = (folder / COPY_OF).read_text(encoding="utf-8")
        raise StoreFailed(f"{folder} is this machine's copy of {bucket}. Name that address.")
    return Store(folder)


def copy_folder(address: str) -> Path:
    """Where this machine keeps its copy of the store at `address`."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    copies = os.environ.get(COPIES) or Path(home) / "gliaflow"
    return Path(copies) / hashlib.sha256(address.encode()).hexdigest()[:16]


class SharedStore(Store):
    """The artifacts in a bucket."""

    def __init__(self, bucket: Bucket) -> None:
        super().__init__(copy_folder(bucket.address))
        self.bucket = bucket
        self._copied: set[str] = set()

    @property
    def address(self) -> str:
        return self.bucket.address

    @property
    def machine(self) -> str:
        return f"{super().machine}:{self.root}"  # locks lie with the copy, of which a machine may have several

    def place(self, path: str) -> str:
        return f"{self.bucket.address}/{path}"

    def folder(self, artifact: Artifact) -> Path:
        """The folder with this machine's copy of `artifact`, fetched where it is missing or damaged."""
        folder = super().folder(artifact)
        if artifact.path in self._copied:
            return folder
        with in_words(self.root), hold(self._lock(artifact.stage, f"{artifact.key}.copy")):
            if not self._is_copied(artifact):
                self._fetch(artifact)
        self._copied.add(artifact.path)
        return folder

    def manifests(self, stage: str) -> Iterator[Manifest]:
        for content in self.bucket.read_all(f"{stage}/*/{NAME}").values():
            try:
                yield parse_manifest(content)
            except Damaged:
                continue

    def sizes(self) -> dict[str, int]:
        sizes: dict[str, int] = {}
        for name, mark in self.bucket.files().items():
            stage, _, rest = name.partition("/")
            key, inside, _ = rest.partition("/")
            if inside and stage not in BESIDE and not stage.startswith("."):
                sizes[f"{stage}/{key}"] = sizes.get(f"{stage}/{key}", 0) + mark.size
        copies = super().sizes()  # of what is no longer in the bucket too
        return {**copies, **sizes}

    def remove(self, path: str) -> bool:
        if not super().remove(path):
            return False
        self._copied.discard(path)
        self._forget(path)
        return True

    def read(self, name: str) -> bytes | None:
        return self.bucket.read(name)

    def write(self, name: str, content: bytes) -> None:
        self.bucket.write(name, content)

    def create(self, name: str, content: bytes) -> bool:
        return self.bucket.create(name, content)

    def read_all(self, pattern: str) -> dict[str, bytes]:
        return self.bucket.read_all(pattern)

    def folders(self, name: str) -> list[str]:
        return self.bucket.folders(name)

    def remove_run(self, name: str) -> None:
        self.bucket.remove(f"{RUNS}/{name}")

    def _inspect(self, stage: str, key: str) -> Manifest | None:
        """The manifest in the bucket, every file there with the size and ETag that it was written with."""
        files = self.bucket.files(f"{stage}/{key}")
        if not files:
            return None
        content = self.bucket.read(f"{stage}/{key}/{NAME}")
        if content is None:
            raise Damaged("its manifest is missing")
        manifest = parse_manifest(content)
        manifest.check_content(stage, key)
        tags = json.loads(content).get("tags", {})
        for file in manifest.files:
            mark = files.get(f"{stage}/{key}/{file['path']}")
            if mark is None:
                raise Damaged(f"{file['path']} is missing")
            if mark.size != file["size"] or mark.tag != tags.get(file["path"]):
                raise Damaged(f"{file['path']} was changed")
        return manifest

    @contextmanager
    def _building(self, stage: str, key: str) -> Iterator[Path]:
        with super()._building(stage, key) as building:
            (self.root / COPY_OF).write_text(self.address, encoding="utf-8")
            yield building

    def _make(self, provenance: Provenance, make: Callable[[Path], None]) -> Manifest:
        """Make the result on this machine, unless its copy here is whole, and send it to the bucket."""
        stage, key = provenance.stage, provenance.key
        try:
            manifest = super()._inspect(stage, key)
        except Damaged:
            manifest = None
        manifest = manifest or super()._make(provenance, make)
        theirs = self._sent(stage, key)  # by another machine, meanwhile
        if theirs is not None:
            return theirs
        self._send(stage, key, manifest)
        self._copied.add(f"{stage}/{key}")
        return manifest

    def _sent(self, stage: str, key: str) -> Manifest | None:
        try:
            return self._inspect(stage, key)
        except Damaged:
            return None

    def _send(self, stage: str, key: str, manifest: Manifest) -> None:
        folder = self.root / stage / key
        self._forget(f"{stage}/{key}")
        self.bucket.send(folder, f"{stage}/{key}", [file["path"] for file in manifest.files])
        marks = self.bucket.files(f"{stage}/{key}")
        for file in manifest.files:
            mark = marks.get(f"{stage}/{key}/{file['path']}")
            if mark is None or mark.size != file["size"]:
                raise StoreFailed(
                    f"Another machine changed {self.place(f'{stage}/{key}')} while it was sent. Start again."
                )
        content: dict[str, Any] = json.loads((folder / NAME).read_text(encoding="utf-8"))
        content["tags"] = {f["path"]: marks[f"{stage}/{key}/{f['path']}"].tag for f in manifest.files}
        self.bucket.write(f"{stage}/{key}/{NAME}", json.dumps(content, indent=1).encode())

    def _is_copied(self, artifact: Artifact) -> bool:
        try:
            manifest = super()._inspect(artifact.stage, artifact.key)
        except Damaged:
            return False
        return manifest is not None and manifest.content == artifact.content

    def _fetch(self, artifact: Artifact) -> None:
        content = self.bucket.read(f"{artifact.path}/{NAME}")
        if content is None:
            raise StoreFailed(f"{self.place(artifact.path)} was removed while it was in use. Start the command again.")
        with self._building(artifact.stage, f"{artifact.key}.copy") as building:
            manifest = parse_manifest(content)
            self.bucket.fetch(artifact.path, building, [file["path"] for file in manifest.files])
            (building / NAME).write_bytes(content)
            try:
                manifest.check(building, artifact.stage, artifact.key)
            except Damaged as damage:
                self._forget(artifact.path)
                raise StoreFailed(
                    f"{self.place(artifact.path)} is damaged ({damage}) and was removed. Start the command again: it "
                    "will be made anew."
                ) from damage
            self._publish(building, artifact.stage, artifact.key)

    def _forget(self, path: str) -> None:
        """Take a result out of the bucket, its manifest first, so that nobody finds half of it."""
        self.bucket.remove(f"{path}/{NAME}")
        self.bucket.remove(path)
