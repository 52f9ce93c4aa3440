"""Stage `fingerprint`: the patients that a model comes from in figures, for what it meets later to be held against."""

from pathlib import Path

from gliaflow.inference.bundle import read_bundle
from gliaflow.inference.fingerprint import take_fingerprint
from tasks.console import progress
from tasks.settings import Nothing
from tasks.stage import stage
from tasks.tables import load, save


@stage(code=["gliaflow.inference.fingerprint"], libraries=["numpy", "opencv-python-headless", "pandas", "pyarrow"])
def fingerprint(
    folder: Path,
    settings: Nothing,
    *,
    release: Path,
    scores: Path,
    labels: Path,
    parts: Path,
    volumes: dict[str, Path],
) -> None:
    """Leave the table `fingerprint`: a row a patient, with what the model says of those that it wasn't trained on."""
    with progress("fingerprint", "patients") as bar:
        table = take_fingerprint(
            load(labels, "labels"),
            load(parts, "parts"),
            load(scores, "predictions"),
            volumes,
            read_bundle(release),
            bar,
        )
    save(folder, "fingerprint", table)
