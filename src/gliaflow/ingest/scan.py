"""The file table: every file below the data root, with its content's digest and what its name says."""

import os
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from gliaflow.ingest.hashing import MOST_BYTES, HashIndex, hash_file, stamp_of
from gliaflow.ingest.names import CLINICAL_NAME, SYSTEM_NAMES, SliceName, is_volume, parse_name, role_of
from gliaflow.ingest.reasons import UnusableSource
from gliaflow.ingest.studies.files import File
from gliaflow.ingest.volume_slices import FoundSlices, find_slices

MOST_CLINICAL_BYTES = 16 << 20
VOLUME = "volume"  # the role of a file until its slices stand in its place

Progress = Callable[[int, int], None]


@dataclass
class Entry:
    """A file as it was come across: its path below the root, what to open, and what is known so far."""

    path: str
    real: str
    size: int = 0
    status: os.stat_result | None = None
    role: str = "other"
    name: SliceName | None = None
    problem: str | None = None
    sha256: str | None = None


def scan_folder(root: Path, index: Path | None = None, progress: Progress | None = None) -> pd.DataFrame:
    """The file table of the folder `root`, sorted by path; nothing below `root` is written.

    Links are followed, each folder is visited once. Images, masks and clinical tables are hashed; `index` is a file
    outside `root` that remembers digests by size and times. Files that can't be used keep their row, with a `problem`.
    Hidden files, files of the operating system and all others have the role `other` and no digest. In the place of a
    volume are its slices (see `volume_slices`).
    """
    if index and index.resolve().is_relative_to(root.resolve()):
        raise UnusableSource(
            f"Results must lie outside the data folder {root}, which is never written to, not at {index.parent}. "
            "Name another folder for the artifacts."
        )
    entries = sorted(_walk(root), key=lambda entry: entry.path)
    for entry in entries:
        _classify(entry)
    _hash(entries, HashIndex(index), str(root.resolve()), progress)
    return _table(sorted(_with_slices(entries), key=lambda entry: entry.path))


def _walk(root: Path) -> Iterator[Entry]:
    """All files below `root`: by way of real folders, then of links to folders not yet visited, so that loops end."""
    visited: set[tuple[int, int]] = set()
    folders: list[str] = [""]
    links: list[str] = []
    while folders or links:
        below = folders.pop() if folders else links.pop(0)
        folder = os.path.join(root, below)
        try:
            status = os.stat(folder)
            if (status.st_dev, status.st_ino) in visited:
                continue
            visited.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as listing:
                children = sorted(listing, key=lambda child: child.name)
        except OSError as error:
            yield Entry(f"{below}/" if below else "./", folder, problem=_problem_of(error))
            continue
        for child in children:
            path = f"{below}/{child.name}" if below else child.name
            try:
                is_folder, is_link = child.is_dir(), child.is_symlink()
            except OSError as error:
                yield Entry(path, child.path, problem=_problem_of(error))
                continue
            if is_folder and is_link:
                links.append(path)
            elif is_folder:
                folders.append(path)
            else:
                yield _look(path, child)


def _look(path: str, child: os.DirEntry[str]) -> Entry:
    entry = Entry(path, child.path)
    try:
        entry.status = child.stat()
    except FileNotFoundError:
        entry.problem = "broken_link" if child.is_symlink() else "unreadable"
    except OSError as error:
        entry.problem = _problem_of(error)
    if entry.status:
        entry.size = entry.status.st_size
        if not stat.S_ISREG(entry.status.st_mode):
            entry.problem = "not_a_file"
    return entry


def _problem_of(error: OSError) -> str:
    return "no_permission" if isinstance(error, PermissionError) else "unreadable"


def _classify(entry: Entry) -> None:
    """Set role, name and the problems that need no reading. What is no data has no problems, but for closed folders."""
    parts = entry.path.split("/")
    if any(part.startswith(".") or part.lower() in SYSTEM_NAMES for part in parts if part):
        entry.problem = None
        return
    if entry.path.endswith("/"):
        return
    entry.role = "clinical" if parts[-1].lower() == CLINICAL_NAME else role_of(entry.path) or "other"
    if entry.role == "other" and is_volume(entry.path) and _can_be_read(entry):
        entry.role = VOLUME
        return
    if entry.role == "other":
        entry.problem = None
        return
    if not _is_utf8(entry.path):
        entry.problem = "undecodable_name"
        return
    entry.name = parse_name(entry.path)
    if entry.problem is None and entry.size == 0:
        entry.problem = "empty_file"
    if entry.problem is None and entry.size > (MOST_CLINICAL_BYTES if entry.role == "clinical" else MOST_BYTES):
        entry.problem = "too_large"


def _can_be_read(entry: Entry) -> bool:
    return entry.problem is None and 0 < entry.size <= MOST_BYTES and _is_utf8(entry.path)


def _with_slices(entries: list[Entry]) -> Iterator[Entry]:
    """The entries, with slices in the place of volumes; what only looks like a volume is no data."""
    volumes = [entry for entry in entries if entry.role == VOLUME]
    files = [File(entry.path, Path(entry.real)) for entry in volumes if entry.sha256]
    found = (
        find_slices(files, {entry.path: entry.sha256 for entry in volumes if entry.sha256}) if files else FoundSlices()
    )
    for entry in entries:
        if entry.role != VOLUME:
            yield entry
            continue
        slices = found.slices.get(entry.path, [])
        for one in slices:
            size = entry.size // len(slices)
            yield Entry(one.path, entry.real, size, role=one.role, name=parse_name(one.path), sha256=one.sha256)
        if entry.path in found.problems:
            entry.role, entry.problem = found.problems[entry.path]
            yield entry
        elif entry.path not in found.parts:
            entry.role, entry.sha256, entry.problem = "other", None, None
            yield entry


def _is_utf8(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _hash(entries: list[Entry], index: HashIndex, root: str, progress: Progress | None) -> None:
    """Set the digests; files that the index doesn't know are read, several at a time."""
    wanted = [entry for entry in entries if entry.role != "other" and entry.problem is None]
    unknown = []
    for entry in wanted:
        assert entry.status is not None
        entry.sha256 = index.get(_indexed(root, entry), stamp_of(entry.status))
        if entry.sha256 is None:
            unknown.append(entry)

    def read(entry: Entry) -> None:
        try:
            entry.sha256, stamp = hash_file(Path(entry.real))
        except OSError as error:
            entry.problem = _problem_of(error)
            return
        if stamp:
            entry.size = stamp[0]
            index.put(_indexed(root, entry), stamp, entry.sha256)

    with ThreadPoolExecutor(max_workers=min(8, 2 * (os.cpu_count() or 1))) as pool:
        for done, _ in enumerate(pool.map(read, unknown), start=1 + len(wanted) - len(unknown)):
            if progress:
                progress(done, len(wanted))
    index.keep_only(root, (_indexed(root, entry) for entry in wanted))
    index.save()


def _indexed(root: str, entry: Entry) -> str:
    return f"{root}/{entry.path}"


def _table(entries: list[Entry]) -> pd.DataFrame:
    def text(values: list[str | None]) -> pd.Series:
        return pd.Series(values, dtype="str")

    names = [entry.name for entry in entries]
    return pd.DataFrame(
        {
            "path": text([os.fsencode(entry.path).decode("utf-8", "backslashreplace") for entry in entries]),
            "size": pd.Series([entry.size for entry in entries], dtype="int64"),
            "sha256": text([entry.sha256 for entry in entries]),
            "role": text([entry.role for entry in entries]),
            "patient": text([name.patient if name else None for name in names]),
            "slice": pd.Series([name.slice if name else None for name in names], dtype="Int64"),
            "site": text([name.site if name else None for name in names]),
            "problem": text([entry.problem for entry in entries]),
        }
    )
