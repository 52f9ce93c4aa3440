"""Evaluation end to end on made probability maps: what is chosen on val, and what is counted where."""

import numpy as np
import pandas as pd
import pytest

from gliaflow.evaluation.evaluate import COLUMNS, evaluate
from gliaflow.ingest.volumes import Volume, save_volume

SIZE = 8


@pytest.fixture
def cohort(tmp_path):
    """Three patients of three slices, slice 2 with a square tumour; 200 is predicted inside, noise of 90 in slice 1."""
    labels, parts, volumes = [], [], {}
    (tmp_path / "probabilities").mkdir()
    for patient, part in (("a", "train"), ("b", "val"), ("c", "test")):
        masks = np.zeros((3, SIZE, SIZE), np.uint8)
        masks[1, 2:6, 2:6] = 1
        quantised = np.where(masks, 200, 0).astype(np.uint8)
        quantised[0, :2, :2] = 90
        facts = pd.DataFrame({"patient": patient, "slice": [1, 2, 3], "index": [0, 1, 2]})
        volume = Volume(np.zeros((3, SIZE, SIZE, 3), np.uint8), masks, facts, pd.DataFrame({"path": []}))
        save_volume(tmp_path / patient, volume)
        volumes[patient] = tmp_path / patient
        if part != "train":
            np.save(tmp_path / "probabilities" / f"{patient}.npy", quantised)
        for index, number in enumerate((1, 2, 3)):
            path = f"{patient}/{number}"
            labels.append((patient, number, index, "CS", f"{path}.tif", f"{path}_mask.tif"))
            parts.append((patient, number, part, None))
    columns = ["patient", "slice", "index", "site", "image_path", "mask_path"]
    return (
        pd.DataFrame(labels, columns=columns),
        pd.DataFrame(parts, columns=["patient", "slice", "part", "fold"]),
        volumes,
        tmp_path / "probabilities",
    )


def test_the_threshold_leaves_the_noise_out_and_the_counts_follow(cohort):
    result = evaluate(*cohort, resamples=100)
    assert 90 < result.operating.threshold <= 200
    assert (result.operating.dice, result.operating.min_pixels) == (1.0, 0)
    rows = result.predictions
    assert list(rows["patient"].unique()) == ["b", "c"]
    assert rows["mask"].tolist() == rows["has_mask"].tolist() == [0, 1, 0] * 2
    assert rows["true_pixels"].tolist() == rows["intersection"].tolist() == [0, 16, 0] * 2
    assert rows["score"].tolist() == pytest.approx([90 / 255, 200 / 255, 0] * 2)
    assert rows["tumor_probability"].rank().tolist() == rows["score"].rank().tolist()
    assert rows["call"].tolist() == ["empty", "tumor", "empty"] * 2
    assert rows["hd95"].tolist() == pytest.approx([np.nan, 0, np.nan] * 2, nan_ok=True)
    assert rows["nsd"].tolist() == pytest.approx([np.nan, 1, np.nan] * 2, nan_ok=True)
    assert list(rows.columns) == COLUMNS
    assert result.patients.set_index("patient")["dice"].to_dict() == {"b": 1.0, "c": 1.0}


def test_val_alone_decides(cohort):
    labels, parts, volumes, probabilities = cohort
    before = evaluate(labels, parts, volumes, probabilities, resamples=100)
    np.save(probabilities / "c.npy", np.full((3, SIZE, SIZE), 255, np.uint8))  # test becomes hopeless
    after = evaluate(labels, parts, volumes, probabilities, resamples=100)
    assert (after.operating, after.detection) == (before.operating, before.detection)
    (dice,) = [m.value for m in after.metrics if m.name == "volume_dice_mean" and m.part == "test"]
    assert dice == pytest.approx(2 * 16 / (16 + 3 * SIZE * SIZE))


def test_slices_of_one_patient_on_two_sides_are_told_apart(cohort):
    labels, parts, volumes, probabilities = cohort
    parts = parts[parts["patient"] == "c"].assign(part=["train", "val", "test"])
    rows = evaluate(labels, parts, volumes, probabilities, resamples=100).predictions
    assert list(zip(rows["slice"], rows["part"], rows["true_pixels"], strict=True)) == [(2, "val", 16), (3, "test", 0)]


def test_every_pixel_of_val_and_test_is_in_the_confidence_table(cohort):
    table = evaluate(*cohort, resamples=100).confidence
    expected = [
        (patient, part, *counts)
        for patient, part in (("b", "val"), ("c", "test"))
        for counts in ((0, 172, 0), (90, 4, 0), (200, 16, 16))
    ]
    assert list(table.itertuples(index=False, name=None)) == expected


def test_the_metrics_are_all_there_on_both_parts(cohort):
    metrics = evaluate(*cohort, resamples=100).metrics
    names = [metric.name for metric in metrics if metric.part == "test"]
    assert (names[0], names[-1]) == ("volume_dice_mean", "pixel_accuracy")
    assert names == [metric.name for metric in metrics if metric.part == "val"]
    assert {"hd95_mean", "nsd_tumor", "tumor_auroc", "tumor_ece", "call_sensitivity", "pixel_ece"} <= set(names)


def test_specks_are_dropped_where_that_pays_on_val(cohort):
    labels, parts, volumes, probabilities = cohort
    for patient in ("b", "c"):
        quantised = np.load(probabilities / f"{patient}.npy")
        quantised[2, 7, 6:8] = 255  # false tumour of two pixels that no threshold tells from the true one
        np.save(probabilities / f"{patient}.npy", quantised)
    result = evaluate(labels, parts, volumes, probabilities, resamples=100)
    assert (result.operating.min_pixels, result.operating.dice) == (10, 1.0)
    assert max(result.operating.curve) == pytest.approx(32 / 34)
    assert result.predictions["has_mask"].tolist() == [0, 1, 0] * 2


def test_a_component_may_reach_into_a_slice_of_another_part(cohort):
    """Under the protocol `slice` a patient's slices lie in several parts; its volume is whole all the same."""
    labels, parts, volumes, probabilities = cohort
    quantised = np.zeros((3, SIZE, SIZE), np.uint8)
    quantised[1, 2:6, 2:6] = 200
    quantised[2, 5, 5:7] = 200  # hangs together with slice 2
    quantised[0, 0, 0] = 200  # a speck
    np.save(probabilities / "c.npy", quantised)
    parts = parts[parts["patient"] == "c"].assign(part=["val", "val", "test"])
    result = evaluate(labels, parts, volumes, probabilities, resamples=100)
    assert result.operating.min_pixels == 10
    assert result.predictions["predicted_pixels"].tolist() == [0, 16, 2]
