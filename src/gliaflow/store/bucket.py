"""Files below an address that fsspec knows (s3://bucket/prefix): listed, read, written, tried again, told in words."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gliaflow.store.failures import FULL, NEXT, StoreFailed

ATTEMPTS = 6  # of a request, with pauses of up to 1, 2, 4, 8, 16 s; AWS_MAX_ATTEMPTS sets another number


@dataclass(frozen=True)
class Mark:
    """What changes when a file in the bucket does: its size in bytes, and its ETag (a digest of its bytes)."""

    size: int
    tag: str


class Bucket:
    """The files below one address. Every method raises `StoreFailed` where the bucket can't be reached or refuses."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        kind = self.address.split("://")[0]
        try:
            from upath import UPath

            path = UPath(self.address, **_options(kind))
            self._files = path.fs
        except (ImportError, ValueError) as error:
            raise StoreFailed(
                f"Artifacts can't be kept at {self.address}: {error}. For s3:// addresses: pip install 'gliaflow[s3]'."
            ) from error
        self._root = path.path.rstrip("/")

    def files(self, below: str = "") -> dict[str, Mark]:
        """Every file below the folder `below`, its path relative to the address."""
        with self._told("list"):
            found = self._files.find(self._path(below), detail=True)
        return {name[len(self._root) + 1 :]: Mark(info["size"], _tag(info)) for name, info in found.items()}

    def read(self, name: str) -> bytes | None:
        """The content of a file; None where there is none."""
        with self._told("read"):
            try:
                content: bytes = self._files.cat_file(self._path(name))
            except FileNotFoundError:
                return None
            return content

    def read_all(self, pattern: str) -> dict[str, bytes]:
        """The contents of all files `above/*/name` or `above/*.ending`, sorted by path, several read at a time."""
        with self._told("read"):
            above, _, name = pattern.partition("/*")
            try:
                listed = self._files.ls(self._path(above), detail=False)
            except FileNotFoundError:
                return {}
            if name.startswith("/"):
                names = sorted(f"{folder.rstrip('/')}{name}" for folder in listed)
            else:
                names = sorted(file for file in listed if file.endswith(name))
            contents = self._files.cat(names, on_error="return") if names else {}
            for content in contents.values():
                if isinstance(content, Exception) and not isinstance(content, FileNotFoundError):
                    raise content  # left out, it would count as not there
            return {n[len(self._root) + 1 :]: contents[n] for n in names if isinstance(contents[n], bytes)}

    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all."""
        with self._told("write"):
            self._files.pipe_file(self._path(name), content)

    def create(self, name: str, content: bytes) -> bool:
        """Write a file unless there is one (a conditional request, so that of two who try at once one gets True)."""
        with self._told("write"):
            try:
                self._files.pipe_file(self._path(name), content, mode="create")
            except Exception as error:
                if _is_taken(error):
                    return False
                raise
            return True

    def folders(self, name: str) -> list[str]:
        """The names of what lies in the folder `name`, sorted."""
        with self._told("list"):
            try:
                return sorted(path.rstrip("/").rpartition("/")[2] for path in self._files.ls(self._path(name), False))
            except FileNotFoundError:
                return []

    def send(self, folder: Path, below: str, names: list[str]) -> None:
        """Copy files of the local `folder` to the folder `below`, several at a time."""
        with self._told("write"):
            self._files.put([str(folder / name) for name in names], [self._path(f"{below}/{name}") for name in names])

    def fetch(self, below: str, folder: Path, names: list[str]) -> None:
        """Copy files of the folder `below` to the local `folder`, several at a time."""
        with self._told("read"):
            for name in names:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
            there = [self._path(f"{below}/{name}" if below else name) for name in names]
            self._files.get(there, [str(folder / name) for name in names])

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with all that is in it; nothing happens where there is neither."""
        with self._told("write"):
            try:
                self._files.rm(self._path(name), recursive=True)
            except FileNotFoundError:
                return

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except StoreFailed:
            raise
        except Exception as error:  # botocore, aiohttp and fsspec each have their own; all mean the same here
            if isinstance(error, OSError) and (error.errno in FULL or Path(str(error.filename or "")).is_absolute()):
                raise  # this machine's disk, not the bucket
            raise StoreFailed(
                f"{self.address} could not be {_PAST[what]}: {error} ({type(error).__name__}). Where that helps it was "
                f"tried {_attempts()} times. Check the network, the name of the bucket and your rights to it. {NEXT}"
            ) from error


def _is_taken(error: Exception) -> bool:
    """Whether a conditional write was refused as there is such a file, or someone else writes it at this moment."""
    response = getattr(error.__cause__, "response", None) or {}
    code = str(response.get("Error", {}).get("Code", ""))
    return isinstance(error, FileExistsError) or code in (
        "PreconditionFailed",
        "ConditionalRequestConflict",
        "412",
        "409",
    )


_PAST = {"list": "listed", "read": "read", "write": "written to"}


def _attempts() -> int:
    return int(os.environ.get("AWS_MAX_ATTEMPTS", ATTEMPTS))


def _options(kind: str) -> dict[str, Any]:
    """What the file system is opened with: nothing remembered, and for S3 patience with a network that fails."""
    fresh = {"use_listings_cache": False, "skip_instance_cache": True}
    if kind != "s3":
        return fresh
    retries = {"mode": "standard", "total_max_attempts": _attempts()}
    return {**fresh, "config_kwargs": {"retries": retries, "connect_timeout": 10, "read_timeout": 60}}


def _tag(info: dict[str, Any]) -> str:
    return str(info.get("ETag") or info.get("etag") or info.get("md5Hash") or "").strip('"')
