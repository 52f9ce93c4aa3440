"""Findings about the clinical table, data.csv: patients that it lacks or that it alone knows, and rows with faults."""

import re
from collections.abc import Iterator
from typing import Any

import pandas as pd

from gliaflow.ingest.clinical import CODES, KEY
from gliaflow.ingest.doctor.findings import Case, Finding
from gliaflow.report.tables import plural

AGE, DEATH = "age_at_initial_pathologic", "death01"
OLDEST = 120


def faulty_rows(clinical: pd.DataFrame | None) -> list[Finding]:
    """What a run refuses in a clinical table that can be read: missing, unknown and repeated columns and values."""
    cases = [] if clinical is None else list(_faults(clinical))
    finding = Finding(
        "clinical_fault",
        "unusable",
        "row",
        "Faults in data.csv",
        "data.csv has the 18 columns of kaggle_3m, one row a patient, and codes that are whole numbers from 1 to 99.",
        "A run stops.",
        "Correct these rows in data.csv, or take the file away: slices can be used without it.",
        cases,
    )
    return [finding] if cases else []


def _faults(clinical: pd.DataFrame) -> Iterator[Case]:
    known = {KEY, *CODES}
    for name in sorted(known - set(clinical.columns)):
        yield Case(f"the column {name} is missing")
    for name in sorted(set(clinical.columns) - known):
        yield Case(f"the column {name} does not belong there")
    nameless = int(clinical[KEY].isna().sum())
    if nameless:
        yield Case(f"{plural(nameless, 'row names', 'rows name')} no patient")
    for patient in clinical[KEY].dropna().unique():
        if not re.fullmatch(r"\S+", patient):
            yield Case("the name must be one word", patient=patient)
    for patient in clinical.loc[clinical[KEY].duplicated() & clinical[KEY].notna(), KEY].unique():
        yield Case("has more than one row", patient=patient)
    for name in CODES:
        if name in clinical.columns:
            yield from _faulty_values(clinical, name)


def _faulty_values(clinical: pd.DataFrame, name: str) -> Iterator[Case]:
    values = pd.to_numeric(clinical[name], errors="coerce")
    if name == AGE:
        right, rule = values.between(0, OLDEST), f"must lie between 0 and {OLDEST}"
    elif name == DEATH:
        right, rule = values.isin([0, 1]), "must be 0 or 1"
    else:
        right, rule = values.between(1, 99) & (values % 1 == 0), "must be a whole number from 1 to 99"
    for at in clinical.index[~right & clinical[name].notna()]:
        row: dict[str, Any] = clinical.loc[at].to_dict()
        value = f"{row[name]:g}" if isinstance(row[name], float) else row[name]
        yield Case(f"{name} is {value}; it {rule}", patient=None if pd.isna(row[KEY]) else str(row[KEY]))


def no_table(files: pd.DataFrame) -> list[Finding]:
    """That a data set has no clinical table; `files` is the file table."""
    if (files["role"] == "clinical").any():
        return []
    return [
        Finding(
            "no_clinical_table",
            "note",
            "data set",
            "No data.csv",
            "Clinical values of the patients come from data.csv.",
            "Goes on without clinical values.",
            "Nothing needs doing, unless you expected data.csv here.",
            [Case("there is no file of this name")],
        )
    ]


def unlisted_patients(slices: pd.DataFrame, clinical: pd.DataFrame | None) -> list[Finding]:
    """Patients without a row in the clinical table, and rows without a patient; `slices` has patient and case."""
    if clinical is None:
        return []
    case_of = slices.groupby("patient")["case"].first()
    listed = set(clinical[KEY].dropna())
    unlisted = [
        Case(f"no row {case}" if pd.notna(case) else "its name holds no TCGA case", patient=str(patient))
        for patient, case in case_of.items()
        if pd.isna(case) or case not in listed
    ]
    absent = sorted(listed - set(case_of.dropna()))
    found = (
        Finding(
            "patient_not_in_clinical",
            "warning",
            "patient",
            "Patients missing from data.csv",
            "Each patient has a row in data.csv.",
            "Uses the slices; the clinical columns are empty.",
            "Add the rows, or correct the names, if clinical values matter.",
            unlisted,
        ),
        Finding(
            "clinical_without_slices",
            "note",
            "row",
            "Rows of data.csv without usable slices",
            "Each row of data.csv belongs to a patient with slices.",
            "Takes no notice of these rows.",
            "Nothing needs doing, unless you expected their slices here.",
            [Case(patient=patient) for patient in absent],
        ),
    )
    return [finding for finding in found if finding.cases]
