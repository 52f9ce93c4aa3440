"""Stages `report` and `crossval_report`: everything a reader needs to trust the model or not, on one page."""

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gliaflow.evaluation.postprocess import predicted_masks
from gliaflow.ingest.volumes import load_volume
from gliaflow.report.data import Companion, ReportData, Slice
from gliaflow.report.page import write_report
from gliaflow.store.manifests import read_manifest
from tasks.settings import Settings
from tasks.stage import stage
from tasks.tables import load

BESIDE = {
    "release": ("Model card", "MODEL_CARD.md", "what the model is for, its limits, and the model itself"),
    "audit": ("Label audit", "audit.html", "the masks that are most likely wrong, as pictures"),
}


class ReportSettings(Settings):
    """What the page is told about the run."""

    protocol: str
    source: str


@stage(
    code=["gliaflow.report.page", "gliaflow.evaluation.postprocess"],
    libraries=["jinja2", "matplotlib", "numpy", "opencv-python-headless", "pandas", "scipy"],
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
    release: Path | None = None,
    leakage: Path | None = None,
) -> None:
    """Write `report.html`, its `figures/`, and `summary.json` for the dashboard."""
    operating = _read(scores, "operating.json")
    shown = [slices, prepared, labels, parts, model, scores, masks, leakage, release]
    data = ReportData(
        **_cohort(settings, files, labels),
        **_training(model),
        **_beside(leakage=leakage, release=release),
        parts=load(parts, "parts"),
        leaks=load(parts, "leaks"),
        history=load(model, "history"),
        threshold=operating["threshold"],
        threshold_curve=operating["curve"],
        min_pixels=operating["min_pixels"],
        detection=operating["detection"],
        metrics=_read(scores, "metrics.json"),
        predictions=load(scores, "predictions"),
        patients=load(scores, "patients"),
        confidence=load(scores, "confidence"),
        stages=[_describe(artifact) for artifact in shown if artifact],
        slice_of=_slices(load(labels, "labels"), volumes, lambda _: (scores, operating)),
    )
    write_report(folder, data)


@stage(
    code=["gliaflow.report.page", "gliaflow.evaluation.postprocess"],
    libraries=["jinja2", "matplotlib", "numpy", "opencv-python-headless", "pandas", "scipy"],
)
def crossval_report(
    folder: Path,
    settings: ReportSettings,
    *,
    slices: Path,
    prepared: Path,
    labels: Path,
    pool: Path,
    files: Path,
    volumes: dict[str, Path],
    release: Path | None = None,
    leakage: Path | None = None,
    audit: Path | None = None,
    **folds: Path,
) -> None:
    """The same of a cross-validation, whose folds come as `parts_0`, `model_0`, `scores_0`, `parts_1`, …"""
    numbers = range(len(folds) // 3)
    operating = [_read(folds[f"scores_{number}"], "operating.json") for number in numbers]
    predictions = load(pool, "predictions")
    fold_of = dict(zip(predictions["patient"], predictions["fold"].astype(int), strict=True))
    shown = [slices, prepared, labels, *folds.values(), pool, leakage, audit, release]
    data = ReportData(
        **_cohort(settings, files, labels),
        **_training(folds["model_0"]),
        **_beside(leakage=leakage, audit=audit, release=release),
        parts=load(folds["parts_0"], "parts").assign(part="test"),
        leaks=pd.concat([load(folds[f"parts_{number}"], "leaks") for number in numbers], ignore_index=True),
        history=pd.concat(
            [load(folds[f"model_{number}"], "history").assign(fold=number) for number in numbers], ignore_index=True
        ),
        threshold=None,
        min_pixels=None,
        metrics=_read(pool, "metrics.json"),
        predictions=predictions,
        patients=load(pool, "patients"),
        confidence=load(pool, "confidence"),
        folds=load(pool, "folds"),
        stages=[_describe(artifact) for artifact in shown if artifact],
        slice_of=_slices(
            load(labels, "labels"),
            volumes,
            lambda patient: (folds[f"scores_{fold_of[patient]}"], operating[fold_of[patient]]),
        ),
    )
    write_report(folder, data)


def _read(artifact: Path, name: str) -> Any:
    return json.loads((artifact / name).read_text(encoding="utf-8"))


def _cohort(settings: ReportSettings, files: Path, labels: Path) -> dict[str, Any]:
    """What is the same for every kind of run: the data, and what was left out of them."""
    return {
        "source": settings.source,
        "protocol": settings.protocol,
        "files_seen": int(load(files, "files")["role"].isin(["image", "mask"]).sum()),
        "labels": load(labels, "labels"),
        "rejected": load(labels, "rejected"),
    }


def _training(model: Path) -> dict[str, Any]:
    summary = _read(model, "summary.json")
    return {"recipe": summary["recipe"], "parameters": summary["parameters"]}


def _beside(leakage: Path | None, release: Path | None, **others: Path | None) -> dict[str, Any]:
    """The leakage meter's figures, what the release takes for familiar, and addresses of what lies beside the page."""
    companions = []
    for name, artifact in {"release": release, **others}.items():
        if artifact:
            title, file, about = BESIDE[name]
            origin = read_manifest(artifact).provenance
            companions.append(Companion(title, f"../../{origin.stage}/{origin.key}/{file}", about))
    return {
        "leakage": _read(leakage, "leakage.json") if leakage else None,
        "familiarity": _read(release, "model.json")["familiarity"] if release else None,
        "tried": load(release, "familiarity") if release else None,
        "companions": companions,
    }


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
    labels: pd.DataFrame, volumes: dict[str, Path], scored: Callable[[str], tuple[Path, Mapping[str, Any]]]
) -> Callable[[str, int], Slice]:
    """A function (patient, slice) -> image uint8 [H, W, 3], true and predicted mask uint8 [H, W] (or None).

    `scored` tells where a patient's probabilities lie, and the operating point that makes masks of them.
    """
    index = labels.set_index(["patient", "slice"])["index"].to_dict()

    @lru_cache(maxsize=4)  # pictures of one patient come together more often than not
    def masks_of(patient: str) -> np.ndarray | None:
        folder, point = scored(patient)
        path = folder / "probabilities" / f"{patient}.npy"
        return predicted_masks(np.load(path), point["threshold"], point["min_pixels"]) if path.exists() else None

    def slice_of(patient: str, number: int) -> Slice:
        volume = load_volume(volumes[patient])
        row, predicted = index[patient, number], masks_of(patient)
        return volume.images[row], volume.masks[row], None if predicted is None else predicted[row]

    return slice_of
