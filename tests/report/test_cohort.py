import pandas as pd

from gliaflow.report import cohort
from gliaflow.report.data import ReportData


def test_facts_of_the_cohort(whole: ReportData) -> None:
    facts = dict(cohort.facts(whole))
    assert facts["Patients"] == "9, all with tumour"
    assert facts["Slices"] == "45, 27 (60 %) with tumour"
    assert facts["Sites"] == "CS 6, DU 3"
    assert facts["Original size"] == "64 × 64 pixels"
    assert facts["Missing sequences"] == (
        "pre-contrast in 2 patients and post-contrast in 1 patient (there a copy of FLAIR stands in)"
    )
    assert facts["Gender"] == "code 1: 4, code 2: 4 (known of 8 of 9)"
    assert facts["Age at diagnosis"] == "median 35 years, 31 to 39"
    assert facts["Tumour grade"] == "code 2: 9"
    brain, tumor = whole.labels["brain_pixels"].sum(), whole.labels["tumor_pixels"].sum()
    assert (
        facts["Tumour pixels"]
        == f"{100 * tumor / brain:.2f} % of the pixels that are not black; median 225 in a tumour slice"
    )


def test_facts_without_clinical_rows_or_tumor(make, whole: ReportData) -> None:
    bare = whole.labels.drop(columns=["gender", "age_at_initial_pathologic"]).assign(
        neoplasm_histologic_grade=float("nan")
    )
    terms = [term for term, _ in cohort.facts(make(labels=bare))]
    assert terms == ["Patients", "Slices", "Tumour pixels", "Sites", "Original size", "Missing sequences"]
    healthy = whole.labels.assign(has_tumor=False, tumor_pixels=0, missing=pd.NA)
    facts = dict(cohort.facts(make(labels=healthy)))
    assert facts["Patients"] == "9, 0 of them with tumour"
    assert facts["Missing sequences"] == "none"
    assert cohort.facts(make(labels=whole.labels.iloc[:0])) == [("Patients", "none")]


def test_split_table_counts_each_part(whole: ReportData) -> None:
    rows = {row["part"]: row for row in cohort.split_table(whole).rows}
    assert list(rows) == ["training", "validation", "test"]
    assert rows["test"] == {
        "part": "test", "patients": 3, "slices": 15, "tumor_slices": 9, "share": 0.6, "sites": "CS 2, DU 1",
    }  # fmt: skip


def test_leaks_are_counted_by_kind_and_parts_with_the_closest_as_example() -> None:
    leaks = pd.DataFrame(
        [
            ("near", "train", "P_1", 3, "test", "P_7", 4, 0.95),
            ("near", "train", "P_2", 5, "test", "P_8", 6, 0.99),
            ("patient", "train", "P_1", None, "val", "P_1", None, 1.0),
        ],
        columns=["kind", "part_a", "patient_a", "slice_a", "part_b", "patient_b", "slice_b", "similarity"],
    ).astype({"slice_a": "Int64", "slice_b": "Int64"})
    near, patient = cohort.leak_table(leaks).rows
    assert (near["count"], near["between"], near["similarity"]) == (2, "train and test", 0.99)
    assert near["example"] == "P_2 slice 5 and P_8 slice 6"
    assert (patient["kind"], patient["example"]) == ("same patient in both", "P_1 and P_1")


def test_an_empty_audit_gives_an_empty_table(whole: ReportData) -> None:
    assert list(cohort.leak_table(whole.leaks).rows) == []
