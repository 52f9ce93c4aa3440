"""Stage `release`: what a user takes away, one model or the ensemble of a cross-validation, with its model card."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gliaflow.evaluation.detection import Detection, fit_detection
from gliaflow.inference.bundle import Bundle, copy_members, write_bundle
from gliaflow.inference.foreign import summarise_trial, try_familiarity
from gliaflow.ingest.volumes import load_volume
from gliaflow.report.card import CardData, render_card
from gliaflow.store.arrays import Arrays
from tasks.console import progress
from tasks.settings import Settings
from tasks.stage import stage
from tasks.tables import load, save


class ReleaseSettings(Settings):
    """What the card is told about the run."""

    protocol: str
    source: str


@dataclass(frozen=True, eq=False)
class _Member:
    """One fold's results: the model's folder and summary, its split, its val rows and operating point."""

    model: Path
    summary: dict[str, Any]
    parts: pd.DataFrame
    val: pd.DataFrame
    operating: dict[str, Any]


@stage(
    code=["gliaflow.inference.foreign", "gliaflow.report.card"],
    libraries=["jinja2", "numpy", "opencv-python-headless", "pandas", "pyarrow", "scipy"],
)
def release(
    folder: Path,
    settings: ReleaseSettings,
    *,
    labels: Path,
    volumes: dict[str, Path],
    figures: Path,
    **members: Path,
) -> None:
    """Leave model files, `model.json`, `MODEL_CARD.md`, and the table `familiarity`: what its warning was tried on.

    `members` are `model_0`, `parts_0`, `scores_0`, `model_1`, …; `figures` holds the `metrics.json` of all of them.
    """
    found = [
        _read_member(members[f"model_{number}"], members[f"parts_{number}"], members[f"scores_{number}"])
        for number in range(len(members) // 3)
    ]
    with progress("release", "volumes") as bar:
        trial = try_familiarity(
            Arrays({patient: place / "images.npy" for patient, place in volumes.items()}),
            [(_patients(member.parts, "train"), _held_out(member.parts, len(found))) for member in found],
            progress=bar,
        )
    save(folder, "familiarity", trial.table)
    recipe = found[0].summary["recipe"]
    bundle = Bundle(
        members=copy_members(folder, [member.model / "model.keras" for member in found]),
        size=load_volume(next(iter(volumes.values()))).images.shape[1],
        threshold=_mean(found, "threshold"),
        min_pixels=_mean(found, "min_pixels"),
        mirror=bool(recipe.get("mirror", False)),
        detection=_detection(found),
        familiarity=trial.familiarity,
        recipe=recipe,
    )
    write_bundle(folder, bundle)
    card = CardData(
        bundle=bundle,
        source=settings.source,
        protocol=settings.protocol,
        labels=load(labels, "labels"),
        parts=[member.parts for member in found],
        parameters=found[0].summary["parameters"],
        thresholds=[member.operating["threshold"] for member in found],
        metrics=json.loads((figures / "metrics.json").read_text(encoding="utf-8")),
        familiarity=summarise_trial(trial.table),
    )
    (folder / "MODEL_CARD.md").write_text(render_card(card), encoding="utf-8")


def _read_member(model: Path, parts: Path, scores: Path) -> _Member:
    predictions = load(scores, "predictions")
    return _Member(
        model=model,
        summary=json.loads((model / "summary.json").read_text(encoding="utf-8")),
        parts=load(parts, "parts"),
        val=predictions[predictions["part"] == "val"],
        operating=json.loads((scores / "operating.json").read_text(encoding="utf-8")),
    )


def _patients(parts: pd.DataFrame, *names: str) -> set[str]:
    return set(parts.loc[parts["part"].isin(names), "patient"])


def _held_out(parts: pd.DataFrame, members: int) -> set[str]:
    """Patients that the warning is tried on: in a cross-validation those of test, so that each is tried once."""
    tested = _patients(parts, "test") if members > 1 else _patients(parts, "val", "test")
    return tested - _patients(parts, "train")


def _mean(members: Sequence[_Member], name: str) -> int:
    """The rounded mean of what the members chose."""
    return int(np.rint(np.mean([member.operating[name] for member in members])))


def _detection(members: Sequence[_Member]) -> Detection:
    """One member's own fit; of several a fit to all their val slices, each scored by the members that it is val of."""
    fits = [Detection(**member.operating["detection"]) for member in members]
    if len(fits) == 1:
        return fits[0]
    val = pd.concat([member.val for member in members])
    val = val.groupby(["patient", "slice"], as_index=False).agg(score=("score", "mean"), mask=("mask", "first"))
    return fit_detection(
        val["score"].to_numpy(),
        val["mask"].to_numpy() == 1,
        val["patient"].to_numpy(),
        sensitivity=fits[0].sensitivity_target,
        precision=fits[0].precision_target,
    )
