"""The clinical table: what it lacks, what it alone knows, and what a run refuses."""

from pathlib import Path

import pandas as pd
import pytest

from gliaflow.ingest.clinical import CODES, KEY, parse_clinical
from gliaflow.ingest.doctor.clinical import faulty_rows, no_table, unlisted_patients
from schemas.clinical import ClinicalTable
from schemas.validation import InvalidTable, validate


def table(path: Path, rows: dict[str, dict[str, object]] | None = None, drop: str = "", add: str = "") -> pd.DataFrame:
    """A clinical table of patients A_1 and A_2, as read from a file; `rows` changes values."""
    columns = [name for name in (KEY, *CODES, add) if name and name != drop]
    lines = [",".join(columns)]
    for patient in ("A_1", "A_2"):
        values = {name: "1" for name in columns} | {KEY: patient} | (rows or {}).get(patient, {})
        lines.append(",".join(str(values[name]) for name in columns))
    file = path / "data.csv"
    file.write_text("\n".join(lines) + "\n")
    return parse_clinical(file.read_bytes(), file.name)


def test_a_sound_table_has_no_finding(tmp_path: Path) -> None:
    assert faulty_rows(table(tmp_path)) == []
    assert faulty_rows(None) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"drop": "gender"}, "the column gender is missing"),
        ({"add": "mood"}, "the column mood does not belong there"),
        ({"rows": {"A_2": {"Patient": "A_1"}}}, "has more than one row"),
        ({"rows": {"A_2": {"Patient": "A 2"}}}, "the name must be one word"),
        ({"rows": {"A_2": {"gender": 1.5}}}, "gender is 1.5; it must be a whole number from 1 to 99"),
        ({"rows": {"A_2": {"race": 0}}}, "race is 0; it must be a whole number from 1 to 99"),
        ({"rows": {"A_1": {"laterality": "left"}}}, "laterality is left; it must be a whole number from 1 to 99"),
        ({"rows": {"A_1": {"death01": 2}}}, "death01 is 2; it must be 0 or 1"),
        (
            {"rows": {"A_1": {"age_at_initial_pathologic": 121}}},
            "age_at_initial_pathologic is 121; it must lie between 0 and 120",
        ),
        ({"rows": {"A_1": {"gender": ""}}}, None),
        ({"rows": {"A_1": {"death01": 0, "age_at_initial_pathologic": 0.5}}}, None),
        ({"rows": {"A_1": {"Patient": ""}}}, "1 row names no patient"),
    ],
)
def test_what_is_told_is_what_a_run_refuses(tmp_path: Path, changes: dict, told: str | None) -> None:
    clinical = table(tmp_path, **changes)
    found = [case.found for finding in faulty_rows(clinical) for case in finding.cases]
    if told is None:
        assert found == []
        validate(clinical, ClinicalTable, "clinical table")
        return
    assert told in found
    assert faulty_rows(clinical)[0].severity == "unusable"
    with pytest.raises(InvalidTable):
        validate(clinical, ClinicalTable, "clinical table")


def test_a_fault_names_its_patient_not_a_row_of_the_sorted_table(tmp_path: Path) -> None:
    clinical = table(tmp_path, {"A_1": {"Patient": "Z 1", "gender": 0}, "A_2": {"race": "white"}})
    (found,) = faulty_rows(clinical.sort_values(KEY, ignore_index=True))  # as a run and the examination have it
    assert [(case.name, case.found) for case in found.cases] == [
        ("Z 1", "the name must be one word"),
        ("Z 1", "gender is 0; it must be a whole number from 1 to 99"),
        ("A_2", "race is white; it must be a whole number from 1 to 99"),
    ]


def test_no_table_at_all_is_a_note() -> None:
    (found,) = no_table(pd.DataFrame({"role": ["image", "mask", "other"]}))
    assert (found.code, found.severity, found.title) == ("no_clinical_table", "note", "No data.csv")
    assert no_table(pd.DataFrame({"role": ["image", "clinical"]})) == []


def test_patients_without_rows_and_rows_without_patients(tmp_path: Path) -> None:
    slices = pd.DataFrame({"patient": ["A_1_x", "A_3_x", "scan"], "case": ["A_1", "A_3", None]})
    unlisted, absent = unlisted_patients(slices, table(tmp_path))
    assert (unlisted.severity, absent.severity) == ("warning", "note")
    assert [(case.patient, case.found) for case in unlisted.cases] == [
        ("A_3_x", "no row A_3"),
        ("scan", "its name holds no TCGA case"),
    ]
    assert [case.patient for case in absent.cases] == ["A_2"]


def test_everybody_listed_has_no_finding(tmp_path: Path) -> None:
    slices = pd.DataFrame({"patient": ["A_1_x", "A_2_x"], "case": ["A_1", "A_2"]})
    assert unlisted_patients(slices, table(tmp_path)) == []
    assert unlisted_patients(slices, None) == []
