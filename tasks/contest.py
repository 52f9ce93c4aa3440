"""Stage `contest`: a challenger against the current model, on test patients that neither was trained on."""

import json
from dataclasses import asdict
from pathlib import Path

from gliaflow.evaluation.compare import compare_patients
from gliaflow.process import run_child
from tasks.console import progress
from tasks.settings import EvaluateSettings
from tasks.stage import stage
from tasks.tables import load


class ContestSettings(EvaluateSettings):
    """Which patients judge, and how the interval is made."""

    frozen: tuple[str, ...]


@stage(
    code=["gliaflow.inference.contest", "gliaflow.evaluation.compare"],
    libraries=["keras", "tensorflow-cpu/tensorflow", "numpy", "pandas", "pyarrow", "scipy"],
)
def contest(
    folder: Path,
    settings: ContestSettings,
    *,
    current: Path,
    challenger: Path,
    parts: Path,
    prepared: Path,
    volumes: dict[str, Path],
) -> None:
    """Predict the frozen patients that are there by both releases; leaves the table `contest` and `contest.json`.

    In the comparison A is the current model, B the challenger.
    """
    table = load(parts, "parts")
    tested = sorted(set(table.loc[table["part"] == "test", "patient"]) & set(settings.frozen))
    spec = {
        "releases": {"current": str(current), "challenger": str(challenger)},
        "volumes": {patient: str(volumes[patient]) for patient in tested},
        "out": str(folder / "contest.parquet"),
    }
    with progress("contest", "slices") as bar:
        run_child("gliaflow.inference.contest", spec, bar.on_event)
    scores = load(folder, "contest")
    both = [scores[scores["release"] == name] for name in ("current", "challenger")]
    compared = compare_patients(*both, resamples=settings.resamples, seed=settings.seed)
    found = {**asdict(compared), "patients": compared.patients.to_dict("records")}
    (folder / "contest.json").write_text(json.dumps(found, indent=1, allow_nan=False) + "\n", encoding="utf-8")
