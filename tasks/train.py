"""Stage `train`: the network learns, in a child process of its own, and goes on where a killed attempt stopped."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gliaflow.process import ChildFailed, run_child
from tasks.console import progress
from tasks.settings import Training
from tasks.stage import stage
from tasks.tables import load
from tasks.turns import turn

logger = logging.getLogger("gliaflow.run")

ATTEMPTS = 2
PAUSE = 5.0  # seconds in which whoever else took the memory may give some back


@stage(
    code=["gliaflow.model.training"],
    libraries=["keras", "tensorflow-cpu/tensorflow", "numpy", "opencv-python-headless"],
    resumes=True,
)
def train(
    folder: Path, settings: Training, *, work: Path, prepared: Path, parts: Path, volumes: dict[str, Path]
) -> None:
    """Train by the recipe; leaves `model.keras`, `history`, `summary.json` and TensorBoard `logs/`."""
    spec = {
        "folder": str(folder),
        "work": str(work),
        "volumes": {patient: str(path) for patient, path in volumes.items()},
        "parts": str(parts / "parts.parquet"),
        "recipe": settings.recipe.model_dump(mode="json"),
        "seed": settings.seed,
    }
    with progress("train", "steps") as bar:
        train_in_child(spec, bar.on_event)
    load(folder, "history")


def train_in_child(spec: dict[str, Any], on_event: Callable[[dict[str, Any]], None]) -> None:
    """Train as `spec` says in a child process, when its turn has come; killed, it goes on once from its checkpoint.

    Most are killed for want of memory, which another process may have taken for a while, and the second try costs an
    epoch at the most. Any other failure would come again: a loss that explodes explodes alike, as all is seeded.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with turn():
                return run_child("gliaflow.model.training", spec, on_event)
        except ChildFailed as failure:
            if not failure.killed or attempt == ATTEMPTS:
                raise
            logger.warning("The process that trains was killed; it may have run out of memory. It is tried once more")
            time.sleep(PAUSE)
