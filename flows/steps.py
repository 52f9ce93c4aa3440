"""What several runs have in common: the way in, and learning from a split."""

from dataclasses import dataclass
from pathlib import Path

from gliaflow.store.artifacts import Artifact
from gliaflow.store.runs import Run
from tasks.evaluate import evaluate
from tasks.label import label
from tasks.pair import pair
from tasks.prepare import prepare
from tasks.scan import open_data, scan
from tasks.settings import EvaluateSettings, IntakeSettings, PrepareSettings, SplitSettings, TrainSettings
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


def take_in(run: Run, data: str, intake: IntakeSettings, preparing: PrepareSettings, batch: int) -> Intake:
    """Scan, pair, prepare and label the data; `batch` patients are prepared by one task."""
    root = open_data(run, data)
    files = scan(run, root)
    slices = pair(run, intake, files=files, root=root)
    prepared = prepare(run, preparing, slices, root=root, batch=batch)
    labels = label(run, intake, slices=slices, prepared=prepared.artifact)
    return Intake(root, files, slices, prepared.artifact, labels, prepared.volumes)


def learn(
    run: Run, splitting: SplitSettings, training: TrainSettings, evaluating: EvaluateSettings, data: Intake
) -> Learnt:
    """Split the data, train on one part, choose by the second and score the third."""
    parts = split(run, splitting, labels=data.labels, volumes=data.volumes)
    model = fit(run, training.resolve(), prepared=data.prepared, parts=parts, volumes=data.volumes)
    scores = evaluate(run, evaluating, model=model, labels=data.labels, parts=parts, volumes=data.volumes)
    return Learnt(parts, model, scores)
