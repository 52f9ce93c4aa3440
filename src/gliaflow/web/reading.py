"""Reading files that nobody vouches for: what runs in a process that may die of them.

Everything that touches their bytes is here, in a process with little memory, no core dump and a time after which it
is killed (`gliaflow.web.readers`). It leaves `studies.pickle` in the request's folder and says in short what is in it.
"""

import logging
import os
import pickle
import resource
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing import parent_process
from pathlib import Path, PurePosixPath
from threading import Thread

from gliaflow.errors import GliaflowError
from gliaflow.ingest.archives import MIB, Limits, is_archive
from gliaflow.ingest.doctor.text import printable
from gliaflow.ingest.readers.pixels import allow_slices
from gliaflow.ingest.reasons import UnusableFile, UnusableSource
from gliaflow.ingest.sources import EmptySource
from gliaflow.ingest.studies.files import File, list_files
from gliaflow.ingest.studies.opening import open_studies
from gliaflow.ingest.studies.study import Refusal, Study
from gliaflow.web.settings import ServeLimits

STUDIES = "studies.pickle"
UNPACKED = "unpacked"
LONGEST_MESSAGE = 600  # characters
RATIO_FROM = 16 * MIB


@dataclass(frozen=True)
class Sent:
    """A file that was sent: what to call it, and where it lies."""

    name: str
    path: str


@dataclass(frozen=True)
class Found:
    """What is in `studies.pickle`, in figures, and the files that can't be used."""

    studies: int
    slices: int
    pixels: int
    refused: tuple[Refusal, ...]


class TooMuch(GliaflowError):
    """Files that hold more than a request may."""


def read_files(folder: str, sent: Sequence[Sent], limits: ServeLimits) -> Found:
    """Read files into `studies.pickle` in `folder`. Raises TooMuch."""
    refused: list[Refusal] = []
    files = list(_list(Path(folder), sent, limits, refused))
    if len(files) > limits.files:
        raise TooMuch(f"More than {limits.files} files at a time, those in archives included. Send fewer.")
    studies: list[Study] = []
    slices = pixels = 0
    with allow_slices(limits.slices, each=limits.slice_pixels, total=limits.pixels) as allowance:
        for opened in open_studies(files):
            if isinstance(opened, Refusal):
                refused.append(opened)
            else:
                slices += len(opened.images)
                pixels += sum(image.shape[0] * image.shape[1] for image in opened.images)
                studies.append(opened)
            if allowance.exceeded:
                raise TooMuch(
                    f"At most {limits.slices} slices are taken at a time, of {limits.slice_pixels // 10**6} million "
                    f"pixels each and {limits.pixels // 10**6} million in all. Send fewer."
                )
    with Path(folder, STUDIES).open("wb") as stream:
        pickle.dump(studies, stream, protocol=5)
    plain = tuple(_plain(refusal, folder) for refusal in refused)
    return Found(len(studies), slices, pixels, plain)


def _list(folder: Path, sent: Sequence[Sent], limits: ServeLimits, refused: list[Refusal]) -> Iterator[File]:
    """Each file that was sent, or what is in it where it is an archive; what is in an archive in an archive isn't."""
    several = sum(is_archive(Path(file.path)) for file in sent) > 1
    for file in sent:
        path = Path(file.path)
        if not is_archive(path):
            yield File(file.name, path)
            continue
        try:
            inside = list_files([file.path], folder / UNPACKED, _of_archives(limits))
        except EmptySource:
            refused.append(Refusal(file.name, "empty_file", "Nothing is in this archive. Send another."))
            continue
        except UnusableSource as fault:
            message = str(fault).replace(file.path, file.name).replace("name the folder", "send the files")
            refused.append(Refusal(file.name, "unreadable", message))
            continue
        for found in inside:
            name = str(PurePosixPath(file.name).with_suffix("") / found.name) if several else found.name
            if is_archive(found.path):
                nested = UnusableFile("unknown_format", "an archive in an archive")
                refused.append(Refusal(name, nested.reason, str(nested)))
            else:
                yield replace(found, name=printable(name))


def _of_archives(limits: ServeLimits) -> Limits:
    return Limits(
        members=limits.files,
        file_bytes=limits.unpacked_bytes,
        total_bytes=limits.unpacked_bytes,
        ratio=limits.unpacked_ratio,
        ratio_from=RATIO_FROM,
    )


def _plain(refusal: Refusal, folder: str) -> Refusal:
    """Without control characters and without where files are kept."""
    message = printable(refusal.message.replace(f"{folder}/", ""))
    if len(message) > LONGEST_MESSAGE:
        message = f"{message[:LONGEST_MESSAGE]} …"
    return Refusal(printable(refusal.name), refusal.reason, message)


def confine(limits: ServeLimits) -> None:
    """Bound this process' memory; let it leave no core dump, say nothing, and die with its parent."""
    pages = int(Path("/proc/self/statm").read_text().split()[5]) if Path("/proc/self/statm").exists() else 0
    _limit(resource.RLIMIT_DATA, pages * resource.getpagesize() + limits.reading_bytes)
    _limit(resource.RLIMIT_CORE, 0)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):  # decoders may quote what they read
        os.dup2(nowhere, stream)
    logging.disable()
    Thread(target=_die_with_parent, daemon=True).start()


def _limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _die_with_parent() -> None:
    parent = parent_process()
    if parent:
        parent.join()
        os._exit(1)
