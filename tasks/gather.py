"""Stage `gather`: the images to predict, by patient and slice, with or without masks."""

from pathlib import Path

from gliaflow.ingest.gather import gather_images
from tasks.settings import Nothing
from tasks.stage import stage
from tasks.tables import load, save


@stage(code=["gliaflow.ingest.gather"], libraries=["pandas", "pyarrow"])
def gather(folder: Path, settings: Nothing, *, files: Path) -> None:
    """Find the images; leaves `images` and `rejected`."""
    images, rejected = gather_images(load(files, "files"))
    save(folder, "images", images)
    save(folder, "rejected", rejected)
