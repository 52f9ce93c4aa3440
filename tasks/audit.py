"""Stage `audit`: which masks the models that never saw them are sure to be wrong, ranked, and as a page of pictures."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from gliaflow.evaluation.audit import FOUND, audit_labels
from gliaflow.evaluation.postprocess import predicted_masks
from gliaflow.ingest.volumes import load_volume
from gliaflow.report.audit_page import AuditData, render_audit
from tasks.console import progress
from tasks.settings import Settings
from tasks.stage import stage
from tasks.tables import load, save


class AuditSettings(Settings):
    """What the page is told about the run."""

    source: str


@stage(
    code=["gliaflow.evaluation.audit", "gliaflow.report.audit_page"],
    libraries=["jinja2", "numpy", "opencv-python-headless", "pandas", "pyarrow", "scipy"],
)
def audit(
    folder: Path, settings: AuditSettings, *, labels: Path, pool: Path, volumes: dict[str, Path], **folds: Path
) -> None:
    """Doubt the masks by the folds' probabilities (`scores_0`, …); leaves the table `audit` and `audit.html`."""
    tested = load(pool, "predictions")[["patient", "slice", "site", "fold", "true_pixels"]]
    places = load(labels, "labels")[["patient", "slice", "index"]]
    slices = places.merge(tested, on=["patient", "slice"], validate="one_to_one")
    fold_of = dict(zip(slices["patient"].astype(str), slices["fold"], strict=True))
    probabilities = {
        patient: folds[f"scores_{fold}"] / "probabilities" / f"{patient}.npy" for patient, fold in fold_of.items()
    }
    with progress("audit", "patients") as bar:
        doubts = audit_labels(slices, probabilities, volumes, progress=bar)
    save(folder, "audit", doubts)

    @lru_cache(maxsize=4)  # a doubted slice is shown between its neighbours
    def found_in(patient: str) -> np.ndarray:
        return predicted_masks(np.load(probabilities[patient]), FOUND)

    def slice_of(patient: str, place: int) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        volume = load_volume(volumes[patient])
        if not 0 <= place < len(volume.masks):
            return None
        return volume.images[place], volume.masks[place], found_in(patient)[place]

    data = AuditData(settings.source, doubts, len(slices), len(fold_of), slice_of)
    (folder / "audit.html").write_text(render_audit(data), encoding="utf-8")
