"""Stage `evaluate`: probabilities of val and test, the operating point from val, every figure with its interval."""

import json
from dataclasses import asdict
from pathlib import Path

from gliaflow.evaluation.evaluate import SCORED
from gliaflow.evaluation.evaluate import evaluate as evaluate_model
from gliaflow.process import run_child
from gliaflow.store.manifests import read_manifest
from tasks.console import progress
from tasks.settings import EvaluateSettings
from tasks.stage import stage
from tasks.tables import load, save


@stage(
    code=["gliaflow.inference.predictor", "gliaflow.evaluation.evaluate"],
    libraries=["keras", "tensorflow-cpu/tensorflow", "numpy", "pandas", "pyarrow", "scipy"],
)
def evaluate(
    folder: Path, settings: EvaluateSettings, *, model: Path, labels: Path, parts: Path, volumes: dict[str, Path]
) -> None:
    """Score the model; leaves `probabilities/`, `operating.json`, `metrics.json` and three tables."""
    table = load(parts, "parts")
    scored = sorted(table.loc[table["part"].isin(SCORED), "patient"].unique())
    summary = json.loads((model / "summary.json").read_text(encoding="utf-8"))
    digest = next(file["sha256"] for file in read_manifest(model).files if file["path"] == "model.keras")
    spec = {
        "model": str(model / "model.keras"),
        "digest": digest,
        "volumes": {patient: str(volumes[patient]) for patient in scored},
        "out": str(folder / "probabilities"),
        "mirror": summary["recipe"].get("mirror", False),
    }
    with progress("evaluate", "slices") as bar:
        run_child("gliaflow.inference.predictor", spec, bar.on_event)
    result = evaluate_model(
        load(labels, "labels"),
        table,
        volumes,
        folder / "probabilities",
        resamples=settings.resamples,
        seed=settings.seed,
    )
    for name in ("predictions", "patients", "confidence"):
        save(folder, name, getattr(result, name))
    operating = {**asdict(result.operating), "detection": asdict(result.detection)}
    metrics = [asdict(metric) for metric in result.metrics]
    for name, content in (("operating", operating), ("metrics", metrics)):
        (folder / f"{name}.json").write_text(json.dumps(content, indent=1, allow_nan=False), encoding="utf-8")
