"""Fixtures of studies: tiny volumes on disk, and what becomes of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from gliaflow.ingest.studies.files import list_files
from gliaflow.ingest.studies.opening import open_studies

Write = Callable[..., Path]


@pytest.fixture
def write_nifti(tmp_path: Path) -> Write:
    """`write_nifti(name, voxels, affine=…)` writes `voxels` [I, J, K] below tmp_path / "given" and gives the path."""

    def write(name: str, voxels: np.ndarray, affine: np.ndarray | None = None, **fields: Any) -> Path:
        path = tmp_path / "given" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = nibabel.Nifti1Image(voxels, np.diag([1.0, 1, 1, 1]) if affine is None else affine)
        for field, value in fields.items():
            image.header[field] = value
        nibabel.save(image, path)
        return path

    return write


@pytest.fixture
def open_given(tmp_path: Path) -> Callable[..., tuple[list[Any], list[Any]]]:
    """`open_given(*paths)`: the studies and the refusals of what is given."""

    def open_all(*paths: Path) -> tuple[list[Any], list[Any]]:
        found = list(open_studies(list_files([str(path) for path in paths], tmp_path / "unpacked")))
        return [one for one in found if hasattr(one, "images")], [one for one in found if not hasattr(one, "images")]

    return open_all


@pytest.fixture(scope="session")
def blob() -> Callable[..., np.ndarray]:
    """`blob(shape, seed=0)`: int16 voxels of a bright ball in the dark, with noise."""

    def make(shape: tuple[int, int, int] = (12, 14, 10), seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        places = np.indices(shape) - np.reshape(shape, (3, 1, 1, 1)) / 2
        ball = (np.square(places / np.reshape(shape, (3, 1, 1, 1)) * 2.4).sum(axis=0) < 1).astype(np.int16)
        return ball * rng.integers(300, 900, shape, dtype=np.int16)

    return make
