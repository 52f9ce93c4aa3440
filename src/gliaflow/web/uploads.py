"""Files as they are sent: counted while they come, and kept under numbers in a folder that goes with the request."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from gliaflow.web.problems import Problem
from gliaflow.web.settings import MIB, ServeLimits
from gliaflow.web.shown_names import shown_name, told_apart

FIELD = b"files"
AROUND_FILES = 64 << 10  # bytes of a form beside its files, and for each file
AROUND_FILE = 1 << 10
DRAINED_BYTES, DRAINED_SECONDS = 8 * MIB, 1.0


@dataclass(frozen=True)
class Upload:
    """A file that was sent: what to call it, and where its bytes lie, under a name of ours."""

    name: str
    path: Path
    bytes: int


def announced_bytes(request: Request) -> int | None:
    """What Content-Length says, or None without it."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() and len(length) < 19 else None


async def receive_files(request: Request, folder: Path, limits: ServeLimits) -> list[Upload]:
    """The files in a form's field `files`, written to `folder` as 0001, 0002, …

    Raises Problem: 400 for a broken form, 408 where it comes too slowly, 413 for too much, 415 for another kind of
    body, 422 without files. What is too much is told before all of it has come.
    """
    boundary = _boundary(request)
    most = limits.total_bytes + AROUND_FILES + AROUND_FILE * limits.files
    if (announced_bytes(request) or 0) > most:
        raise too_large(limits)
    form = _Form(boundary, folder, limits)
    received = 0
    try:
        async with asyncio.timeout(limits.upload_seconds):
            async for chunk in _chunks(request, limits.silent_seconds):
                received += len(chunk)
                if received > most:
                    raise too_large(limits)
                form.parser.write(chunk)
        form.parser.finalize()
    except TimeoutError:
        raise Problem(408, "The files came too slowly. Send fewer at a time.") from None
    except FormParserError:
        raise Problem(400, "The form is broken: it is not multipart/form-data throughout. Send it again.") from None
    finally:
        form.close()
    if not form.ended:
        raise Problem(400, "The form is cut off: its end is missing. Send it again.")
    if not form.uploads:
        raise Problem(422, "No file came. Send one or more in the form's field “files”.")
    names = told_apart(upload.name for upload in form.uploads)
    return [Upload(name, upload.path, upload.bytes) for name, upload in zip(names, form.uploads, strict=True)]


async def drain(request: Request) -> None:
    """Take what a sender still has to say, within bounds: who is cut off while sending reads no answer."""
    with contextlib.suppress(Exception):  # a sender who is gone, or a body that was read before
        async with asyncio.timeout(DRAINED_SECONDS):
            left = DRAINED_BYTES
            async for chunk in request.stream():
                left -= len(chunk)
                if left < 0:
                    return


def too_large(limits: ServeLimits) -> Problem:
    return Problem(
        413,
        f"Too much at a time: {limits.files} files of {limits.file_bytes // MIB} MiB each and "
        f"{limits.total_bytes // MIB} MiB in all are the most. Send fewer files.",
    )


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data":
        raise Problem(
            415, "Files are taken as a form, multipart/form-data, with one or more files in its field “files”."
        )
    boundary = options.get(b"boundary", b"")
    if not 0 < len(boundary) <= 70:  # RFC 2046, section 5.1.1
        raise Problem(400, "The form's Content-Type has no boundary of 1 to 70 characters.")
    return boundary


async def _chunks(request: Request, silent_seconds: float) -> AsyncIterator[bytes]:
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(silent_seconds):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        yield chunk


class _Form:
    """What python-multipart calls as it reads a form; files only, each counted as it comes."""

    def __init__(self, boundary: bytes, folder: Path, limits: ServeLimits) -> None:
        self.folder, self.limits = folder, limits
        self.uploads: list[Upload] = []
        self.ended = False
        self.parts = 0
        self.total = 0
        self._headers: dict[bytes, bytes] = {}
        self._field = self._value = b""
        self._file: IO[bytes] | None = None
        self._name: str | None = None
        self._size = 0
        self.parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._data,
                "on_part_end": self._end,
                "on_end": self._form_end,
            },
        )

    def close(self) -> None:
        if self._file:
            self._file.close()

    def _begin(self) -> None:
        self.parts += 1
        if self.parts > self.limits.files:
            raise too_large(self.limits)
        self._headers, self._size = {}, 0

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field = self._value = b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        if options.get(b"name") != FIELD:
            raise Problem(422, "The form has a field other than “files”. Send files in that one alone.")
        if b"filename" not in options:
            raise Problem(422, "What the field “files” holds is no file: send each with a file name.")
        self._name = options[b"filename"].decode("utf-8", "replace")
        self._path = self.folder / f"{len(self.uploads) + 1:04d}"
        self._file = self._path.open("xb")

    def _data(self, data: bytes, start: int, end: int) -> None:
        assert self._file is not None
        self._size += end - start
        self.total += end - start
        if self._size > self.limits.file_bytes or self.total > self.limits.total_bytes:
            raise too_large(self.limits)
        self._file.write(data[start:end])

    def _end(self) -> None:
        assert self._file is not None and self._name is not None
        self._file.close()
        self._file = None
        if self._name or self._size:
            self.uploads.append(Upload(shown_name(self._name, self.parts), self._path, self._size))
        else:  # what a browser sends where nobody chose a file
            self._path.unlink()

    def _form_end(self) -> None:
        self.ended = True
