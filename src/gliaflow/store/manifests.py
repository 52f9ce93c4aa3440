"""Manifests: what a result depends on (its provenance), what it consists of, and how one differs from another."""

import json
import os
import platform
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Self

from gliaflow.store.digests import digest_file, digest_json

NAME = "manifest.json"
VOLATILE = "logs/"  # files below are kept and checked, but two equal results may differ in them


class Damaged(Exception):
    """A result that can't be used: a file missing or changed, or a manifest that does not add up."""


@dataclass(frozen=True)
class Difference:
    """One thing on which two results differ: a "parameter", "input", "file", "code" or "library", old beside new.

    None stands for what is not there. Inputs, files and code are told by their digests.
    """

    kind: str
    name: str
    old: str | None
    new: str | None

    def __str__(self) -> str:
        if self.old is None or self.new is None:
            return f"{self.kind} {self.name} is {'new' if self.old is None else 'gone'}"
        if self.kind in ("parameter", "library"):
            return f"{self.kind} {self.name} {_short(self.old)} -> {_short(self.new)}"
        return f"{self.kind} {self.name} changed"


@dataclass(frozen=True)
class Provenance:
    """All that a result depends on; its digest is the result's key.

    inputs     : name -> content digest of an artifact (not its path or time)
    parameters : the parameters that this stage reads
    code       : module -> digest of its source
    libraries  : distribution -> version
    """

    stage: str
    inputs: dict[str, str]
    parameters: dict[str, Any]
    code: dict[str, str]
    libraries: dict[str, str]

    @cached_property
    def key(self) -> str:
        """16 hex digits (64 bits) of the digest of everything above."""
        return digest_json(asdict(self))[:16]

    def differences(self, earlier: "Provenance") -> list[Difference]:
        """What differs from an earlier provenance of the stage: what has changed first, then what is new or gone."""
        found = []
        for kind, old, new in (
            ("parameter", _flat(earlier.parameters), _flat(self.parameters)),
            ("input", earlier.inputs, self.inputs),
            ("code", earlier.code, self.code),
            ("library", earlier.libraries, self.libraries),
        ):
            absent = object()
            for name in sorted(old.keys() | new.keys()):
                before, now = old.get(name, absent), new.get(name, absent)
                if before != now:
                    found.append(Difference(kind, name, _word(before, absent), _word(now, absent)))
        return sorted(found, key=lambda difference: None in (difference.old, difference.new))


@dataclass(frozen=True)
class Manifest:
    """What stands in `manifest.json` beside a result's files."""

    provenance: Provenance
    content: str
    files: list[dict[str, Any]]
    machine: dict[str, str]
    started: str
    seconds: float

    @classmethod
    def of(cls, provenance: Provenance, files: list[dict[str, Any]], *, started: float, seconds: float) -> Self:
        """The manifest of a result just made; `started` in seconds since 1970."""
        return cls(
            provenance=provenance,
            content=content_digest(files),
            files=files,
            machine={
                "system": platform.platform(),
                "processor": platform.machine(),
                "python": platform.python_version(),
            },
            started=datetime.fromtimestamp(started, UTC).isoformat(timespec="milliseconds"),
            seconds=round(seconds, 3),
        )

    def check(self, folder: Path, stage: str, key: str) -> None:
        """Raise `Damaged` unless the manifest adds up and every file is there with its bytes unchanged."""
        self.check_content(stage, key)
        for file in self.files:
            path = folder / file["path"]
            try:
                same = path.stat().st_size == file["size"] and digest_file(path) == file["sha256"]
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
                raise Damaged(f"{file['path']} is missing") from error
            except OSError as error:
                raise Damaged(f"{file['path']} can't be read ({error.strerror})") from error
            if not same:
                raise Damaged(f"{file['path']} was changed")

    def check_content(self, stage: str, key: str) -> None:
        """Raise `Damaged` unless the manifest adds up and is that of `stage` and `key`; looks at no file."""
        if self.provenance.stage != stage or self.provenance.key != key or self.content != content_digest(self.files):
            raise Damaged("its manifest was changed")


def content_digest(files: list[dict[str, Any]]) -> str:
    """Digest of a result's content: names and sha256 of its files, logs left out."""
    return digest_json(
        sorted([file["path"], file["sha256"]] for file in files if not file["path"].startswith(VOLATILE))
    )


def describe_files(folder: Path) -> list[dict[str, Any]]:
    """Path (relative, posix), size and sha256 of every file below `folder`, each flushed to the disk first."""
    described = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb+") as file:
                os.fsync(file.fileno())
            name = path.relative_to(folder).as_posix()
            described.append({"path": name, "size": path.stat().st_size, "sha256": digest_file(path)})
    return described


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `manifest.json` and flush it to the disk."""
    with (folder / NAME).open("w", encoding="utf-8") as file:
        json.dump(
            {**asdict(manifest.provenance), "key": manifest.provenance.key, **_without_provenance(manifest)},
            file,
            indent=1,
        )
        file.flush()
        os.fsync(file.fileno())


def read_manifest(folder: Path) -> Manifest:
    """Read `manifest.json`; raises `Damaged` where it is absent or no manifest."""
    try:
        return parse_manifest((folder / NAME).read_bytes())
    except FileNotFoundError as error:
        raise Damaged("its manifest is missing") from error
    except OSError as error:
        raise Damaged("its manifest can't be read") from error


def parse_manifest(content: bytes) -> Manifest:
    """The manifest that `content` (JSON) holds; raises `Damaged` where it is no manifest."""
    try:
        value = json.loads(content)
        provenance = Provenance(
            **{name: value[name] for name in ("stage", "inputs", "parameters", "code", "libraries")}
        )
        manifest = Manifest(provenance, *(value[n] for n in ("content", "files", "machine", "started", "seconds")))
        names = [PurePosixPath(file["path"]) for file in manifest.files]
        described = all(isinstance(f["size"], int) and isinstance(f["sha256"], str) for f in manifest.files)
        tables = (provenance.inputs, provenance.parameters, provenance.code, provenance.libraries)
        if not described or not all(isinstance(table, dict) for table in tables):
            raise ValueError("it is no manifest")
        manifest = replace(manifest, started=str(manifest.started), seconds=float(manifest.seconds))
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged("its manifest can't be read") from error
    if any(name.is_absolute() or ".." in name.parts for name in names):
        raise Damaged("its manifest names files elsewhere")
    return manifest


def _without_provenance(manifest: Manifest) -> dict[str, Any]:
    return {name: value for name, value in asdict(manifest).items() if name != "provenance"}


def _flat(parameters: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested parameters as one level with dotted names, so that a difference names the very one."""
    flat: dict[str, Any] = {}
    for name, value in parameters.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat


def _word(value: Any, absent: object) -> str | None:
    return None if value is absent else str(value)


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."
