"""The labelled slice table: who is joined with whom."""

import numpy as np
import pandas as pd
import pytest

import schemas
from gliaflow.ingest.clinical import CODES, KEY
from gliaflow.ingest.labels import label_slices
from gliaflow.ingest.pair import SLICE_COLUMNS
from gliaflow.ingest.prepare import FACT_COLUMNS


def slice_table(*keys: tuple[str, int]) -> pd.DataFrame:
    rows = [
        (
            patient,
            number,
            "CS" if patient.startswith("TCGA") else "unknown",
            patient[:12] if patient.startswith("TCGA") else None,
            f"{patient}_{number}.tif",
            f"{patient}_{number}_mask.tif",
            f"{i:064d}",
            f"{i + 50:064d}",
        )
        for i, (patient, number) in enumerate(keys)
    ]
    return pd.DataFrame(rows, columns=list(SLICE_COLUMNS)).astype(SLICE_COLUMNS)


def fact_table(*facts: tuple[str, int, int, int]) -> pd.DataFrame:
    """Facts of (patient, slice, index, tumor_pixels)."""
    rows = [(p, s, i, 8, 8, tumor, 64, "", 1.0, 2.0, 3.0, f"{i:016x}") for p, s, i, tumor in facts]
    return pd.DataFrame(rows, columns=list(FACT_COLUMNS)).astype(FACT_COLUMNS)


def clinical_table(**ages: float) -> pd.DataFrame:
    table = pd.DataFrame({KEY: pd.Series(list(ages), dtype="str"), **{code: 1.0 for code in CODES}})
    return table.assign(age_at_initial_pathologic=list(ages.values()))


A, B, OTHER = "TCGA_CS_0001_20000101", "TCGA_CS_0002_20000101", "p"
SLICES = slice_table((A, 1), (A, 2), (A, 3), (B, 1), (OTHER, 1))
FACTS = fact_table((OTHER, 1, 0, 9), (B, 1, 0, 0), (A, 1, 0, 0), (A, 3, 1, 5))  # slice 2 could not be prepared


def label(clinical: pd.DataFrame | None) -> pd.DataFrame:
    return schemas.validate(label_slices(SLICES, FACTS, clinical), schemas.LabelTable, "label table")


def test_slices_get_the_facts_of_their_own_number() -> None:
    labels = label(None)
    assert list(zip(labels["patient"], labels["slice"], labels["index"], strict=True)) == [
        (A, 1, 0),
        (A, 3, 1),
        (B, 1, 0),
        (OTHER, 1, 0),
    ]
    assert labels["has_tumor"].tolist() == [False, True, False, True]
    assert labels["image_path"].tolist()[1] == f"{A}_3.tif"
    assert labels["phash"].tolist()[1] == f"{1:016x}"


def test_clinical_rows_join_by_case_and_are_null_where_there_is_none() -> None:
    labels = label(clinical_table(TCGA_CS_0001=67, TCGA_XX_9999=30))
    np.testing.assert_array_equal(labels["age_at_initial_pathologic"], [67, 67, np.nan, np.nan])
    np.testing.assert_array_equal(labels["death01"], [1, 1, np.nan, np.nan])


def test_without_a_clinical_table_all_its_columns_are_null() -> None:
    labels = label(None)
    assert labels[list(CODES)].isna().all(axis=None)
    assert labels.columns.tolist() == label(clinical_table(TCGA_CS_0001=67)).columns.tolist()


def test_facts_that_come_twice_are_an_error() -> None:
    with pytest.raises(pd.errors.MergeError):
        label_slices(SLICES, pd.concat([FACTS, FACTS]), None)


def test_the_tables_that_came_in_are_left_as_they_were() -> None:
    slices, facts = SLICES.copy(), FACTS.copy()
    label_slices(slices, facts, None)
    pd.testing.assert_frame_equal(slices, SLICES)
    pd.testing.assert_frame_equal(facts, FACTS)
