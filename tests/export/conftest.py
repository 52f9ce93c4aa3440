"""A release of two tiny networks, and its exports, made once."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from gliaflow.export.slices import draw_study
from gliaflow.model.unet import build_unet

SIZE = 64


@dataclass(frozen=True)
class Exported:
    """A release's folder after `gliaflow export`, and how that went."""

    folder: Path
    slices: Path
    home: Path
    status: int
    out: str
    err: str


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory, make_release) -> Path:
    """A release of two tiny networks that find bright FLAIR, not exported. Copy it before changing it."""
    networks = []
    for seed in range(2):
        network = build_unet(SIZE, 32, (4, 8), (0.0, 0.0), stem="fold", standardise="range", seed=seed)
        last = network.get_layer("probability")
        kernel, bias = last.get_weights()
        last.set_weights([8 * kernel, bias])  # untrained, it would say 0.5 of nearly every pixel
        networks.append(network)
    volumes = {f"P{seed:02d}": draw_study(SIZE, np.random.default_rng(seed)) for seed in range(12)}
    folder = tmp_path_factory.mktemp("released") / "release"
    make_release(folder, networks, volumes, threshold=140, mirror=True)
    return folder


@pytest.fixture(scope="session")
def real_slices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the slices of two patients, as TIFFs of another size and with their masks beside them."""
    folder = tmp_path_factory.mktemp("slices")
    for number in range(2):
        patient = f"TCGA_CS_{number:04d}_20000101"
        (folder / patient).mkdir()
        for row, image in enumerate(draw_study(80, np.random.default_rng(number)), start=1):
            cv2.imwrite(str(folder / patient / f"{patient}_{row}.tif"), image[..., ::-1])
            cv2.imwrite(str(folder / patient / f"{patient}_{row}_mask.tif"), np.zeros((80, 80), np.uint8))
    return folder


@pytest.fixture(scope="session")
def exported(released: Path, real_slices: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """The release, exported to every format on the command line. Copy the folder before changing it."""
    home = tmp_path_factory.mktemp("home")
    folder = home.parent / f"{home.name}-release"
    shutil.copytree(released, folder)
    formats = "openvino,onnx,litert,savedmodel"
    arguments = ["export", str(folder), "--to", formats, "--slices", str(real_slices)]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; from gliaflow.cli import main; sys.exit(main({arguments!r}))"],
        capture_output=True,
        text=True,
        env={**os.environ, "HOME": str(home)},
    )
    return Exported(folder, real_slices, home, done.returncode, done.stdout, done.stderr)


@pytest.fixture
def release(exported: Exported, tmp_path: Path) -> Path:
    """A copy of the exported release."""
    return Path(shutil.copytree(exported.folder, tmp_path / "release"))
