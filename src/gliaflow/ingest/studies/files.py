"""What was given, file by file: files themselves, folders, and what is in archives."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from gliaflow.ingest.archives import Limits, is_archive
from gliaflow.ingest.hashing import MOST_BYTES, open_at_once
from gliaflow.ingest.names import SYSTEM_NAMES
from gliaflow.ingest.reasons import UnusableFile, UnusableSource
from gliaflow.ingest.sources import open_source


@dataclass(frozen=True)
class File:
    """A file to be looked at: what to call it (posix, relative to what was given), and where its bytes lie.

    `named` tells that it was given itself, not a folder or archive that holds it.
    """

    name: str
    path: Path
    named: bool = False

    @property
    def stem(self) -> str:
        """Its name without suffix, and without those of packed files (`x.nii.gz` is `x`)."""
        name = PurePosixPath(self.name).name
        for suffix in (".nii.gz", ".nii"):
            if name.lower().endswith(suffix):
                return name[: -len(suffix)]
        return PurePosixPath(name).stem


def list_files(given: Sequence[str], unpacked: Path, limits: Limits | None = None) -> list[File]:
    """The files that `given` names: each file itself, all of a folder, all that is in an archive; each file once.

    Archives are unpacked below `unpacked`. Hidden files, and those of operating systems, are passed over in folders
    and archives. Names are those below what was given, so the names of folders above don't show, unless they alone tell
    two things given apart (`a/flair.nii.gz` and `b/flair.nii.gz`). Raises UnusableSource.
    """
    files: dict[str, File] = {}
    names = _names_of(given)
    archives = [path for source in names if (path := Path(source).expanduser()).is_file() and is_archive(path)]
    for source, name in names.items():
        path = Path(source).expanduser()
        if path.is_file() and path not in archives:
            found = [File(name, path, named=True)]
        else:
            folder = open_source(source, unpacked, limits)
            archive = PurePosixPath(name).with_suffix("").as_posix() if len(archives) > 1 else ""
            found = list(_below(folder, name if path.is_dir() else archive))
        for file in found:
            place = os.path.abspath(file.path)  # links of several names to one file remain: slices can be alike
            before = files.get(place, file)
            files[place] = replace(before, named=before.named or file.named)
    return list(files.values())


def _names_of(given: Sequence[str]) -> dict[str, str]:
    """What to call each thing given: its name, and of the folders above what tells it from others of this name."""
    places: dict[str, str] = {}
    for source in given:
        places.setdefault(os.path.abspath(Path(source).expanduser()), source)
    names: dict[str, str] = {}
    for place in places:
        parts, depth = Path(place).parts[1:], 1
        others = [Path(other).parts[1:] for other in places if other != place]
        while depth < len(parts) and any(other[-depth:] == parts[-depth:] for other in others):
            depth += 1
        names[places[place]] = "/".join(parts[-depth:])
    return names


def check_outside(out: Path, given: Sequence[str]) -> None:
    """Raise UnusableSource where `out` lies in a folder that was given: nothing is ever written there."""
    for source in given:
        folder = Path(source).expanduser()
        if folder.is_dir() and out.resolve().is_relative_to(folder.resolve()):
            raise UnusableSource(
                f"Results must lie outside {source}, which is never written to, not at {out}. Name another folder."
            )


def _below(folder: Path, name: str) -> Iterator[File]:
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(child for child in folders if not is_hidden(child))
        for child in sorted(names):
            if not is_hidden(child):
                path = Path(here, child)
                yield File((PurePosixPath(name) / path.relative_to(folder).as_posix()).as_posix(), path)


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is hidden, or of the operating system."""
    return name.startswith(".") or name.lower() in SYSTEM_NAMES


START_BYTES = 1 << 16  # enough to tell a format by, packed or not


def read_file(file: File) -> bytes:
    """The bytes of a file; raises UnusableFile where it is too large or can't be read."""
    content = _read(file, MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise UnusableFile("too_large", f"more than {MOST_BYTES >> 20} MiB")
    return content


def read_start(file: File) -> bytes:
    """The first START_BYTES of a file; raises UnusableFile where it can't be read."""
    return _read(file, START_BYTES)


def _read(file: File, most: int) -> bytes:
    try:
        with open(file.path, "rb", opener=open_at_once) as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise UnusableFile("not_a_file", "a pipe, socket or device")
            return stream.read(most)
    except PermissionError:
        raise UnusableFile("no_permission", "the system refused to open it") from None
    except OSError as error:
        raise UnusableFile("read_error", f"the system could not read it ({error.strerror})") from None
