"""Stage `split`: which slices are trained on, chosen by and tested on, written down once, and audited for leaks."""

import logging
from pathlib import Path

from gliaflow.splits.leaks import audit_leaks, check_leaks
from gliaflow.splits.protocols import split_slices
from gliaflow.splits.thumbnails import open_thumbnails
from tasks.settings import FoldSettings, SplitSettings
from tasks.stage import stage
from tasks.tables import load, save

logger = logging.getLogger("gliaflow.run")


def count_folds(settings: FoldSettings, labels: Path) -> int:
    """How many folds a cross-validation has: as many as set or, under the protocol `site`, as there are sites."""
    return settings.folds if settings.protocol == "crossval" else load(labels, "labels")["site"].nunique()


@stage(
    code=["gliaflow.splits.protocols", "gliaflow.splits.leaks", "gliaflow.splits.thumbnails"],
    libraries=["numpy", "opencv-python-headless", "pandas", "pyarrow", "scikit-learn", "scipy"],
)
def split(folder: Path, settings: SplitSettings, *, labels: Path, volumes: dict[str, Path]) -> None:
    """Split by the protocol; leaves `parts` and `leaks`. A leak fails the run under every protocol but `slice`."""
    table = load(labels, "labels")
    parts = split_slices(table, **settings.model_dump())
    leaks = audit_leaks(parts, table, open_thumbnails(table, volumes))
    save(folder, "parts", parts)
    save(folder, "leaks", leaks)
    logger.info("%s", check_leaks(leaks, settings.protocol))
