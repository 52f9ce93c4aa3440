"""Stage `pool`: every patient as the fold that tested it scored it, the figures over all, and a row a fold."""

import json
from dataclasses import asdict
from pathlib import Path

from gliaflow.evaluation.pool import Fold, pool_folds
from tasks.settings import EvaluateSettings
from tasks.stage import stage
from tasks.tables import load, save


@stage(code=["gliaflow.evaluation.pool"], libraries=["numpy", "pandas", "pyarrow"])
def pool(folder: Path, settings: EvaluateSettings, *, labels: Path, **folds: Path) -> None:
    """Pool folds (`parts_0`, `scores_0`, …); leaves `predictions`, `patients`, `confidence`, `folds`, `metrics.json`.

    A patient that two folds tested, or none, is an error.
    """
    count = len(folds) // 2
    found = [_read_fold(number, folds[f"parts_{number}"], folds[f"scores_{number}"]) for number in range(count)]
    pooled = pool_folds(load(labels, "labels"), found, resamples=settings.resamples, seed=settings.seed)
    for name in ("predictions", "patients", "confidence", "folds"):
        save(folder, name, getattr(pooled, name))
    metrics = [asdict(metric) for metric in pooled.metrics]
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=1, allow_nan=False), encoding="utf-8")


def _read_fold(number: int, parts: Path, scores: Path) -> Fold:
    operating = json.loads((scores / "operating.json").read_text(encoding="utf-8"))
    return Fold(
        number=number,
        parts=load(parts, "parts"),
        predictions=load(scores, "predictions"),
        patients=load(scores, "patients"),
        confidence=load(scores, "confidence"),
        threshold=operating["threshold"],
        min_pixels=operating["min_pixels"],
    )
