"""Stage `train`: the network learns, in a child process of its own, and goes on where a killed attempt stopped."""

from pathlib import Path

from gliaflow.process import run_child
from tasks.console import progress
from tasks.settings import Training
from tasks.stage import stage
from tasks.tables import load


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
        run_child("gliaflow.model.training", spec, bar.on_event)
    load(folder, "history")
