"""data.csv in every dress it comes in."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import schemas
from gliaflow.ingest.clinical import CODES, gather_clinical, parse_clinical
from gliaflow.ingest.reasons import UnusableFile
from gliaflow.ingest.scan import scan_folder

HEADER = ["Patient", *CODES]
ROWS = [
    ["TCGA_CS_4941", "2", "4", "2", "2", "", "3", "2", "1", "2", "1", "3", "2", "2", "67", "3", "2", "1"],
    ["TCGA_CS_4944", "", "5", "2", "1", "2", "1", "1", "1", "1", "1", "3", "6", "2", "50", "3", "", "0"],
]


def text(separator: str = ",", rows: list[list[str]] = ROWS, header: list[str] = HEADER, end: str = "\n") -> str:
    return end.join(separator.join(row) for row in [header, *rows]) + end


def write(folder: Path, content: str | bytes, name: str = "data.csv") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / name


def parse(path: Path) -> pd.DataFrame:
    return parse_clinical(path.read_bytes(), path.name)


@pytest.mark.parametrize(
    "content",
    [
        text().encode(),
        text(";").encode(),
        text(";", end="\r\n").encode("utf-8-sig"),
        text(", ").encode(),
        text().encode("utf-16"),
        text().replace("TCGA_CS_4941", '"TCGA_CS_4941 "').encode(),
    ],
    ids=["commas", "semicolons", "excel", "spaces", "utf-16", "quotes"],
)
def test_both_separators_and_their_dresses_read_the_same(tmp_path: Path, content: bytes) -> None:
    table = schemas.validate(parse(write(tmp_path, content)), schemas.ClinicalTable, "clinical table")
    assert table.columns.tolist() == HEADER
    assert table["Patient"].tolist() == ["TCGA_CS_4941", "TCGA_CS_4944"]
    assert table["age_at_initial_pathologic"].tolist() == [67.0, 50.0]
    np.testing.assert_array_equal(table["RPPACluster"], [np.nan, 2.0])
    assert (table.dtypes.drop("Patient") == "float64").all()


def test_text_among_numbers_is_left_for_the_schema_to_name(tmp_path: Path) -> None:
    rows = [ROWS[0], [*ROWS[1][:14], "fifty", *ROWS[1][15:]]]
    table = parse(write(tmp_path, text(rows=rows)))
    with pytest.raises(
        schemas.InvalidTable, match=r"row 1 \(Patient TCGA_CS_4944\): age_at_initial_pathologic is 'fifty'"
    ):
        schemas.validate(table, schemas.ClinicalTable, "clinical table")


def test_words_for_missing_and_empty_lines_are_read_as_such(tmp_path: Path) -> None:
    table = parse(write(tmp_path, text(rows=[[ROWS[0][0], "NA", "nan", *ROWS[0][3:]], [""] * 18])))
    assert len(table) == 1
    assert table[["RNASeqCluster", "MethylationCluster"]].isna().all(axis=None)


def test_latin_1_is_read(tmp_path: Path) -> None:
    table = parse(write(tmp_path, text(rows=[["J\u00f6rg", *ROWS[0][1:]]]).encode("cp1252")))
    assert table["Patient"].tolist() == ["J\u00f6rg"]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("", r"data.csv with the columns \(none\)"),
        ("a,b\n1,2\n", "data.csv with the columns a, b"),
        ("Patient,a,a\nx,1,2\n", "data.csv with the columns Patient, a, a"),
        ("Patient,a\nx,1,2\n", "has 3 values in the row 'x,1,2', not 2"),
        ("Patient,a\nx\n", "has 1 values in the row 'x', not 2"),
        ("Patient," + "a" * 200_000, "data.csv is no table"),
    ],
)
def test_what_is_no_clinical_table_is_refused(tmp_path: Path, content: str, found: str) -> None:
    with pytest.raises(UnusableFile, match=found) as failure:
        parse(write(tmp_path, content))
    assert failure.value.reason == "bad_clinical"


def test_copies_that_say_the_same_count_once(tmp_path: Path) -> None:
    write(tmp_path, text(rows=ROWS[::-1]))
    write(tmp_path / "second", text(";"))
    table, rejected = gather_clinical(tmp_path, scan_folder(tmp_path))
    assert table is not None and rejected.empty
    assert table["Patient"].tolist() == ["TCGA_CS_4941", "TCGA_CS_4944"]


def test_a_bad_table_does_not_take_the_good_one_with_it(tmp_path: Path) -> None:
    write(tmp_path, text())
    write(tmp_path / "a", "no table")
    table, rejected = gather_clinical(tmp_path, scan_folder(tmp_path))
    assert table is not None and len(table) == 2
    assert rejected[["path", "reason"]].to_numpy().tolist() == [["a/data.csv", "bad_clinical"]]


def test_tables_that_differ_are_all_rejected(tmp_path: Path) -> None:
    for folder, rows in (("a", ROWS), ("b", ROWS[:1]), ("c", ROWS)):
        write(tmp_path / folder, text(rows=rows))
    table, rejected = gather_clinical(tmp_path, scan_folder(tmp_path))
    assert table is None
    assert rejected["path"].tolist() == ["a/data.csv", "b/data.csv", "c/data.csv"]
    assert set(rejected["found"]) == {"a/data.csv and b/data.csv differ"}


@pytest.mark.parametrize("change", [Path.unlink, lambda path: path.write_text("Patient\nsomebody else\n")])
def test_a_table_that_changed_since_the_scan_is_not_remembered_but_raised(tmp_path: Path, change: Any) -> None:
    path = write(tmp_path, text())
    files = scan_folder(tmp_path)
    change(path)
    with pytest.raises(UnusableFile, match=r"Files must not change during a run\. .*Run again") as failure:
        gather_clinical(tmp_path, files)
    assert failure.value.reason == "changed_since_scan"


def test_no_clinical_table_is_none(tmp_path: Path) -> None:
    write(tmp_path, "", name="other.csv")
    assert gather_clinical(tmp_path, scan_folder(tmp_path))[0] is None
    write(tmp_path, "")  # empty: a problem that the scan found
    assert gather_clinical(tmp_path, scan_folder(tmp_path))[0] is None


def test_the_columns_are_those_of_the_schema() -> None:
    assert set(schemas.ClinicalTable.to_schema().columns) == set(HEADER)
    assert pd.Index(HEADER).is_unique
