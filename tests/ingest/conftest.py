"""Fixtures of the way in: a tiny phantom to spoil, and what becomes of a folder."""

import importlib.util
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gliaflow.ingest.phantom.clinical import HEADER, draw_row
from gliaflow.ingest.phantom.patient import Patient
from gliaflow.ingest.phantom.write import write_patient

PATIENTS = ("TCGA_CS_P001_19990101", "TCGA_DU_P002_20010101", "TCGA_HT_P003_20030101")
INTAKE = Path(__file__).with_name("intake.py")


@pytest.fixture(scope="session")
def tiny_phantom() -> Callable[..., Path]:
    """`tiny_phantom(root, slices=3)` writes three patients of 32 x 32, called as phantom patients are, and data.csv."""

    def write(root: Path, slices: int = 3) -> Path:
        root.mkdir(parents=True)
        rng = np.random.default_rng(0)
        rows = []
        for number, name in enumerate(PATIENTS):
            images = rng.integers(0, 200, (slices, 32, 32, 3), dtype=np.uint8)
            masks = np.zeros((slices, 32, 32), np.uint8)
            masks[1:, 8:16, 8:20] = 255
            write_patient(root, Patient(name, name[:12], images, masks))
            rows.append(draw_row(name[:12], number, 0))
        (root / "data.csv").write_text("\n".join([HEADER, *rows, ""]))
        return root

    return write


@pytest.fixture(scope="session")
def take_in() -> Callable[[Path], Any]:
    """`take_in(root)`: what becomes of a folder, from scan to prepare."""
    spec = importlib.util.spec_from_file_location("intake", INTAKE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["intake"] = module
    spec.loader.exec_module(module)
    return module.take_in  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def snapshot() -> Callable[[Path], dict[str, tuple[Any, ...]]]:
    """`snapshot(root)`: kind, mode, owner, size, time of change and content of all that lies below a folder."""

    def look(root: Path) -> dict[str, tuple[Any, ...]]:
        found: dict[str, tuple[Any, ...]] = {}
        for directory, folders, files in os.walk(root):
            for path in [directory, *(os.path.join(directory, name) for name in [*folders, *files])]:
                status = os.lstat(path)
                content: Any = os.readlink(path) if stat.S_ISLNK(status.st_mode) else None
                if stat.S_ISREG(status.st_mode) and status.st_size < 1 << 20 and os.access(path, os.R_OK):
                    content = Path(path).read_bytes()
                found[path] = (status.st_mode, status.st_uid, status.st_size, status.st_mtime_ns, content)
        return found

    return look
