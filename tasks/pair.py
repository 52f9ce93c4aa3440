"""Stage `pair`: each slice's image and mask together, by patient and slice number; the rest rejected with a reason."""

from pathlib import Path

import pandas as pd

from gliaflow.ingest.clinical import gather_clinical
from gliaflow.ingest.pair import check_usable, pair_slices
from tasks.settings import IntakeSettings
from tasks.stage import stage
from tasks.tables import load, save


@stage(code=["gliaflow.ingest.pair", "gliaflow.ingest.clinical"], libraries=["pandas", "pyarrow"])
def pair(folder: Path, settings: IntakeSettings, *, files: Path, root: Path) -> None:
    """Pair images and masks; leaves `slices`, `rejected` and, where there is a data.csv, `clinical`."""
    table = load(files, "files")
    slices, rejected = pair_slices(table, wait=settings.unlabelled == "wait")
    clinical, fault = gather_clinical(root, table)
    if clinical is not None:
        save(folder, "clinical", clinical)
    rejected = pd.concat([rejected, fault], ignore_index=True).sort_values("path", ignore_index=True)
    check_usable(rejected, len(slices), settings.reject_limit)
    save(folder, "slices", slices)
    save(folder, "rejected", rejected)
