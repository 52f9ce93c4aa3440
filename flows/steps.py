"""What several runs have in common: their record, the way in, and learning from a split."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from prefect.runtime import flow_run

from gliaflow.store.artifacts import Artifact
from gliaflow.store.runs import Run
from gliaflow.store.shared import open_store
from tasks.evaluate import evaluate
from tasks.label import label
from tasks.leakage import leakage
from tasks.pair import pair
from tasks.prepare import prepare
from tasks.scan import open_data, scan
from tasks.settings import (
    EvaluateSettings,
    FoldSettings,
    IntakeSettings,
    PrepareSettings,
    Settings,
    SplitSettings,
    SpreadSettings,
    Training,
)
from tasks.split import split
from tasks.train import train as fit


@dataclass(frozen=True)
class Intake:
    """A data set as it came in: its files and pairs, each patient's volume, and what is known of every slice."""

    root: Path
    files: Artifact
    slices: Artifact
    prepared: Artifact
    labels: Artifact
    volumes: dict[str, Artifact]


@dataclass(frozen=True)
class Learnt:
    """What came of one split: the split itself, the model, and its figures."""

    parts: Artifact
    model: Artifact
    scores: Artifact


def open_run(data: str, artifacts: str, *settings: Settings, **more: Any) -> Run:
    """The record of the flow run that calls this, in the store `artifacts`, with all that was set."""
    parameters = {name: value for group in settings for name, value in group.model_dump().items()}
    logging.getLogger("gliaflow").setLevel(logging.INFO)  # else a worker passes over what stages tell of themselves
    name = flow_run.name.replace("/", "-")
    given = {"data": data, "artifacts": artifacts, **parameters, **more}
    who = {"flow": str(flow_run.flow_name or ""), "flow_run": str(flow_run.id), "attempt": flow_run.run_count}
    return Run(name, open_store(artifacts), given, **who)


def take_in(
    run: Run, data: str, intake: IntakeSettings, preparing: PrepareSettings, spreading: SpreadSettings
) -> Intake:
    """Scan, pair, prepare and label the data; patients are prepared on what `spreading` says."""
    root = open_data(run, data)
    files = scan(run, root)
    slices = pair(run, intake, files=files, root=root)
    prepared = prepare(run, preparing, slices, root=root, spreading=spreading)
    labels = label(run, intake, slices=slices, prepared=prepared.artifact)
    return Intake(root, files, slices, prepared.artifact, labels, prepared.volumes)


def deal(run: Run, splitting: SplitSettings, data: Intake) -> Artifact:
    """Split the data into the slices to train on, to choose by and to score."""
    return split(run, splitting, labels=data.labels, volumes=data.volumes)


def learn(run: Run, parts: Artifact, training: Training, evaluating: EvaluateSettings, data: Intake) -> Learnt:
    """Train on one part of a split, choose by the second and score the third."""
    model = fit(run, training, prepared=data.prepared, parts=parts, volumes=data.volumes)
    scores = evaluate(run, evaluating, model=model, labels=data.labels, parts=parts, volumes=data.volumes)
    return Learnt(parts, model, scores)


def measure_leakage(
    run: Run,
    splitting: SplitSettings | FoldSettings,
    training: Training,
    evaluating: EvaluateSettings,
    data: Intake,
    scores: Artifact,
) -> Artifact:
    """Train by the same recipe under the protocol `slice` too, and hold its figures against `scores`.

    Where the run itself is under `slice`, it is the protocol `patient` that is trained under too.
    """
    protocol: Literal["patient", "slice"] = "patient" if splitting.protocol == "slice" else "slice"
    with run.within(f"protocol {protocol}"):
        parts = deal(run, SplitSettings(protocol=protocol, seed=splitting.seed), data)
        other = learn(run, parts, training, evaluating, data).scores
    leaky, grouped = (other, scores) if protocol == "slice" else (scores, other)
    return leakage(run, evaluating, leaky=leaky, grouped=grouped)


def by_fold(folds: Sequence[Learnt], *names: str) -> dict[str, Artifact]:
    """What each fold left, as inputs of a stage: "parts_0", "parts_1", … for the name "parts"."""
    return {f"{name}_{number}": getattr(fold, name) for number, fold in enumerate(folds) for name in names}
