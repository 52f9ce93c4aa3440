"""Data in a bucket as a folder of this machine: what is new or changed is fetched, what is gone there is removed."""

import hashlib
import json
import logging
from pathlib import Path, PurePosixPath

from gliaflow.ingest.archives import Limits
from gliaflow.ingest.names import CLINICAL_NAME, is_volume, role_of
from gliaflow.ingest.reasons import UnusableSource
from gliaflow.store.bucket import Bucket, Mark
from gliaflow.store.files import write_whole
from gliaflow.store.locks import hold

logger = logging.getLogger(__name__)

AT_ONCE = 200  # files fetched before the index is written anew: what a killed run has fetched stays


def mirror_bucket(address: str, unpacked: Path, limits: Limits) -> Path:
    """The folder `unpacked/<digest of the address>`, brought up to what lies at `address` (s3://bucket/prefix).

    Files are told apart by size and ETag, and those that haven't changed are not fetched again. What is neither an
    image, a mask nor a data.csv by its name is left where it is; so, with a warning, is a name that leads elsewhere.
    Raises `UnusableSource` for more than `limits` allow, `StoreFailed` where the bucket can't be read.
    """
    bucket = Bucket(address)
    unpacked.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(bucket.address.encode()).hexdigest()
    folder, index = unpacked / digest, unpacked / f"{digest}.json"
    with hold(unpacked / f"{digest}.lock", waiting=f"Another run fetches {address}: waiting for it"):
        there = {name: mark for name, mark in bucket.files().items() if _is_data(name) and _stays_below(address, name)}
        _check(address, there, limits)
        folder.mkdir(exist_ok=True)
        here = _read_index(index)
        stale = sorted(name for name in here if name not in there)
        wanted = [name for name, mark in sorted(there.items()) if not _is_here(folder / name, mark, here.get(name))]
        here = {name: tag for name, tag in here.items() if name in there and name not in wanted}
        if stale or wanted:
            logger.info("%s: %d files to fetch, %d are gone", address, len(wanted), len(stale))
            _write_index(index, here)  # first: a killed run must not leave half a file that counts as whole
        for name in stale:
            (folder / name).unlink(missing_ok=True)
        for start in range(0, len(wanted), AT_ONCE):
            names = wanted[start : start + AT_ONCE]
            bucket.fetch("", folder, names)
            here |= {name: there[name].tag for name in names}
            _write_index(index, here)
    return folder


def _is_data(name: str) -> bool:
    path = PurePosixPath(name)
    return role_of(name) is not None or path.name.lower() == CLINICAL_NAME or is_volume(name)


def _stays_below(address: str, name: str) -> bool:
    if PurePosixPath(name).is_absolute() or {"", ".", ".."} & set(name.split("/")):
        logger.warning("A name in %s leads elsewhere, and is left out: %r. Rename it, or take it away", address, name)
        return False
    return True


def _check(address: str, there: dict[str, Mark], limits: Limits) -> None:
    total = sum(mark.size for mark in there.values())
    if len(there) > limits.members or total > limits.total_bytes:
        raise UnusableSource(
            f"{address} holds {len(there):,} files of {total / 1e9:.1f} GB; at most {limits.members:,} of "
            f"{limits.total_bytes / 1e9:.1f} GB are fetched. Name a folder below it."
        )


def _is_here(path: Path, mark: Mark, tag: str | None) -> bool:
    return tag == mark.tag and path.is_file() and path.stat().st_size == mark.size


def _read_index(index: Path) -> dict[str, str]:
    try:
        content = json.loads(index.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return {str(name): str(tag) for name, tag in content.items()} if isinstance(content, dict) else {}


def _write_index(index: Path, here: dict[str, str]) -> None:
    write_whole(index, json.dumps(here).encode())
