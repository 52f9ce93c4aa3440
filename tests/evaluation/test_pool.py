"""Out-of-fold figures: every patient once, as its own fold scored it; what does not fit is refused."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from gliaflow.evaluation.counts import patient_table
from gliaflow.evaluation.pool import Fold, UnusableFolds, pool_folds

PATIENTS = ("A", "B", "C", "D", "E", "F")
SITES = dict(zip(PATIENTS, ("x", "y", "x", "y", "x", "y"), strict=True))


def slices_of(patient: str, part: str, rng: np.random.Generator) -> pd.DataFrame:
    """Three slices of a patient, the first without tumour; counts drawn from `rng`."""
    true = np.array([0, *rng.integers(50, 100, 2)])
    found = rng.integers(0, 120, 3)
    return pd.DataFrame(
        {
            "patient": patient,
            "slice": [1, 2, 3],
            "part": part,
            "site": SITES[patient],
            "mask": (true > 0).astype(int),
            "has_mask": (found > 0).astype(int),
            "true_pixels": true,
            "predicted_pixels": found,
            "intersection": np.minimum(true, found) // 2,
            "pixels": 1024,
            "hd95": np.where((true > 0) & (found > 0), 3.0, np.nan),
            "nsd": np.where(true > 0, 0.5, np.nan),
        }
    )


@pytest.fixture
def labels():
    return pd.DataFrame(
        [(patient, number) for patient in PATIENTS for number in (1, 2, 3)], columns=["patient", "slice"]
    )


@pytest.fixture
def folds():
    """Three folds of six patients: two tested, one chosen by, three trained on."""
    rng = np.random.default_rng(0)
    made = []
    for number in range(3):
        order = PATIENTS[2 * number :] + PATIENTS[: 2 * number]
        parts = dict(zip(order, ("test", "test", "val", "train", "train", "train"), strict=True))
        table = pd.DataFrame([(p, s, part) for p, part in parts.items() for s in (1, 2, 3)])
        scored = pd.concat([slices_of(p, part, rng) for p, part in parts.items() if part != "train"], ignore_index=True)
        confidence = scored.groupby(["patient", "part"], as_index=False)["pixels"].sum()
        confidence = confidence.assign(level=7, tumor_pixels=number)
        made.append(
            Fold(
                number,
                table.set_axis(["patient", "slice", "part"], axis=1),
                scored,
                patient_table(scored),
                confidence,
                threshold=100 + number,
                min_pixels=10 * number,
            )
        )
    return made


def test_every_patient_counts_once_as_the_fold_that_tested_it_scored_it(labels, folds):
    pooled = pool_folds(labels, folds, resamples=100)
    assert list(pooled.patients["patient"]) == list(PATIENTS)
    assert list(pooled.patients["fold"]) == [0, 0, 1, 1, 2, 2] and pooled.patients["fold"].dtype == "Int64"
    assert pooled.predictions[["patient", "slice"]].equals(labels)
    assert set(pooled.predictions["part"]) == {"test"} and list(pooled.confidence["tumor_pixels"]) == [0, 0, 1, 1, 2, 2]
    tested = {patient: fold for fold in folds for patient in fold.predictions.query("part == 'test'")["patient"]}
    for patient, fold in tested.items():
        rows = fold.predictions.query("patient == @patient")
        dice = 2 * rows["intersection"].sum() / (rows["true_pixels"] + rows["predicted_pixels"]).sum()
        found = pooled.patients.set_index("patient").loc[patient, "dice"]
        assert found == pytest.approx(dice)
    by_name = {metric.name: metric for metric in pooled.metrics}
    assert by_name["volume_dice_mean"].value == pytest.approx(pooled.patients["dice"].mean())
    assert by_name["volume_dice_mean"].n == 6 and {metric.part for metric in pooled.metrics} == {"test"}


def test_a_fold_is_a_row_with_its_figures_and_its_operating_point(labels, folds):
    table = pool_folds(labels, folds, resamples=100).folds
    assert list(table["fold"]) == [0, 1, 2] and list(table["threshold"]) == [100, 101, 102]
    assert list(table["min_pixels"]) == [0, 10, 20]
    counts = table[["patients", "slices", "tumor_slices", "train_patients", "val_patients", "val_tumor_slices"]]
    assert counts.to_numpy().tolist() == [[2, 6, 4, 3, 1, 2]] * 3
    assert table["site"].isna().all()
    for row, fold in zip(table.to_dict("records"), folds, strict=True):
        rows = fold.predictions.query("part == 'test' and true_pixels > 0")
        dice = (2 * rows["intersection"] / (rows["true_pixels"] + rows["predicted_pixels"])).mean()
        assert row["slice_dice_tumor"] == pytest.approx(dice)
        assert row["dice_mean"] == pytest.approx(fold.patients.query("part == 'test'")["dice"].mean())


def test_a_fold_of_one_site_is_named_by_it(labels, folds):
    first = folds[0]
    both = first.predictions.assign(site="x"), first.patients.assign(site="x")
    pooled = pool_folds(labels, [replace(first, predictions=both[0], patients=both[1]), *folds[1:]], resamples=100)
    assert pooled.folds["site"].iloc[0] == "x" and pooled.folds["site"].iloc[1:].isna().all()


def test_a_patient_that_two_folds_test_is_refused(labels, folds):
    with pytest.raises(UnusableFolds, match=r"tested by one fold; A is by folds 0 and 1 \(2 such patients\)"):
        pool_folds(labels, [folds[0], replace(folds[0], number=1), folds[2]], resamples=100)


def test_a_slice_that_no_fold_tests_is_refused(labels, folds):
    with pytest.raises(UnusableFolds, match=r"tested once; C slice 1 was tested by no fold \(6 such slices\)"):
        pool_folds(labels, [folds[0], folds[2]], resamples=100)
    with pytest.raises(UnusableFolds, match=r"F slice 3 is not in the labelled table \(1 such slices\)"):
        pool_folds(labels.iloc[:-1], folds, resamples=100)


def test_a_slice_that_a_fold_tests_twice_is_refused(labels, folds):
    doubled = pd.concat([folds[0].predictions, folds[0].predictions.query("patient == 'B' and slice == 2")])
    with pytest.raises(UnusableFolds, match="tested once; B slice 2 is twice by fold 0"):
        pool_folds(labels, [replace(folds[0], predictions=doubled), *folds[1:]], resamples=100)
