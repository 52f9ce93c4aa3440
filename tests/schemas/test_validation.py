"""What a person reads when a table is wrong: every row, in words, once."""

import numpy as np
import pandas as pd
import pytest

import schemas
from gliaflow.errors import GliaflowError
from gliaflow.ingest.clinical import CODES
from schemas.base import in_order


def parts(**columns: object) -> pd.DataFrame:
    sound = pd.DataFrame({"patient": ["a", "a", "b"], "slice": [1, 2, 1], "part": ["train", "train", "test"]})
    return sound.assign(fold=pd.array([0, 0, 1], dtype="Int64")).assign(**columns)  # type: ignore[arg-type]


def message(frame: pd.DataFrame, schema: type = schemas.PartTable, what: str = "split table") -> list[str]:
    with pytest.raises(schemas.InvalidTable) as failure:
        schemas.validate(frame, schema, what)
    assert isinstance(failure.value, GliaflowError) and isinstance(failure.value, ValueError)
    return str(failure.value).splitlines()


def test_every_offending_row_is_listed_in_words_and_in_order() -> None:
    frame = pd.DataFrame({"Patient": [f"P{i}" for i in range(50)], **{code: 1.0 for code in CODES}})
    frame.loc[[40, 3], "gender"] = [0, 1.5]
    frame.loc[40, "death01"] = 7
    frame["age_at_initial_pathologic"] = ["50"] * 20 + ["young"] + ["50"] * 29
    assert message(frame, schemas.ClinicalTable, "clinical table data.csv") == [
        "The clinical table data.csv breaks its rules in 3 rows:",
        "  row 3 (Patient P3): gender is 1.5; must be a code: a whole number from 1 to 99",
        "  row 20 (Patient P20): age_at_initial_pathologic is 'young'; must be a number",
        "  row 40 (Patient P40): gender is 0.0; must be a code: a whole number from 1 to 99",
        "  row 40 (Patient P40): death01 is 7.0; must be 0 or 1",
        "Correct these rows in data.csv, or take the file away: slices can be used without it.",
    ]


def test_a_hundred_bad_rows_are_a_hundred_lines() -> None:
    frame = pd.DataFrame({"Patient": [f"P{i}" for i in range(100)], **{code: 0.5 for code in CODES}})
    lines = message(frame, schemas.ClinicalTable)
    assert sum("gender is 0.5" in line for line in lines) == 100


def test_whole_table_failures_come_once_and_first() -> None:
    lines = message(parts(part=["train", "dev", "test"], stranger=1).drop(columns="fold"))
    assert lines[1:-1] == [
        "  the whole table: stranger is a column that does not belong here",
        "  the whole table: fold must be there; the column is missing",
        "  row 1 (patient a, slice 2, part dev): part is 'dev'; must be 'train', 'val' or 'test'",
    ]
    assert lines[0] == "The split table breaks its rules in 1 row:"
    assert lines[-1].startswith("Gliaflow made this table")


def test_repeated_keys_are_named_as_one() -> None:
    assert message(parts(slice=[1, 1, 1]))[1:-1] == [
        "  row 0 (patient a, slice 1, part train): patient + slice is ('a', 1); must not repeat",
        "  row 1 (patient a, slice 1, part train): patient + slice is ('a', 1); must not repeat",
    ]


def test_types_are_not_bent() -> None:
    assert message(parts(slice=[1.0, 1.7, 1.0]))[1:-1] == [
        "  row 1 (patient a, slice 1.7, part train): slice is 1.7; must be a whole number"
    ]
    assert message(parts(slice=[1.0, 2.0, 1.0]))[1:-1] == [
        "  the whole table: slice must have the type int64, not float64"
    ]
    assert message(parts(fold=[0.5, np.nan, 1]))[1:-1] == [
        "  row 0 (patient a, slice 1, part train): fold is 0.5; must be a whole number"
    ]
    assert "  row 2 (patient 7, slice 1, part test): patient is 7; must be text" in message(
        parts(patient=["a", "a", 7])
    )


def test_only_harmless_types_are_coerced() -> None:
    checked = schemas.validate(parts(fold=[0, 0, 1]), schemas.PartTable, "split table")
    assert checked["fold"].dtype == "Int64"
    objects = pd.Series(["train", "train", "test"], dtype=object)
    assert schemas.validate(parts(part=objects), schemas.PartTable, "split table")["part"].dtype == "str"
    whole = pd.DataFrame({"Patient": ["P"], **{code: [1] for code in CODES}})
    assert (schemas.validate(whole, schemas.ClinicalTable, "clinical table").dtypes.drop("Patient") == "float64").all()


def test_a_frame_with_another_index_is_read_by_position() -> None:
    frame = parts(part=["train", "train", "dev"])
    frame.index = pd.Index([7, 7, 7])
    assert "  row 2 (patient b, slice 1, part dev): part is 'dev'; must be 'train', 'val' or 'test'" in message(frame)
    sound = schemas.validate(parts().set_index(pd.Index([7, 7, 7])), schemas.PartTable, "split table")
    assert sound.index.tolist() == [0, 1, 2]


def test_the_frame_that_came_in_is_left_as_it_was() -> None:
    frame = parts(fold=[0, 0, 1])
    before = frame.copy()
    schemas.validate(frame, schemas.PartTable, "split table")
    pd.testing.assert_frame_equal(frame, before)


def test_order_is_by_code_point_then_number() -> None:
    frame = pd.DataFrame({"patient": ["A", "B", "B", "a", "a", "B"], "slice": [9, 1, 10, 2, 2, 11]})
    assert in_order(frame, "patient", "slice").tolist() == [True, True, True, True, True, False]
    assert in_order(frame.assign(slice=[9, 10, 1, 2, 2, 11]), "patient", "slice").tolist() == [
        True,
        True,
        False,
        True,
        True,
        False,
    ]
