"""`gliaflow doctor` without its options and printing: open, examine, write."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gliaflow.errors import GliaflowError
from gliaflow.ingest.doctor.examine import REJECT_LIMIT, examine
from gliaflow.ingest.doctor.findings import Examination
from gliaflow.ingest.doctor.page import render_page
from gliaflow.ingest.doctor.parallel import Progress
from gliaflow.ingest.doctor.record import to_json
from gliaflow.ingest.sources import open_source, source_name
from gliaflow.store.files import write_whole

RECORD, PAGE = "doctor.json", "doctor.html"
UNPACKED = ".unpacked-"  # how the folders begin that hold an archive while it is examined


class OutInData(GliaflowError):
    """The folder to write to lies in the data folder."""


class UnusableOut(GliaflowError):
    """The folder to write to can't be written."""


def diagnose(
    data: str, out: Path, *, reject_limit: float = REJECT_LIMIT, workers: int = 1, progress: Progress | None = None
) -> Examination:
    """Examine the folder, archive or Kaggle data set `data`; write doctor.json and doctor.html into the folder `out`.

    An archive is unpacked below `out` and taken away again. Raises UnusableSource where `data` can't be opened, and
    before the examination OutInData where `out` lies in it, UnusableOut where `out` can't be written.
    """
    with _opened(data, out) as root:
        examination = examine(
            root, source=source_name(data), reject_limit=reject_limit, workers=workers, progress=progress
        )
        page = render_page(examination, root).encode("utf-8", "backslashreplace")
        try:
            for name, content in ((RECORD, to_json(examination)), (PAGE, page)):
                write_whole(out / name, content)
                (out / name).chmod(0o644)  # a temporary file is its owner's alone
        except OSError as error:
            raise _unusable(out, error) from error
    return examination


@contextmanager
def _opened(data: str, out: Path) -> Iterator[Path]:
    """The folder that holds the data, for as long as it is needed; `out` is there and can be written meanwhile."""
    if not Path(data).expanduser().is_file():
        root = open_source(data, out)
        if out.resolve().is_relative_to(root.resolve()):
            raise OutInData(
                f"The results must lie outside the data folder {root}, which is never written to, not at {out}. "
                "Name another folder with --out."
            )
        with _writable(out):
            yield root
        return
    with _writable(out), _unpacking_folder(out) as unpacked:
        yield open_source(data, unpacked)


@contextmanager
def _writable(out: Path) -> Iterator[None]:
    """Make the folder `out` and try whether it takes files; it is taken away again where nothing came into it."""
    new = [folder for folder in (out, *out.parents) if not os.path.lexists(folder)]
    try:
        try:
            out.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=out):
                pass
            for name in (RECORD, PAGE):
                if (out / name).is_dir():
                    raise IsADirectoryError(None, f"{name} there is a folder")
        except OSError as error:
            raise _unusable(out, error) from error
        yield
    finally:
        with suppress(OSError):
            for folder in new:
                folder.rmdir()


def _unusable(out: Path, error: OSError) -> UnusableOut:
    why = "there is a file of this name" if isinstance(error, FileExistsError) else error.strerror or str(error)
    return UnusableOut(f"Results can't be written to {out} ({why}). Name another folder with --out.")


@contextmanager
def _unpacking_folder(out: Path) -> Iterator[Path]:
    """A new folder below `out`, locked while it is needed; those that a killed process left there are taken away."""
    for remains in out.glob(f"{UNPACKED}*"):
        with suppress(OSError), _locked(remains):
            shutil.rmtree(remains, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=UNPACKED, dir=out) as unpacked, _locked(Path(unpacked)):
        yield Path(unpacked)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a folder's lock, which the kernel frees when its holder dies; raises OSError where another has it."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)
