"""Stage `label`: what is known of every slice that can be used, one table."""

from pathlib import Path

import pandas as pd

from gliaflow.ingest.labels import label_slices
from gliaflow.ingest.pair import check_usable
from tasks.settings import IntakeSettings
from tasks.stage import stage
from tasks.tables import load, save


@stage(code=["gliaflow.ingest.labels", "gliaflow.ingest.pair"], libraries=["pandas", "pyarrow"])
def label(folder: Path, settings: IntakeSettings, *, slices: Path, prepared: Path) -> None:
    """Join slices, facts and clinical rows; leaves `labels` and all `rejected` files of scan, pair and prepare."""
    clinical = load(slices, "clinical") if (slices / "clinical.parquet").exists() else None
    labels = label_slices(load(slices, "slices"), load(prepared, "facts"), clinical)
    rejected = pd.concat([load(slices, "rejected"), load(prepared, "rejected")], ignore_index=True)
    check_usable(rejected, len(labels), settings.reject_limit)
    save(folder, "labels", labels)
    save(folder, "rejected", rejected)
