"""`gliaflow score`: the figures of the evaluate stage again, from the files that the predict stage wrote."""

import json
import re
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import uniform_filter
from sklearn.metrics import roc_auc_score

from gliaflow.cli import main
from gliaflow.evaluation.evaluate import Evaluation, evaluate
from gliaflow.inference.masks import write_predictions
from gliaflow.ingest.readers import read_image, read_mask
from gliaflow.ingest.volumes import Volume, save_volume

SIZE = 32


def guess(masks: np.ndarray, seed: int) -> np.ndarray:
    """Probability maps uint8 [S, H, W] as of a network: the tumour moved and blurred, false spots, noise."""
    rng = np.random.default_rng(seed)
    moved = np.roll(masks, rng.integers(-2, 3, 2), axis=(1, 2)) * 255.0
    moved[:, 20:24, 3:6] += 255 * (rng.random((len(masks), 1, 1)) < 0.3)
    return np.clip(uniform_filter(moved, (0, 3, 3)) + rng.integers(0, 60, masks.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def run(tmp_path_factory, write_patient) -> tuple[Path, Path, Evaluation]:
    """A data folder of six patients; what evaluate and predict make of it, the last four being test."""
    root = tmp_path_factory.mktemp("run")
    labels, parts, volumes = [], [], {}
    (root / "probabilities").mkdir()
    for number in range(6):
        patient = f"TCGA_DU_{number:04d}_20000101"
        folder = write_patient(root / "data", patient, slices=5, size=SIZE, seed=number, tumor=number != 4)
        paths = [folder / f"{patient}_{each}" for each in range(1, 6)]
        masks = np.stack([read_mask(path.with_name(f"{path.name}_mask.tif")) for path in paths])
        images = np.stack([read_image(path.with_name(f"{path.name}.tif")) for path in paths])
        facts = pd.DataFrame({"patient": patient, "slice": range(1, 6), "index": range(5)})
        save_volume(root / "volumes" / patient, Volume(images, masks, facts, pd.DataFrame({"path": []})))
        volumes[patient] = root / "volumes" / patient
        np.save(root / "probabilities" / f"{patient}.npy", guess(masks, number))
        for index, path in enumerate(paths):
            file = path.relative_to(root / "data").as_posix()
            labels.append((patient, index + 1, index, "DU", f"{file}.tif", f"{file}_mask.tif", SIZE, SIZE))
            parts.append((patient, index + 1, "val" if number < 2 else "test"))
    table = pd.DataFrame(
        labels, columns=["patient", "slice", "index", "site", "image_path", "mask_path", "height", "width"]
    )
    split = pd.DataFrame(parts, columns=["patient", "slice", "part"])
    result = evaluate(table.drop(columns=["height", "width"]), split, volumes, root / "probabilities", resamples=200)
    test = result.predictions[result.predictions["part"] == "test"]
    slices = test.merge(table[["patient", "slice", "index", "height", "width"]], on=["patient", "slice"])
    operating = result.operating
    (root / "out").mkdir()
    write_predictions(root / "out", slices, volumes, root / "probabilities", operating.threshold, operating.min_pixels)
    for row in slices.itertuples():
        quantised = np.load(root / "probabilities" / f"{row.patient}.npy")[row.index]
        (root / "maps").mkdir(exist_ok=True)
        assert cv2.imwrite(str(root / "maps" / f"{row.patient}_{row.slice}_prob.png"), quantised)
    return root, root / "data", result


def test_the_masks_of_a_run_give_its_metrics_again(run, tmp_path, capsys):
    root, data, result = run
    out = tmp_path / "new" / "score.json"
    arguments = ["score", str(root / "out" / "masks"), str(data), "--resamples", "200", "--out", str(out)]
    assert main([*arguments, "--allow-missing"]) == 0
    told = json.loads(out.read_text(encoding="utf-8"))
    expected = {metric.name: asdict(metric) for metric in result.metrics if metric.part == "test"}
    assert len(told["metrics"]) == 14
    for metric in told["metrics"]:
        assert metric == expected[metric["name"]]
    values = {metric["name"]: metric["value"] for metric in told["metrics"]}
    assert 0.3 < values["volume_dice_mean"] < 1 and values["hd95_mean"] > 0
    assert "tumor_auroc" not in values and "AUROC and calibration are left out" in told["note"]
    patients = result.patients[result.patients["part"] == "test"]
    assert [row["patient"] for row in told["patients"]] == patients["patient"].tolist()
    assert [row["dice"] for row in told["patients"]] == patients["dice"].tolist()
    assert told["patients"][2]["mean_slice_dice"] is None  # that patient has no tumour
    assert (len(told["left_out"]["truth"]), told["left_out"]["predictions"]) == (10, [])
    printed = capsys.readouterr().out
    assert printed.startswith("4 patients, 20 slices, 9 tumour slices; left out: 10 true masks without a predicted one")
    assert "\nOnly 4 patients: expect the figures to change much with other patients" in printed
    mean = expected["volume_dice_mean"]
    (line,) = [line for line in printed.splitlines() if line.startswith("volume_dice_mean")]
    assert line.split() == [
        "volume_dice_mean", f"{mean['value']:.4f}", f"{mean['low']:.4f}", "to", f"{mean['high']:.4f}", "4", "patients",
    ]  # fmt: skip


def test_maps_bring_auroc_and_the_calibration_of_pixels(run, tmp_path, capsys):
    root, data, result = run
    arguments = ["score", str(root / "out" / "masks"), str(data), "--resamples", "200", "--allow-missing"]
    out = tmp_path / "score.json"
    assert main([*arguments, "--probabilities", str(root / "maps"), "--out", str(out)]) == 0
    told = json.loads(out.read_text(encoding="utf-8"))
    expected = {metric.name: asdict(metric) for metric in result.metrics if metric.part == "test"}
    same = [metric for metric in told["metrics"] if metric["name"] not in ("tumor_ece", "tumor_brier")]
    assert [metric for metric in same if metric != expected[metric["name"]]] == []
    test = result.predictions[result.predictions["part"] == "test"]
    values = {metric["name"]: metric["value"] for metric in told["metrics"]}
    assert values["tumor_auroc"] == pytest.approx(roc_auc_score(test["mask"], test["score"]))
    assert values["tumor_brier"] == pytest.approx(np.mean((test["mask"] - test["score"]) ** 2))  # not calibrated
    assert "Calibration is of the maps as they are" in capsys.readouterr().out


def test_masks_without_partner_end_it_and_nothing_is_written(run, tmp_path, capsys):
    root, data, _ = run
    assert main(["score", str(root / "out" / "masks"), str(data), "--out", str(tmp_path / "score.json")]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("gliaflow score: Every mask needs its partner") and captured.out == ""
    assert "10 true masks have none (TCGA_DU_0000_20000101/TCGA_DU_0000_20000101_1_mask.tif, " in captured.err
    assert not (tmp_path / "score.json").exists()


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (np.full((SIZE, SIZE // 2), 255, np.uint8), "Found: 32 x 16 for 32 x 32"),
        (np.arange(SIZE * SIZE, dtype=np.uint8).reshape(SIZE, SIZE), "A mask is black and one other value"),
    ],
)
def test_a_mask_that_cant_be_scored_is_named(run, tmp_path, capsys, picture, message):
    cv2.imwrite(str(tmp_path / "TCGA_DU_0003_20000101_2.png"), picture)
    assert main(["score", str(tmp_path), str(run[1]), "--allow-missing"]) == 2
    error = capsys.readouterr().err
    assert message in error and "TCGA_DU_0003_20000101_2.png" in error


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (np.full((SIZE, SIZE), 255, np.uint8), "Probability maps have grey values between 0 and 255"),
        (np.full((SIZE, SIZE), 40_000, np.uint16), "a grey picture of 8 bits.* Found: uint16"),
        (np.dstack([np.full((SIZE, SIZE), value, np.uint8) for value in (1, 2, 3)]), "Found: uint8 .*, in colour"),
        (np.full((SIZE, 16), 99, np.uint8), "Found: 32 x 16 for 32 x 32"),
    ],
)
def test_maps_that_are_none(run, tmp_path, capsys, picture, message):
    name = "TCGA_DU_0003_20000101_2"
    for folder, content in (("masks", np.zeros((SIZE, SIZE), np.uint8)), ("maps", picture)):
        (tmp_path / folder).mkdir()
        assert cv2.imwrite(str(tmp_path / folder / f"{name}.png"), content)
    arguments = ["score", str(tmp_path / "masks"), str(run[1]), "--allow-missing"]
    assert main([*arguments, "--probabilities", str(tmp_path / "maps")]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and re.search(message, captured.err)
