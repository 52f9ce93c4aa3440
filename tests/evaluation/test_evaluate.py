"""Evaluation end to end on made probability maps: what is chosen on val, and what is counted where."""

import numpy as np
import pandas as pd
import pytest

from gliaflow.evaluation.evaluate import evaluate
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
    assert 90 < result.threshold.value <= 200
    assert result.threshold.dice == 1.0
    rows = result.predictions
    assert list(rows["patient"].unique()) == ["b", "c"]
    assert rows["mask"].tolist() == rows["has_mask"].tolist() == [0, 1, 0] * 2
    assert rows["true_pixels"].tolist() == rows["intersection"].tolist() == [0, 16, 0] * 2
    assert rows["tumor_probability"].tolist() == pytest.approx([90 / 255, 200 / 255, 0] * 2)
    assert result.patients.set_index("patient")["dice"].to_dict() == {"b": 1.0, "c": 1.0}


def test_val_alone_decides(cohort):
    labels, parts, volumes, probabilities = cohort
    before = evaluate(labels, parts, volumes, probabilities, resamples=100).threshold
    np.save(probabilities / "c.npy", np.full((3, SIZE, SIZE), 255, np.uint8))  # test becomes hopeless
    after = evaluate(labels, parts, volumes, probabilities, resamples=100)
    assert after.threshold == before
    (dice,) = [m.value for m in after.metrics if m.name == "volume_dice_mean" and m.part == "test"]
    assert dice == pytest.approx(2 * 16 / (16 + 3 * SIZE * SIZE))


def test_slices_of_one_patient_on_two_sides_are_told_apart(cohort):
    labels, parts, volumes, probabilities = cohort
    parts = parts[parts["patient"] == "c"].assign(part=["train", "val", "test"])
    rows = evaluate(labels, parts, volumes, probabilities, resamples=100).predictions
    assert list(zip(rows["slice"], rows["part"], rows["true_pixels"], strict=True)) == [(2, "val", 16), (3, "test", 0)]
