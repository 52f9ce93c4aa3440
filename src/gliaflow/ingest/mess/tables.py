"""Odd clinical tables. Each is a second data.csv, in a folder of its own: the phantom's stays as it is."""

import csv
import io
from pathlib import Path

import numpy as np

from gliaflow.ingest.mess.patients import TABLES, put


def _second(folder: Path, kind: str, content: bytes) -> Path:
    return put(folder / TABLES / kind / "data.csv", content)


def _text(folder: Path) -> str:
    return (folder / "data.csv").read_text()


def table_with_tabs(folder: Path, rng: np.random.Generator) -> Path:
    """A table whose values are separated by tabs."""
    return _second(folder, "tabs", _text(folder).replace(",", "\t").encode())


def table_without_header(folder: Path, rng: np.random.Generator) -> Path:
    """A table that begins with its first patient."""
    return _second(folder, "headless", _text(folder).partition("\n")[2].encode())


def ragged_table(folder: Path, rng: np.random.Generator) -> Path:
    """A table with a comma too many in its last row."""
    return _second(folder, "ragged", _text(folder).rstrip("\n").encode() + b",1\n")


def table_of_garbage(folder: Path, rng: np.random.Generator) -> Path:
    """A workbook that is called data.csv, or what is left of it."""
    return _second(folder, "garbage", b"PK\x03\x04" + rng.bytes(4096))


def empty_table(folder: Path, rng: np.random.Generator) -> Path:
    """A table of zero bytes."""
    return _second(folder, "empty", b"")


def wide_table(folder: Path, rng: np.random.Generator) -> Path:
    """A table of one line and a hundred thousand columns."""
    return _second(folder, "wide", b"Patient," + b",".join([b"a"] * 100_000))


def huge_table(folder: Path, rng: np.random.Generator) -> Path:
    """A table with a row for everybody in a town, 17 MiB long."""
    header, _, rows = _text(folder).partition("\n")
    line = rows.partition("\n")[0] + "\n"
    return _second(folder, "huge", f"{header}\n{line * (17 * 2**20 // len(line) + 1)}".encode())


def duplicate_patient(folder: Path, rng: np.random.Generator) -> Path:
    """A table that has one patient twice, differently."""
    header, first, *rest = _text(folder).splitlines()
    second = first.rpartition(",")[0] + ","
    return _second(folder, "twice", "\n".join([header, first, second, *rest, ""]).encode())


def unknown_patient(folder: Path, rng: np.random.Generator) -> Path:
    """A table with a patient of whom there are no images."""
    text = _text(folder)
    row = ",".join(["TCGA_XX_0000", *[""] * text.partition("\n")[0].count(",")])
    return _second(folder, "unknown", f"{text.rstrip()}\n{row}\n".encode())


def missing_column(folder: Path, rng: np.random.Generator) -> Path:
    """A table that lacks its last column."""
    return _second(folder, "lacking", "\n".join(row.rpartition(",")[0] for row in _text(folder).splitlines()).encode())


def table_for_excel(folder: Path, rng: np.random.Generator) -> Path:
    """A table as Excel saves it where commas are decimal: semicolons, a mark of UTF-8, lines ended twice."""
    content = _text(folder).replace(",", ";").replace("\n", "\r\n")
    return _second(folder, "excel", content.encode("utf-8-sig"))


def table_in_utf_16(folder: Path, rng: np.random.Generator) -> Path:
    """A table as Windows saves what it calls Unicode."""
    return _second(folder, "utf16", _text(folder).encode("utf-16"))


def quoted_table(folder: Path, rng: np.random.Generator) -> Path:
    """A table with every value in quotes, and NA for what is not known."""
    rows = [[value or "NA" for value in row] for row in csv.reader(io.StringIO(_text(folder)))]
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    return _second(folder, "quoted", out.getvalue().encode())


MAKERS = (
    table_with_tabs,
    table_without_header,
    ragged_table,
    table_of_garbage,
    empty_table,
    wide_table,
    huge_table,
    duplicate_patient,
    unknown_patient,
    missing_column,
    table_for_excel,
    table_in_utf_16,
    quoted_table,
)
