"""Stage `report`: everything a reader needs to trust the model or not, on one page."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from gliaflow.ingest.volumes import load_volume
from gliaflow.report.data import ReportData
from gliaflow.report.page import write_report
from gliaflow.store.manifests import read_manifest
from tasks.settings import Settings
from tasks.stage import stage
from tasks.tables import load

LISTED = (
    "slices",
    "prepared",
    "labels",
    "parts",
    "model",
    "scores",
    "masks",
)  # stages in the page's manifest, in order


class ReportSettings(Settings):
    """What the page is told about the run."""

    protocol: str
    source: str


@stage(
    code=["gliaflow.report.page"],
    libraries=["jinja2", "matplotlib", "numpy", "opencv-python-headless", "pandas"],
)
def report(
    folder: Path,
    settings: ReportSettings,
    *,
    slices: Path,
    prepared: Path,
    labels: Path,
    parts: Path,
    model: Path,
    scores: Path,
    masks: Path,
    files: Path,
    volumes: dict[str, Path],
) -> None:
    """Write `report.html`, its `figures/`, and `summary.json` for the dashboard."""
    table = load(labels, "labels")
    summary = json.loads((model / "summary.json").read_text(encoding="utf-8"))
    threshold = json.loads((scores / "threshold.json").read_text(encoding="utf-8"))
    given = {"slices": slices, "prepared": prepared, "labels": labels, "parts": parts}
    given |= {"model": model, "scores": scores, "masks": masks}
    data = ReportData(
        source=settings.source,
        protocol=settings.protocol,
        files_seen=int(load(files, "files")["role"].isin(["image", "mask"]).sum()),
        labels=table,
        rejected=load(labels, "rejected"),
        parts=load(parts, "parts"),
        leaks=load(parts, "leaks"),
        history=load(model, "history"),
        recipe=summary["recipe"],
        parameters=summary["parameters"],
        threshold=threshold["value"],
        threshold_curve=threshold["curve"],
        metrics=json.loads((scores / "metrics.json").read_text(encoding="utf-8")),
        predictions=load(scores, "predictions"),
        patients=load(scores, "patients"),
        stages=[_describe(given[name]) for name in LISTED],
        slice_of=_slices(table, volumes, scores, threshold["value"]),
    )
    write_report(folder, data)


def _describe(artifact: Path) -> dict[str, object]:
    manifest = read_manifest(artifact)
    origin = manifest.provenance
    return {
        "stage": origin.stage,
        "key": origin.key,
        "content": manifest.content,
        "code": origin.code,
        "parameters": origin.parameters,
        "libraries": origin.libraries,
    }


def _slices(
    labels: pd.DataFrame, volumes: dict[str, Path], scores: Path, threshold: int
) -> Callable[[str, int], tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
    """A function (patient, slice) -> image uint8 [H, W, 3], true and predicted mask uint8 [H, W] (or None)."""
    index = labels.set_index(["patient", "slice"])["index"].to_dict()

    def slice_of(patient: str, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        volume = load_volume(volumes[patient])
        row = index[patient, number]
        path = scores / "probabilities" / f"{patient}.npy"
        predicted = (np.load(path, mmap_mode="r")[row] >= threshold).astype(np.uint8) if path.exists() else None
        return volume.images[row], volume.masks[row], predicted

    return slice_of
