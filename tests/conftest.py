"""Fixtures shared by every room: tiny made-up patients in the layout of kaggle_3m, and the real ones where at hand."""

import json
import logging
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

Kaggle = Callable[..., Path]
TINY_RECIPE = {
    "work_size": 32,
    "filters": [4, 8],
    "dropouts": [0.1, 0.2],
    "epochs": 2,
    "batch_size": 4,
    "precision": "float32",
}


@pytest.fixture(scope="session", autouse=True)
def home() -> Iterator[None]:
    """Keep Prefect's state out of the user's home, and its analytics off; set before anything imports Prefect."""
    with tempfile.TemporaryDirectory(prefix="gliaflow-prefect-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", folder)
        patch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
        patch.setenv("DO_NOT_TRACK", "1")
        patch.delenv("PREFECT_API_URL", raising=False)
        yield


def _write_patient(
    root: Path,
    patient: str = "TCGA_CS_0001_20000101",
    *,
    slices: int = 4,
    size: int = 32,
    seed: int = 0,
    tumor: bool = True,
) -> Path:
    """Write `slices` TIFF pairs of `size` x `size`; all but the first and last have a square, FLAIR-bright lesion."""
    rng = np.random.default_rng([seed, *patient.encode()])
    folder = root / patient
    folder.mkdir(parents=True)
    for number in range(1, slices + 1):
        image = rng.integers(20, 120, (size, size, 3), dtype=np.uint8)
        mask = np.zeros((size, size), np.uint8)
        if tumor and 1 < number < slices:
            row, column = rng.integers(2, size // 2, 2)
            mask[row : row + size // 4, column : column + size // 4] = 255
            image[mask > 0, 1] = 230
        tifffile.imwrite(folder / f"{patient}_{number}.tif", image)
        tifffile.imwrite(folder / f"{patient}_{number}_mask.tif", mask)
    return folder


@pytest.fixture(scope="session")
def write_patient() -> Kaggle:
    """`write_patient(root, patient, slices=4, size=32, seed=0, tumor=True)` writes one patient as kaggle_3m does."""
    return _write_patient


@pytest.fixture
def kaggle(tmp_path: Path) -> Kaggle:
    """`kaggle(patients=3, slices=4, size=32, seed=0)` writes a tiny kaggle_3m folder and returns its path."""

    def make(patients: int = 3, *, name: str = "kaggle_3m", slices: int = 4, size: int = 32, seed: int = 0) -> Path:
        root = tmp_path / name
        sites = ("CS", "DU", "HT")
        for i in range(patients):
            _write_patient(root, f"TCGA_{sites[i % 3]}_{i + 1:04d}_20000101", slices=slices, size=size, seed=seed)
        return root

    return make


@pytest.fixture(scope="session")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe file by which a training on tiny patients takes seconds."""
    path = tmp_path_factory.mktemp("recipe") / "tiny.json"
    path.write_text(json.dumps(TINY_RECIPE))
    return path


def _make_release(
    folder: Path,
    networks: Sequence[Any],
    volumes: Mapping[str, np.ndarray] | None = None,
    *,
    threshold: int = 110,
    mirror: bool = False,
    score: tuple[float, ...] = (0.9, 0.8, 0.1, 0.2),
) -> list[Path]:
    """Release `networks` in the new `folder`; gives the model files, which lie beside it.

    volumes : slices by patient, to which it is used
    score : of four slices by which it is fitted, the upper half with tumour
    """
    from gliaflow.evaluation.detection import fit_detection
    from gliaflow.inference.bundle import Bundle, copy_members, write_bundle
    from gliaflow.inference.familiarity import fit_familiarity
    from gliaflow.inference.properties import measure_volume
    from gliaflow.model.archive import save_model

    folder.mkdir()
    models = [folder.parent / f"model{number}.keras" for number in range(len(networks))]
    for network, model in zip(networks, models, strict=True):
        save_model(network, model)
    scores = np.array(score)
    bundle = Bundle(
        members=copy_members(folder, models),
        size=networks[0].input_shape[1],
        threshold=threshold,
        min_pixels=5,
        mirror=mirror,
        detection=fit_detection(scores, scores > scores.mean(), np.array(["a", "b", "a", "b"])),
        familiarity=fit_familiarity({patient: measure_volume(images) for patient, images in (volumes or {}).items()}),
        recipe={},
    )
    write_bundle(folder, bundle)
    return models


@pytest.fixture(scope="session")
def make_release() -> Callable[..., list[Path]]:
    """`make_release(folder, networks, volumes={}, threshold=110, mirror=False, score=…)` writes a release."""
    return _make_release


@pytest.fixture(scope="session")
def tiny_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A released network of 64 x 64 that knows nothing: don't change it, copy it."""
    from gliaflow.model.unet import build_unet

    folder = tmp_path_factory.mktemp("tiny") / "release"
    _make_release(folder, [build_unet(64, 64, (4, 8), (0.0, 0.0), prior=0.4)], score=(0.45, 0.44, 0.1, 0.2))
    return folder


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """An S3 server on this machine, which s3fs finds through the environment; gives its address."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it tells every request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a new bucket, s3://name; this machine's copies of it lie in `tmp_path`."""
    import boto3

    monkeypatch.setenv("GLIAFLOW_CACHE", str(tmp_path / "copies"))
    name = f"test-{uuid.uuid4().hex[:12]}"
    boto3.client("s3", endpoint_url=s3).create_bucket(Bucket=name)
    return f"s3://{name}"


@pytest.fixture(scope="session")
def real_data() -> str:
    """The real patients (a kaggle_3m folder or its archive), named by GLIAFLOW_REAL_DATA."""
    path = os.environ.get("GLIAFLOW_REAL_DATA", "")
    if not path or not Path(path).exists():
        pytest.skip("GLIAFLOW_REAL_DATA does not name a folder or archive with real patients")
    return path
