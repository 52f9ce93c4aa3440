"""Small files that appear whole or not at all."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` to `path` by way of a draft beside it, so that readers see all of it or none."""
    with _draft(path, content) as draft:
        os.replace(draft, path)


def write_new(path: Path, content: bytes) -> bool:
    """The same where there is no `path` yet; else nothing is written, and False is given."""
    with _draft(path, content) as draft:
        try:
            os.link(draft, path)  # unlike a rename, it never takes another's place
        except FileExistsError:
            return False
    return True


@contextmanager
def _draft(path: Path, content: bytes) -> Iterator[Path]:
    """A file beside `path` that holds `content`; gone afterwards."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # else a power cut can leave the name without the content
        yield draft
    finally:
        draft.unlink(missing_ok=True)
