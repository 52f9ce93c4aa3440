"""Stage `predict`: the masks of the test slices as files, with overlays and the prediction frame."""

import json
from pathlib import Path

from gliaflow.inference.masks import write_predictions
from tasks.console import progress
from tasks.settings import Nothing
from tasks.stage import stage
from tasks.tables import load, save


@stage(code=["gliaflow.inference.masks"], libraries=["numpy", "opencv-python-headless", "pandas", "pyarrow", "scipy"])
def predict(folder: Path, settings: Nothing, *, scores: Path, labels: Path, volumes: dict[str, Path]) -> None:
    """Write `masks/`, `overlays/` and the table `frame`, from the probabilities and operating point of `evaluate`."""
    predictions = load(scores, "predictions")
    places = load(labels, "labels")[["patient", "slice", "index", "height", "width"]]
    slices = predictions[predictions["part"] == "test"].merge(places, on=["patient", "slice"], validate="one_to_one")
    operating = json.loads((scores / "operating.json").read_text(encoding="utf-8"))
    with progress("predict", "patients") as bar:
        frame = write_predictions(
            folder,
            slices,
            volumes,
            scores / "probabilities",
            operating["threshold"],
            operating["min_pixels"],
            progress=bar,
        )
    save(folder, "frame", frame)
