"""Stage `pair`: each slice's image and mask together, by patient and slice number; the rest rejected with a reason."""

from pathlib import Path

import pandas as pd

from gliaflow.ingest.clinical import read_clinical_files
from gliaflow.ingest.pair import Rejection, check_usable, pair_slices, rejected_table
from gliaflow.ingest.reasons import UnusableFile
from tasks.settings import IntakeSettings
from tasks.stage import stage
from tasks.tables import load, save


@stage(code=["gliaflow.ingest.pair", "gliaflow.ingest.clinical"], libraries=["pandas", "pyarrow"])
def pair(folder: Path, settings: IntakeSettings, *, files: Path, root: Path) -> None:
    """Pair images and masks; leaves `slices`, `rejected` and, where there is a data.csv, `clinical`."""
    table = load(files, "files")
    slices, rejected = pair_slices(table)
    clinical, fault = _read_clinical(root, table)
    if clinical is not None:
        save(folder, "clinical", clinical)
    rejected = pd.concat([rejected, fault], ignore_index=True).sort_values("path", ignore_index=True)
    check_usable(rejected, len(slices), settings.reject_limit)
    save(folder, "slices", slices)
    save(folder, "rejected", rejected)


def _read_clinical(root: Path, files: pd.DataFrame) -> tuple[pd.DataFrame | None, pd.DataFrame]:
    """The clinical table, and the rejected row of one that can't be read: a run can do without."""
    try:
        return read_clinical_files(root, files), rejected_table([])
    except UnusableFile as fault:
        path = files.loc[files["role"] == "clinical", "path"].iloc[0]
        return None, rejected_table([Rejection(path, fault.reason, fault.found, "pair")])
