"""Tiny volumes to train on: four patients of 32 x 32 slices, whose lesions are where FLAIR is bright."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gliaflow.model.recipes import Augmentation, Recipe
from gliaflow.store.tables import write_table

Volumes = Callable[..., dict[str, Path]]


def write_volume(folder: Path, *, slices: int = 4, size: int = 32, seed: int = 0, tumor: bool = True) -> Path:
    """Write a volume whose slices are numbered from 11 and lie in the arrays backwards; the first has no tumour."""
    rng = np.random.default_rng(seed)
    images = rng.integers(20, 100, (slices, size, size, 3), dtype=np.uint8)
    masks = np.zeros((slices, size, size), np.uint8)
    for i in range(slices - 1 if tumor else 0):
        row, column = rng.integers(2, size // 2, 2)
        masks[i, row : row + size // 4, column : column + size // 4] = 1
        images[i, masks[i] > 0, 1] = 230
    folder.mkdir(parents=True)
    np.save(folder / "images.npy", images)
    np.save(folder / "masks.npy", masks)
    numbers, index = np.arange(11, 11 + slices), np.arange(slices)[::-1]
    facts = {"slice": numbers, "index": index, "tumor_pixels": masks.sum(axis=(1, 2), dtype=np.int64)[index]}
    write_table(pd.DataFrame({"patient": folder.name, **facts}), folder / "facts.parquet")
    return folder


@pytest.fixture
def volumes(tmp_path: Path) -> dict[str, Path]:
    """Patients a, b, c, d with four slices each."""
    return {name: write_volume(tmp_path / "volumes" / name, seed=i) for i, name in enumerate("abcd")}


@pytest.fixture
def parts() -> pd.DataFrame:
    """a, b and c for training, d for validation; in no order."""
    rows = [(name, number, "val" if name == "d" else "train") for name in "dbca" for number in (14, 11, 13, 12)]
    return pd.DataFrame(rows, columns=["patient", "slice", "part"])


@pytest.fixture
def tiny() -> Recipe:
    """A recipe whose network is small and whose every random part is switched on."""
    return Recipe(
        name="tiny",
        work_size=16,
        filters=(4, 8),
        dropouts=(0.1, 0.2),
        loss="bce_dice",
        learning_rate=1e-2,
        schedule="cosine",
        warmup=1.0,
        batch_size=4,
        epochs=4,
        empty_ratio=0.5,
        augmentation=Augmentation(),
        monitor="val_dice",
        precision="float32",
    )


@pytest.fixture
def modern(tiny: Recipe) -> Recipe:
    """A recipe with all that the notebook's does not have: neighbours, folding, normalisation, crops, averages."""
    return tiny.model_copy(
        update={
            "name": "modern",
            "stem": "fold",
            "neighbours": 1,
            "normalise": "batch",
            "loss": "bce_batch_dice",
            "average": 0.8,
            "crop": 24,
            "passes": 2,
            "augmentation": Augmentation(elastic=1.0, bias=0.2, noise=4.0),
        }
    )
