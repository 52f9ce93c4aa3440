"""Manifests: what a result depends on (its provenance), what it consists of, and how one differs from another."""

import json
import os
import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from gliaflow.store.digests import digest_file, digest_json

NAME = "manifest.json"
VOLATILE = "logs/"  # files below are kept and checked, but two equal results may differ in them


class Damaged(Exception):
    """A result that can't be used: a file missing or changed, or a manifest that does not add up."""


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

    def difference(self, other: "Provenance") -> list[str]:
        """What differs from an earlier provenance of the stage, a line each in words: old beside new."""
        lines = []
        for kind, old, new in (
            ("parameter", _flat(other.parameters), _flat(self.parameters)),
            ("input", other.inputs, self.inputs),
            ("code", other.code, self.code),
            ("library", other.libraries, self.libraries),
        ):
            for name in sorted(old.keys() | new.keys()):
                if name not in old:
                    lines.append(f"{kind} {name} is new")
                elif name not in new:
                    lines.append(f"{kind} {name} is gone")
                elif old[name] != new[name]:
                    values = f" {_short(old[name])} -> {_short(new[name])}"
                    lines.append(f"{kind} {name}{values if kind in ('parameter', 'library') else ' changed'}")
        return lines


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
        if self.provenance.stage != stage or self.provenance.key != key or self.content != content_digest(self.files):
            raise Damaged("its manifest was changed")
        for file in self.files:
            path = folder / file["path"]
            if not path.is_file():
                raise Damaged(f"{file['path']} is missing")
            if path.stat().st_size != file["size"] or digest_file(path) != file["sha256"]:
                raise Damaged(f"{file['path']} was changed")


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
        value = json.loads((folder / NAME).read_text(encoding="utf-8"))
        provenance = Provenance(
            **{name: value[name] for name in ("stage", "inputs", "parameters", "code", "libraries")}
        )
        return Manifest(provenance, *(value[name] for name in ("content", "files", "machine", "started", "seconds")))
    except FileNotFoundError as error:
        raise Damaged("its manifest is missing") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Damaged("its manifest can't be read") from error


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


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "..."
