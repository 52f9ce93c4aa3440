"""A folder as BraTS has it trains as it is."""

from pathlib import Path

import nibabel
import numpy as np
import pandas as pd


def write_case(folder: Path, seed: int) -> None:
    """Four sequences of a head of 32 x 36 x 8 voxels, and labels of its tumour."""
    rng = np.random.default_rng(seed)
    shape = (32, 36, 8)
    i, j, _ = np.indices(shape)
    labels = np.zeros(shape, np.uint8)
    row = 6 + seed
    labels[row : row + 6, 12:20, 2:6], labels[row + 2, 14:18, 3:5] = 2, 4
    folder.mkdir(parents=True)
    for end in ("t1", "flair", "t1ce", "t2"):
        head = ((i - 16) ** 2 + (j - 18) ** 2 < 14**2) * rng.integers(200, 400, shape)
        head[labels > 0] = 900 if end == "flair" else 450
        _write(folder / f"{folder.name}_{end}.nii.gz", head.astype(np.int16))
    _write(folder / f"{folder.name}_seg.nii.gz", labels)


def _write(path: Path, voxels: np.ndarray) -> None:
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([-7.0, -7, 5, 1])), path)


def test_brats_trains_with_no_renaming(run_train, tmp_path: Path) -> None:
    for seed in range(6):
        write_case(tmp_path / "data" / f"BraTS20_Training_00{seed + 1}", seed)
    run = run_train(tmp_path / "data", tmp_path / "artifacts")

    labels = pd.read_parquet(run.folder("label") / "labels.parquet")
    assert labels.groupby("patient")["has_tumor"].sum().tolist() == [4] * 6
    assert len(labels) == 48 and set(labels["missing"]) == {""}
    predictions = pd.read_parquet(run.folder("evaluate") / "predictions.parquet")
    assert len(predictions) > 0 and set(predictions["patient"]) <= set(labels["patient"])
    assert "BraTS20_Training_00" in run.report.read_text()
