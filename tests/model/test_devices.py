"""Training shared by several devices comes to what one device comes to."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gliaflow.model.archive import load_model
from gliaflow.model.recipes import Recipe
from gliaflow.store.tables import read_table, write_table

pytest.importorskip("jax", reason="the extra `jax` is not installed, and no other backend shares a batch")

# Trains twice in one process, which sees two devices: on the first of them, and on both.
SCRIPT = """
import json, sys
from pathlib import Path
import numpy as np
import gliaflow.model.training as training
from gliaflow.model.hardware import count_devices, share, sharing
from gliaflow.model.recipes import parse_recipe
from gliaflow.store.tables import read_table
spec = json.loads(Path(sys.argv[1]).read_text())
base, recipe = Path(sys.argv[1]).parent, parse_recipe(spec["recipe"])
there = count_devices(recipe.batch_size)
volumes = {patient: Path(folder) for patient, folder in spec["volumes"].items()}
for devices in (1, 2):
    training.count_devices = lambda batch_size: devices
    training.train(base / f"on{devices}", volumes, read_table(base / "parts.parquet"), recipe, seed=3,
                   work=base / f"work{devices}")
with sharing(2):
    parts = [[len(part.data) for part in share(np.zeros((n, 8, 8, 1))).addressable_shards] for n in (4, 3)]
print(json.dumps({"there": there, "parts": parts}))
"""


def test_two_devices_train_as_one(
    tmp_path: Path, volumes: dict[str, Path], parts: pd.DataFrame, modern: Recipe
) -> None:
    """With all that looks at a batch as a whole: normalisation, pooled Dice, a smaller tail (11 slices are 4 + 4 + 3).

    The tolerance is float32's rounding (6e-8 of a sum of thousands of terms, added up in another order) carried through
    six steps of Adam, which divides by what may be small; 3e-6 was seen on weights up to 8.
    """
    recipe = modern.model_copy(update={"epochs": 2, "passes": 1, "batch_size": 4, "empty_ratio": 0.25})
    write_table(parts, tmp_path / "parts.parquet")
    spec = {"volumes": {name: str(path) for name, path in volumes.items()}, "recipe": recipe.model_dump(mode="json")}
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    flags = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "spec.json")]
    ran = subprocess.run(command, env={**os.environ, **flags}, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout.splitlines()[-1]) == {"there": 2, "parts": [[2, 2], [3, 3]]}

    alone, shared = (tmp_path / "on1", tmp_path / "on2")
    told = [json.loads((folder / "summary.json").read_text())["device"] for folder in (alone, shared)]
    assert told == ["cpu", "2 cpus"]
    histories = [read_table(folder / "history.parquet") for folder in (alone, shared)]
    pd.testing.assert_frame_equal(*histories, rtol=1e-4)
    for one, two in zip(*(load_model(folder / "model.keras").get_weights() for folder in (alone, shared)), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-4)
