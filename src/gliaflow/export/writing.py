"""The files of exports: each member of a release in each format that can be written here, and what they are."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from gliaflow.events import Report
from gliaflow.export.record import File, Format, entry_of
from gliaflow.inference.bundle import Bundle
from gliaflow.store.digests import digest_file


def write_formats(
    release: Path, bundle: Bundle, formats: Sequence[Format], out: Path, report: Report
) -> dict[Format, tuple[File, ...]]:
    """Write all members in each format below `out`; the formats that could be written, and their files."""
    from gliaflow.export.formats import CannotExport, open_exact, require, write_format

    possible: list[Format] = []
    for format in formats:
        try:
            require(format)
            possible.append(format)
        except CannotExport as error:
            report({"event": "refused", "format": format, "message": str(error)})
    for member in bundle.members if possible else ():
        network = open_exact(release / member.file, member.sha256)
        for format in list(possible):
            try:
                write_format(network, format, entry_of(out, format, member.file))
            except CannotExport as error:
                possible.remove(format)
                shutil.rmtree(out / format, ignore_errors=True)
                report({"event": "refused", "format": format, "message": str(error)})
    files = {format: _describe(out, format) for format in possible}
    for format, described in files.items():
        report({"event": "written", "format": format, "size": sum(file.size for file in described)})
    return files


def _describe(root: Path, format: Format) -> tuple[File, ...]:
    paths = sorted(path for path in (root / format).rglob("*") if path.is_file())
    return tuple(
        File(path=path.relative_to(root).as_posix(), size=path.stat().st_size, sha256=digest_file(path))
        for path in paths
    )
