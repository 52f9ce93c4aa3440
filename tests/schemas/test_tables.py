"""Each table: a sound one passes as it is, and each rule names the row that breaks it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest

import schemas
from gliaflow.ingest.clinical import CODES
from gliaflow.store.tables import read_table, write_table

SHA, PHASH = "0123456789abcdef" * 4, "0123456789abcdef"
TEXT = {"path", "sha256", "role", "patient", "site", "problem", "case", "overlay", "part"}


def table(rows: list[dict[str, Any]], **types: str) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    kinds = {name: "str" for name in frame.columns if name in TEXT} | types
    return frame.astype({name: kind for name, kind in kinds.items() if name in frame.columns})


def familiarity() -> pd.DataFrame:
    return table(
        [
            {"patient": "p", "input": "as it is", "distance": 0.9, "warned": False, "odd": ""},
            {"patient": "p", "input": "black", "distance": np.nan, "warned": True, "odd": "No slice shows a head."},
        ],
        input="str",
        odd="str",
    )


def files() -> pd.DataFrame:
    base = {"size": 7, "sha256": SHA, "role": "image", "patient": "p", "slice": 1, "site": None, "problem": None}
    return table(
        [
            {"path": "p_1.tif", **base},
            {"path": "p_2.tif", **base, "slice": 2, "sha256": None, "problem": "empty_file"},
            {"path": "notes.txt", **base, "role": "other", "sha256": None, "patient": None, "slice": None},
        ],
        slice="Int64",
    )


def slices() -> pd.DataFrame:
    keys = [("TCGA_CS_0001_20000101", 1), ("TCGA_CS_0001_20000101", 2), ("p", 1)]
    return table(
        [
            {
                "patient": patient,
                "slice": number,
                "site": "CS",
                "case": "TCGA_CS_0001" if patient != "p" else None,
                "image_path": f"{patient}_{number}.tif",
                "mask_path": f"{patient}_{number}_mask.tif",
                "image_sha256": SHA,
                "mask_sha256": SHA,
            }
            for patient, number in keys
        ]
    )


def rejected() -> pd.DataFrame:
    row = {"path": "a", "reason": "truncated", "found": "9 bytes", "stage": "prepare", "counted": True}
    return table([row, {**row, "path": "b", "reason": "duplicate_copy", "stage": "pair", "counted": False}])


def facts() -> pd.DataFrame:
    keys = slices()[["patient", "slice"]].assign(index=[0, 1, 0])
    means = {"mean_pre": 0.0, "mean_flair": 255.0, "mean_post": 12.5}
    return keys.assign(
        height=256,
        width=240,
        tumor_pixels=[0, 5, 0],
        brain_pixels=9,
        missing=["", "pre", "pre,post"],
        **means,
        phash=PHASH,
    )


def clinical() -> pd.DataFrame:
    return pd.DataFrame({"Patient": ["TCGA_CS_0001", "TCGA_CS_0002"], **{code: [1.0, np.nan] for code in CODES}})


def labels() -> pd.DataFrame:
    joined = slices().merge(facts(), on=["patient", "slice"])
    return joined.assign(has_tumor=[False, True, False], **{code: [1.0, 1.0, np.nan] for code in CODES})


def volumes() -> pd.DataFrame:
    return table([{"patient": name, "slices": 3, "content": SHA} for name in "ab"])


def parts() -> pd.DataFrame:
    rows = [{"patient": "p", "slice": i, "part": part, "fold": None} for i, part in enumerate(("train", "val", "test"))]
    return table(rows, fold="Int64")


def leaks() -> pd.DataFrame:
    row = {
        "kind": "near",
        "part_a": "train",
        "patient_a": "p",
        "slice_a": 1,
        "part_b": "test",
        "patient_b": "q",
        "slice_b": 2,
    }
    return table(
        [{**row, "similarity": 0.9}, {**row, "kind": "patient", "slice_a": None, "slice_b": None, "similarity": 1.0}],
        slice_a="Int64",
        slice_b="Int64",
    )


def history() -> pd.DataFrame:
    row = {"loss": 0.5, "dice": 0.4, "val_loss": 0.6, "val_dice": 0.3, "learning_rate": 1e-3}
    return table([{"epoch": epoch, **row} for epoch in (1, 2, 3)])


def predictions() -> pd.DataFrame:
    keys = {"patient": "p", "part": "test", "site": "CS", "image_path": "i", "mask_path": "m"}
    counts = {"true_pixels": 9, "predicted_pixels": 6, "intersection": 6, "pixels": 9}
    known = {"score": 0.8, "tumor_probability": 1.0, "call": "tumor", "hd95": 2.5, "nsd": 0.9}
    nothing = {
        "mask": 0,
        "has_mask": 0,
        "score": 0.0,
        "tumor_probability": 0.1,
        "call": "empty",
        "true_pixels": 0,
        "predicted_pixels": 0,
        "intersection": 0,
        "hd95": None,
        "nsd": None,
    }
    return table(
        [
            {**keys, "slice": 1, "mask": 1, "has_mask": 1, **known, **counts},
            {**keys, "slice": 2, **nothing, "pixels": 9},
        ],
        hd95="float64",
        nsd="float64",
    )


def patients() -> pd.DataFrame:
    row = {"patient": "p", "site": "CS", "part": "val", "slices": 3, "tumor_slices": 2, "accuracy": 0.99}
    overlap = {"true_pixels": 9, "predicted_pixels": 6, "intersection": 6, "dice": 0.8, "iou": 0.667}
    return table(
        [
            {**row, **overlap, "mean_slice_dice": 0.7, "hd95": 3.5, "nsd": 0.8},
            {**row, **overlap, "patient": "q", "tumor_slices": 0, "mean_slice_dice": None, "hd95": None, "nsd": 0.0},
        ],
        mean_slice_dice="float64",
        hd95="float64",
    )


def confidence() -> pd.DataFrame:
    row = {"patient": "p", "part": "test", "pixels": 9, "tumor_pixels": 2}
    return table([{**row, "level": 0}, {**row, "level": 255}, {**row, "part": "val", "level": 255}])


def frame() -> pd.DataFrame:
    row = {"patient": "p", "image_path": "i", "mask_path": "m"}
    return table(
        [
            {**row, "slice": 1, "mask": 1, "predicted_mask": "1.png", "has_mask": 0, "overlay": "o1.png"},
            {**row, "slice": 2, "mask": 0, "predicted_mask": "2.png", "has_mask": 0, "overlay": None},
            {**row, "slice": 3, "mask": 0, "predicted_mask": "3.png", "has_mask": 0, "overlay": None},
            {**row, "slice": 4, "mask": 0, "predicted_mask": "4.png", "has_mask": 1, "overlay": "o4.png"},
        ]
    )


def folds() -> pd.DataFrame:
    row = {"patients": 2, "slices": 9, "tumor_slices": 3, "train_patients": 5, "val_patients": 1, "dice_mean": 0.8}
    row |= {"val_tumor_slices": 4, "dice_median": 0.82, "slice_dice_tumor": 0.7, "threshold": 128, "min_pixels": 20}
    rows = [{"fold": 0, "site": None, **row}, {"fold": 1, "site": "CS", **row}]
    return table([*rows, {"fold": 2, "site": None, **row, "tumor_slices": 0, "slice_dice_tumor": None}])


def doubts() -> pd.DataFrame:
    row = {"patient": "p", "index": 0, "site": "CS", "fold": 1, "unmarked": 90.5, "overmarked": 0.0, "agreed": 3.0}
    rows = [
        {"rank": 1, **row, "slice": 1, "true_pixels": 0, "kind": "empty", "doubt": 0.8, "neighbor": None},
        {"rank": 2, **row, "slice": 2, "true_pixels": 9, "kind": "order", "doubt": 0.5, "neighbor": 3},
        {"rank": 3, **row, "slice": 3, "true_pixels": 9, "kind": "overmarked", "doubt": 0.2, "neighbor": None},
    ]
    return table(rows, fold="Int64", neighbor="Int64")


def trials() -> pd.DataFrame:
    row = {"parameters": '{"learning_rate": 0.001}', "why": ""}
    rows = [
        {"number": 0, "state": "complete", "dice": 0.8, "epochs": 9, **row},
        {"number": 1, "state": "pruned", "dice": 0.4, "epochs": 3, **row},
        {"number": 2, "state": "failed", "dice": None, "epochs": 0, **row, "why": "The loss became nan."},
    ]
    return table(rows)


def curves() -> pd.DataFrame:
    return table([{"trial": 0, "epoch": 1, "val_dice": 0.1}, {"trial": 0, "epoch": 2, "val_dice": 0.2}])


def images() -> pd.DataFrame:
    rows = [
        {"patient": "p", "slice": number, "site": "CS", "image_path": f"p_{number}.tif", "image_sha256": SHA}
        for number in (1, 2)
    ]
    return table(rows, image_path="str", image_sha256="str")


def answers() -> pd.DataFrame:
    base = {"patient": "p", "site": "CS", "height": 4, "width": 4, "tumor_probability": 0.5, "model": "v1"}
    rows = [
        {**base, "slice": 1, "call": "tumor", "tumor_pixels": 3, "mask": "1.png", "overlay": "o1.png"},
        {**base, "slice": 2, "call": "unsure", "tumor_pixels": 0, "mask": "2.png", "overlay": None},
    ]
    order = [
        "patient", "slice", "site", "image_path", "height", "width", "call", "tumor_probability", "tumor_pixels",
        "mask", "overlay", "model",
    ]  # fmt: skip
    rows = [{**row, "image_path": f"p_{row['slice']}.tif"} for row in rows]
    return table(rows, image_path="str", call="str", mask="str", model="str")[order]


def profiles() -> pd.DataFrame:
    rows = [
        {
            "patient": patient,
            "site": "CS",
            "slices": 20,
            "model": "v1",
            "brightness_pre": np.nan,
            "brightness_flair": 80.0,
            "brightness_post": 90.0,
            "distance": 1.1,
            "warnings": "",
            "tumor_share": 0.01,
            "tumor_rate": 0.3,
            "unsure_rate": 0.05,
        }
        for patient in ("p", "q")
    ]
    return table(rows, model="str", warnings="str")


def fingerprint() -> pd.DataFrame:
    frame = profiles().assign(part=pd.Series(["train", "test"], dtype="str"))
    frame.loc[0, ["tumor_share", "tumor_rate", "unsure_rate"]] = np.nan
    return frame


def arrivals() -> pd.DataFrame:
    return profiles().assign(when=pd.Series(["2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00"], dtype="str"))


def drift() -> pd.DataFrame:
    known = {"reference_median": 1.0, "reference_low": 0.5, "reference_high": 2.0, "recent_median": 3.0}
    rows = [
        {"measure": "distance", "reference_patients": 9, **known, "recent_patients": 6, "above": 0.9, "p": 0.01},
        {"measure": "tumor_rate", "reference_patients": 9, **known, "recent_patients": 2, "above": None, "p": None},
    ]
    frame = table(rows, measure="str", above="float64", p="float64")
    frame = frame.assign(adjusted=[0.02, np.nan], drifted=[True, False])
    order = ["measure", "reference_patients", "reference_median", "reference_low", "reference_high"]
    return frame[[*order, "recent_patients", "recent_median", "above", "p", "adjusted", "drifted"]]


def contest() -> pd.DataFrame:
    counts = {"slices": 4, "tumor_slices": 2, "true_pixels": 10, "predicted_pixels": 10, "intersection": 8, "dice": 0.8}
    rows = [{"patient": "p", "release": name, **counts} for name in ("current", "challenger")]
    return table(rows, release="str")


SOUND: dict[type[pa.DataFrameModel], Callable[[], pd.DataFrame]] = {
    schemas.FileTable: files,
    schemas.SliceTable: slices,
    schemas.RejectedTable: rejected,
    schemas.FactTable: facts,
    schemas.ClinicalTable: clinical,
    schemas.LabelTable: labels,
    schemas.VolumeTable: volumes,
    schemas.PartTable: parts,
    schemas.FamiliarityTable: familiarity,
    schemas.LeakTable: leaks,
    schemas.HistoryTable: history,
    schemas.PredictionTable: predictions,
    schemas.PatientTable: patients,
    schemas.ConfidenceTable: confidence,
    schemas.FrameTable: frame,
    schemas.FoldTable: folds,
    schemas.TrialTable: trials,
    schemas.CurveTable: curves,
    schemas.DoubtTable: doubts,
    schemas.ImageTable: images,
    schemas.AnswerTable: answers,
    schemas.ProfileTable: profiles,
    schemas.FingerprintTable: fingerprint,
    schemas.ArrivalTable: arrivals,
    schemas.DriftTable: drift,
    schemas.ContestTable: contest,
}


def test_every_table_is_tested() -> None:
    exported = {getattr(schemas, name) for name in schemas.__all__ if name.endswith("Table") and name != "InvalidTable"}
    assert exported == set(SOUND)


@pytest.mark.parametrize("schema", SOUND, ids=lambda schema: schema.__name__)
def test_a_sound_table_passes_unchanged(schema: type[pa.DataFrameModel], tmp_path: Path) -> None:
    sound = SOUND[schema]()
    pd.testing.assert_frame_equal(schemas.validate(sound, schema, "table"), sound)
    write_table(sound, tmp_path / "table.parquet")
    pd.testing.assert_frame_equal(schemas.validate(read_table(tmp_path / "table.parquet"), schema, "table"), sound)


@pytest.mark.parametrize("schema", SOUND, ids=lambda schema: schema.__name__)
def test_an_empty_table_passes(schema: type[pa.DataFrameModel]) -> None:
    assert len(schemas.validate(SOUND[schema]().iloc[:0], schema, "table")) == 0


@pytest.mark.parametrize("schema", SOUND, ids=lambda schema: schema.__name__)
def test_columns_are_strict(schema: type[pa.DataFrameModel]) -> None:
    sound = SOUND[schema]()
    last = sound.columns[-1]
    with pytest.raises(schemas.InvalidTable) as failure:
        schemas.validate(sound.drop(columns=last).assign(stranger=1), schema, "table")
    assert "the whole table: stranger is a column that does not belong here" in str(failure.value)
    assert f"the whole table: {last} must be there; the column is missing" in str(failure.value)


BROKEN: list[tuple[type[pa.DataFrameModel], int, str, Any, str]] = [
    (schemas.FileTable, 0, "sha256", "xyz", "must be 64 hexadecimal digits"),
    (schemas.FileTable, 0, "sha256", None, "has a sha256 or a problem"),
    (schemas.FileTable, 0, "role", "picture", "must be 'image', 'mask', 'clinical' or 'other'"),
    (schemas.FileTable, 0, "patient", None, "known together or not at all"),
    (schemas.FileTable, 1, "path", "p_1.tif", "must not repeat"),
    (schemas.FileTable, 1, "problem", "a bad day", "must be 'no_permission', "),
    (schemas.FileTable, 0, "size", -1, "must be at least 0"),
    (schemas.FileTable, 0, "slice", -1, "must be at least 0"),
    (schemas.SliceTable, 1, "slice", 1, "patient + slice is ('TCGA_CS_0001_20000101', 1); must not repeat"),
    (schemas.SliceTable, 1, "slice", 0, "must ascend by patient, then slice"),
    (schemas.SliceTable, 2, "patient", "A", "must ascend by patient, then slice"),
    (schemas.SliceTable, 1, "image_path", "TCGA_CS_0001_20000101_1.tif", "must not repeat"),
    (schemas.SliceTable, 1, "mask_path", "TCGA_CS_0001_20000101_2.tif", "image and mask must be two files"),
    (schemas.SliceTable, 1, "image_sha256", SHA.upper(), "must be 64 hexadecimal digits"),
    (schemas.SliceTable, 1, "site", "", "must not be empty"),
    (schemas.SliceTable, 1, "site", None, "must not be missing"),
    (schemas.RejectedTable, 0, "counted", False, "must be what the reason's rule says"),
    (schemas.RejectedTable, 1, "reason", "mood", "must be 'no_permission', "),
    (schemas.RejectedTable, 1, "path", "a", "must not repeat"),
    (schemas.RejectedTable, 1, "stage", "train", "must be 'scan', 'pair' or 'prepare'"),
    (schemas.FactTable, 1, "index", 2, "must count a patient's slices 0, 1, 2"),
    (schemas.FactTable, 1, "missing", "flair", "must be '', 'pre', 'post' or 'pre,post'"),
    (schemas.FactTable, 1, "mean_pre", 255.5, "must lie between 0 and 255"),
    (schemas.FactTable, 1, "mean_pre", np.nan, "must not be missing"),
    (schemas.FactTable, 1, "phash", "12", "must be 16 hexadecimal digits"),
    (schemas.FactTable, 1, "height", 0, "must be at least 1"),
    (schemas.ClinicalTable, 1, "Patient", "TCGA_CS_0001", "must not repeat"),
    (schemas.ClinicalTable, 1, "Patient", "two words", "must be one word"),
    (schemas.ClinicalTable, 1, "gender", 1.5, "must be a code"),
    (schemas.ClinicalTable, 1, "RNASeqCluster", 0.0, "must be a code"),
    (schemas.ClinicalTable, 1, "neoplasm_histologic_grade", 100.0, "must be a code"),
    (schemas.ClinicalTable, 1, "death01", 2.0, "must be 0 or 1"),
    (schemas.ClinicalTable, 1, "age_at_initial_pathologic", 121.0, "must lie between 0 and 120"),
    (schemas.LabelTable, 1, "has_tumor", False, "exactly where tumor_pixels > 0"),
    (schemas.LabelTable, 0, "has_tumor", True, "exactly where tumor_pixels > 0"),
    (schemas.LabelTable, 1, "gender", 1.5, "must be a code"),
    (schemas.LabelTable, 1, "index", 0, "must count a patient's slices"),
    (schemas.VolumeTable, 1, "patient", "a", "must not repeat"),
    (schemas.VolumeTable, 1, "patient", "A", "must ascend by patient"),
    (schemas.PartTable, 1, "part", "dev", "must be 'train', 'val' or 'test'"),
    (schemas.PartTable, 1, "slice", 0, "must not repeat"),
    (schemas.PartTable, 1, "fold", -1, "must be at least 0"),
    (schemas.LeakTable, 0, "part_b", "train", "between two different parts"),
    (schemas.LeakTable, 0, "slice_a", None, "names no slices, the others name both"),
    (schemas.LeakTable, 1, "slice_a", 1, "names no slices, the others name both"),
    (schemas.LeakTable, 0, "kind", "exact", "similarity must be 1"),
    (schemas.LeakTable, 0, "similarity", 1.1, "must lie between 0 and 1"),
    (schemas.FamiliarityTable, 0, "odd", "FLAIR is darker", "odd must be empty exactly where"),
    (schemas.FamiliarityTable, 1, "odd", "", "odd must be empty exactly where"),
    (schemas.FamiliarityTable, 0, "distance", -1.0, "must be at least 0"),
    (schemas.HistoryTable, 1, "epoch", 4, "must count 1, 2, 3"),
    (schemas.HistoryTable, 1, "loss", np.nan, "must not be missing"),
    (schemas.HistoryTable, 1, "learning_rate", 0.0, "must be greater than 0"),
    (schemas.PredictionTable, 0, "intersection", 7, "intersection must be at most"),
    (schemas.PredictionTable, 0, "mask", 0, "exactly where true_pixels > 0"),
    (schemas.PredictionTable, 1, "mask", 1, "exactly where true_pixels > 0"),
    (schemas.PredictionTable, 1, "has_mask", 1, "exactly where predicted_pixels > 0"),
    (schemas.PredictionTable, 0, "pixels", 8, "must be at most pixels"),
    (schemas.PredictionTable, 0, "part", "train", "must be 'val' or 'test'"),
    (schemas.PredictionTable, 1, "slice", 1, "must not repeat"),
    (schemas.PredictionTable, 0, "call", "perhaps", "must be 'tumor', 'unsure' or 'empty'"),
    (schemas.PredictionTable, 0, "score", 1.5, "must lie between 0 and 1"),
    (schemas.PredictionTable, 0, "hd95", np.nan, "hd95 is missing exactly where a mask is empty"),
    (schemas.PredictionTable, 1, "hd95", 2.0, "hd95 is missing exactly where a mask is empty"),
    (schemas.PredictionTable, 1, "nsd", 0.0, "nsd is missing exactly where both masks are empty"),
    (schemas.PatientTable, 1, "nsd", np.nan, "nsd is missing exactly where both masks are empty throughout"),
    (schemas.ConfidenceTable, 0, "tumor_pixels", 10, "must be at most pixels"),
    (schemas.ConfidenceTable, 0, "level", 256, "must lie between 0 and 255"),
    (schemas.ConfidenceTable, 1, "level", 0, "must not repeat"),
    (schemas.PatientTable, 0, "iou", 0.81, "Dice must be at least IoU"),
    (schemas.PatientTable, 0, "tumor_slices", 4, "must be at most slices"),
    (schemas.PatientTable, 0, "mean_slice_dice", np.nan, "exactly where there is no tumour slice"),
    (schemas.PatientTable, 1, "mean_slice_dice", 0.5, "exactly where there is no tumour slice"),
    (schemas.PatientTable, 1, "patient", "p", "must not repeat"),
    (schemas.FrameTable, 0, "overlay", None, "exactly where there is true or predicted tumour"),
    (schemas.FrameTable, 1, "overlay", "o2.png", "exactly where there is true or predicted tumour"),
    (schemas.FrameTable, 1, "predicted_mask", "1.png", "must not repeat"),
    (schemas.FrameTable, 3, "overlay", "o1.png", "overlay must not repeat"),
    (schemas.DoubtTable, 1, "rank", 3, "must count 1, 2, 3"),
    (schemas.DoubtTable, 1, "doubt", 0.9, "must not rise from one row to the next"),
    (schemas.DoubtTable, 1, "true_pixels", 0, "exactly if it has no pixel"),
    (schemas.DoubtTable, 0, "kind", "unmarked", "exactly if it has no pixel"),
    (schemas.DoubtTable, 1, "neighbor", pd.NA, "out of order fits another slice"),
    (schemas.DoubtTable, 2, "kind", "wrong", "must be 'empty', 'unmarked', 'overmarked' or 'order'"),
    (schemas.TrialTable, 1, "number", 3, "must count 0, 1, 2"),
    (schemas.TrialTable, 1, "parameters", "[]", "must be a JSON object"),
    (schemas.TrialTable, 1, "dice", np.nan, "exactly where a trial failed"),
    (schemas.TrialTable, 2, "why", "", "exactly where a trial failed"),
    (schemas.CurveTable, 1, "epoch", 1, "must not repeat"),
    (schemas.FoldTable, 1, "fold", 3, "must count 0, 1, 2"),
    (schemas.FoldTable, 1, "threshold", 0, "must lie between 1 and 255"),
    (schemas.FoldTable, 1, "slice_dice_tumor", np.nan, "exactly where there is no tumour slice"),
    (schemas.ImageTable, 1, "image_sha256", "x", "must be 64 hexadecimal digits"),
    (schemas.ImageTable, 1, "image_path", "p_1.tif", "must not repeat"),
    (schemas.AnswerTable, 0, "tumor_pixels", 17, "must be at most height x width"),
    (schemas.AnswerTable, 0, "overlay", None, "there is an overlay exactly where tumor_pixels > 0"),
    (schemas.AnswerTable, 1, "call", "maybe", "must be 'tumor', 'unsure' or 'empty'"),
    (schemas.AnswerTable, 1, "mask", "1.png", "must not repeat"),
    (schemas.ProfileTable, 1, "patient", "p", "must not repeat"),
    (schemas.ProfileTable, 0, "tumor_rate", 1.5, "must lie between 0 and 1"),
    (schemas.FingerprintTable, 1, "tumor_rate", np.nan, "missing exactly in the part train"),
    (schemas.FingerprintTable, 0, "unsure_rate", 0.5, "missing exactly in the part train"),
    (schemas.ArrivalTable, 1, "when", "2025-12-31", "must ascend by when"),
    (schemas.DriftTable, 0, "adjusted", 0.001, "adjusted must be at least p"),
    (schemas.DriftTable, 0, "measure", "mood", "must be 'brightness_pre', "),
]


@pytest.mark.parametrize(("schema", "row", "column", "value", "rule"), BROKEN)
def test_a_broken_rule_names_its_row(
    schema: type[pa.DataFrameModel], row: int, column: str, value: Any, rule: str
) -> None:
    broken = SOUND[schema]()
    broken.loc[row, column] = value
    with pytest.raises(schemas.InvalidTable) as failure:
        schemas.validate(broken, schema, "table")
    told = [str(problem) for problem in failure.value.problems if problem.row == row]
    assert any(rule in words for words in told), failure.value
    repeats = rule.endswith("must not repeat")  # which both rows do
    assert {problem.row for problem in failure.value.problems} - {row} <= ({0} if repeats else set())
