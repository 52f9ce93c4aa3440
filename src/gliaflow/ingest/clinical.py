"""The clinical table, data.csv: one row a patient, separated by commas or by semicolons."""

import codecs
import csv
import io
from pathlib import Path

import pandas as pd

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


def read_clinical(path: Path) -> pd.DataFrame:
    """Read data.csv: Patient as text, every other column as float64 where all its values are numbers, else as text.

    Rows and columns are as they are in the file; the schema says which of them are wrong. Raises UnusableFile
    ("bad_clinical") where the file is no table with a Patient column, OSError where it can't be read.
    """
    content = path.read_bytes()
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
    separator = ";" if text.partition("\n")[0].count(";") > text.partition("\n")[0].count(",") else ","
    try:
        lines = [[value.strip() for value in line] for line in csv.reader(io.StringIO(text), delimiter=separator)]
    except csv.Error as error:
        raise UnusableFile("bad_clinical", f"{path.name} is no table ({error})") from error
    header, rows = (lines[0], [line for line in lines[1:] if any(line)]) if lines else ([], [])
    if KEY not in header or len(set(header)) < len(header):
        raise UnusableFile("bad_clinical", f"{path.name} with the columns {', '.join(header[:100]) or '(none)'}")
    for row in rows:
        if len(row) != len(header):
            found = f"{path.name} has {len(row)} values in the row {separator.join(row)!r}, not {len(header)}"
            raise UnusableFile("bad_clinical", found)
    values = [[None if value.lower() in MISSING else value for value in row] for row in rows]
    table = pd.DataFrame(values, columns=header, dtype="str")
    return pd.DataFrame({name: table[name] if name == KEY else _number(table[name]) for name in table.columns})


def gather_clinical(root: Path, files: pd.DataFrame) -> tuple[pd.DataFrame | None, pd.DataFrame]:
    """The clinical table of a file table's data root, or None; and the rejected table of those that can't be used.

    Of several tables, those that say the same count once; where they differ, none is used.
    """
    usable = files[(files["role"] == "clinical") & files["problem"].isna()]
    read: dict[str, pd.DataFrame] = {}
    rejections = []
    for path in usable["path"]:
        try:
            read[path] = _read_in_order(root / path)
        except UnusableFile as fault:
            rejections.append(Rejection(path, fault.reason, fault.found, "pair"))
    if not read:
        return None, rejected_table(rejections)
    first_path, first = next(iter(read.items()))
    other = next((path for path, table in read.items() if not table.equals(first)), None)
    if other is None:
        return first, rejected_table(rejections)
    found = f"{first_path} and {other} differ"
    conflicts = [Rejection(path, "conflicting_files", found, "pair") for path in read]
    return None, rejected_table([*rejections, *conflicts])


def read_clinical_files(root: Path, files: pd.DataFrame) -> pd.DataFrame | None:
    """The clinical table of a file table's data root, or None if there is none.

    As `gather_clinical`, but raises UnusableFile with the first fault where there are tables and none can be used.
    """
    table, rejected = gather_clinical(root, files)
    if table is None and len(rejected):
        raise UnusableFile(rejected["reason"].iloc[0], rejected["found"].iloc[0])
    return table


def _read_in_order(path: Path) -> pd.DataFrame:
    """`read_clinical`, its rows sorted by patient; a file that has gone or been closed since the scan is unusable."""
    try:
        return read_clinical(path).sort_values(KEY, ignore_index=True, kind="stable")
    except FileNotFoundError:
        raise UnusableFile("changed_since_scan", "the file is gone") from None
    except PermissionError:
        raise UnusableFile("no_permission", "the system refused to open it") from None
    except OSError as error:
        raise UnusableFile("read_error", f"the system could not read it ({error.strerror})") from None


def _number(column: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce")
    return column if (numbers.isna() & column.notna()).any() else numbers.astype("float64")
