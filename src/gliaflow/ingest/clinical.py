"""The clinical table, data.csv: one row a patient, separated by commas or by semicolons."""

import codecs
import csv
import io
from pathlib import Path, PurePosixPath

import pandas as pd

from gliaflow.ingest.hashing import read_unchanged
from gliaflow.ingest.pair import Rejection, rejected_table
from gliaflow.ingest.reasons import UnusableFile

KEY = "Patient"
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none"})
CODES = (
    "RNASeqCluster",
    "MethylationCluster",
    "miRNACluster",
    "CNCluster",
    "RPPACluster",
    "OncosignCluster",
    "COCCluster",
    "histological_type",
    "neoplasm_histologic_grade",
    "tumor_tissue_site",
    "laterality",
    "tumor_location",
    "gender",
    "age_at_initial_pathologic",
    "race",
    "ethnicity",
    "death01",
)


def parse_clinical(content: bytes, name: str) -> pd.DataFrame:
    """The table in the `content` of a data.csv called `name`.

    Patient is text, every other column float64 where all its values are numbers, else text. Rows and columns are as
    they are in the file; the schema says which of them are wrong. Raises UnusableFile ("bad_clinical") where it is no
    table with a Patient column.
    """
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
    separator = ";" if text.partition("\n")[0].count(";") > text.partition("\n")[0].count(",") else ","
    try:
        lines = [[value.strip() for value in line] for line in csv.reader(io.StringIO(text), delimiter=separator)]
    except csv.Error as error:
        raise UnusableFile("bad_clinical", f"{name} is no table ({error})") from error
    header, rows = (lines[0], [line for line in lines[1:] if any(line)]) if lines else ([], [])
    if KEY not in header or len(set(header)) < len(header):
        raise UnusableFile("bad_clinical", f"{name} with the columns {', '.join(header[:100]) or '(none)'}")
    for row in rows:
        if len(row) != len(header):
            found = f"{name} has {len(row)} values in the row {separator.join(row)!r}, not {len(header)}"
            raise UnusableFile("bad_clinical", found)
    values = [[None if value.lower() in MISSING else value for value in row] for row in rows]
    table = pd.DataFrame(values, columns=header, dtype="str")
    return pd.DataFrame({key: table[key] if key == KEY else _number(table[key]) for key in table.columns})


def gather_clinical(root: Path, files: pd.DataFrame) -> tuple[pd.DataFrame | None, pd.DataFrame]:
    """The clinical table of a file table's data root, or None; and the rejected table of those that can't be used.

    Of several tables, those that say the same, in whatever order, count once; where they differ, none is used. Raises
    UnusableFile where one changed since the scan, or can't be read now: the next look may find it sound.
    """
    usable = files[(files["role"] == "clinical") & files["problem"].isna()]
    read: dict[str, pd.DataFrame] = {}
    rejections = []
    for path, digest in zip(usable["path"], usable["sha256"], strict=True):
        content = read_unchanged(root / path, digest)
        try:
            table = parse_clinical(content, PurePosixPath(path).name)
        except UnusableFile as fault:
            rejections.append(Rejection(path, fault.reason, fault.found, "pair"))
            continue
        read[path] = table.sort_values(KEY, ignore_index=True, kind="stable")
    if not read:
        return None, rejected_table(rejections)
    first_path, first = next(iter(read.items()))
    other = next((path for path, table in read.items() if not table.equals(first)), None)
    if other is None:
        return first, rejected_table(rejections)
    found = f"{first_path} and {other} differ"
    conflicts = [Rejection(path, "conflicting_files", found, "pair") for path in read]
    return None, rejected_table([*rejections, *conflicts])


def _number(column: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce")
    return column if (numbers.isna() & column.notna()).any() else numbers.astype("float64")
