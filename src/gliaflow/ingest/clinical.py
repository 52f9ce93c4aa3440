"""The clinical table, data.csv: one row a patient, separated by commas or by semicolons."""

import csv
import io
from pathlib import Path

import pandas as pd

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
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
    separator = ";" if text.partition("\n")[0].count(";") > text.partition("\n")[0].count(",") else ","
    try:
        lines = [[value.strip() for value in line] for line in csv.reader(io.StringIO(text), delimiter=separator)]
    except csv.Error as error:
        raise UnusableFile("bad_clinical", f"{path.name} is no table ({error})") from error
    header, rows = (lines[0], [line for line in lines[1:] if any(line)]) if lines else ([], [])
    if KEY not in header or len(set(header)) < len(header):
        raise UnusableFile("bad_clinical", f"{path.name} with the columns {', '.join(header) or '(none)'}")
    for row in rows:
        if len(row) != len(header):
            found = f"{path.name} has {len(row)} values in the row {separator.join(row)!r}, not {len(header)}"
            raise UnusableFile("bad_clinical", found)
    values = [[None if value.lower() in MISSING else value for value in row] for row in rows]
    table = pd.DataFrame(values, columns=header, dtype="str")
    return pd.DataFrame({name: table[name] if name == KEY else _number(table[name]) for name in table.columns})


def read_clinical_files(root: Path, files: pd.DataFrame) -> pd.DataFrame | None:
    """The clinical table of a file table's data root, or None if there is none.

    Of several, those that say the same count once. Raises UnusableFile ("conflicting_files") where they differ.
    """
    usable = files[(files["role"] == "clinical") & files["problem"].isna()]
    first: pd.DataFrame | None = None
    first_path = ""
    for path in usable.drop_duplicates("sha256")["path"]:
        table = read_clinical(root / path).sort_values(KEY, ignore_index=True)
        if first is None:
            first, first_path = table, path
        elif not table.equals(first):
            raise UnusableFile("conflicting_files", f"{first_path} and {path} differ")
    return first


def _number(column: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce")
    return column if (numbers.isna() & column.notna()).any() else numbers.astype("float64")
