"""`gliaflow doctor` without its options and printing: open, examine, write."""

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
from gliaflow.ingest.hashing import write_whole
from gliaflow.ingest.sources import open_source, source_name

RECORD, PAGE = "doctor.json", "doctor.html"


class OutInData(GliaflowError):
    """The folder to write to lies in the data folder."""


def diagnose(
    data: str, out: Path, *, reject_limit: float = REJECT_LIMIT, workers: int = 1, progress: Progress | None = None
) -> Examination:
    """Examine the folder, archive or Kaggle data set `data`; write doctor.json and doctor.html into the folder `out`.

    An archive is unpacked below `out` and taken away again. Raises UnusableSource where `data` can't be opened,
    OutInData where `out` lies in it, OSError where `out` can't be written.
    """
    with _opened(data, out) as root:
        examination = examine(
            root, source=source_name(data), reject_limit=reject_limit, workers=workers, progress=progress
        )
        page = render_page(examination, root).encode("utf-8", "backslashreplace")
        for name, content in ((RECORD, to_json(examination)), (PAGE, page)):
            write_whole(out / name, content)
            (out / name).chmod(0o644)  # a temporary file is its owner's alone
    return examination


@contextmanager
def _opened(data: str, out: Path) -> Iterator[Path]:
    """The folder that holds the data, for as long as it is needed."""
    if not Path(data).expanduser().is_file():
        root = open_source(data, out)
        if out.resolve().is_relative_to(root.resolve()):
            raise OutInData(
                f"The results must lie outside the data folder {root}, which is never written to, not at {out}. "
                "Name another folder with --out."
            )
        yield root
        return
    new = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".unpacked-", dir=out) as unpacked:
            yield open_source(data, Path(unpacked))
    finally:
        if new:
            with suppress(OSError):
                out.rmdir()  # where nothing was written
