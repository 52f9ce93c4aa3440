"""The main run: from a folder of slices and masks to a trained, scored model and its report."""

import os
from dataclasses import asdict
from typing import Annotated, Any

from prefect import flow
from prefect.runtime import flow_run
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from pydantic import Field

from gliaflow.ingest.sources import source_name
from gliaflow.store.failures import in_words
from gliaflow.store.runs import Run
from gliaflow.store.shared import open_store
from tasks.evaluate import evaluate
from tasks.label import label
from tasks.pair import pair
from tasks.predict import predict
from tasks.prepare import prepare
from tasks.publish import publish
from tasks.report import ReportSettings, report
from tasks.scan import open_data, scan
from tasks.settings import EvaluateSettings, IntakeSettings, PrepareSettings, SplitSettings, TrainSettings
from tasks.split import split
from tasks.train import train as fit

RUNNER: TaskRunner[Any] = ThreadPoolTaskRunner(max_workers=os.cpu_count())


@flow(name="train", task_runner=RUNNER)
def train(
    data: str,
    artifacts: str = "artifacts",
    batch: Annotated[int, Field(ge=1)] = 16,
    intake: IntakeSettings = IntakeSettings(),
    preparing: PrepareSettings = PrepareSettings(),
    splitting: SplitSettings = SplitSettings(),
    training: TrainSettings = TrainSettings(),
    evaluating: EvaluateSettings = EvaluateSettings(),
) -> str:
    """Train and score a segmentation model; returns the path of its report.

    Args:
        data: Folder or archive with the slices, or kaggle:OWNER/NAME.
        artifacts: Folder that keeps every stage's results, or s3://bucket/prefix.
        batch: Patients that one preparing task takes.
        intake: What may be wrong with the data before the run stops.
        preparing: How slices become volumes.
        splitting: Which patients are trained on, chosen by and tested on.
        training: The recipe.
        evaluating: How the figures are made.
    """
    settings = (intake, preparing, splitting, training, evaluating)
    parameters = {name: value for group in settings for name, value in group.model_dump().items()}
    store = open_store(artifacts)
    run = Run(flow_run.name.replace("/", "-"), store, {"data": data, "artifacts": artifacts, **parameters})
    with in_words(store.root), run.under_way():
        root = open_data(run, data)
        files = scan(run, root)
        slices = pair(run, intake, files=files, root=root)
        prepared = prepare(run, preparing, slices, root=root, batch=batch)
        volumes = prepared.volumes
        labels = label(run, intake, slices=slices, prepared=prepared.artifact)
        parts = split(run, splitting, labels=labels, volumes=volumes)
        model = fit(run, training.resolve(), prepared=prepared.artifact, parts=parts, volumes=volumes)
        scores = evaluate(run, evaluating, model=model, labels=labels, parts=parts, volumes=volumes)
        masks = predict(run, scores=scores, labels=labels, volumes=volumes)
        page = report(
            run,
            ReportSettings(protocol=splitting.protocol, source=source_name(data)),
            files=files,
            slices=slices,
            prepared=prepared.artifact,
            labels=labels,
            parts=parts,
            model=model,
            scores=scores,
            masks=masks,
            volumes=volumes,
        )
        publish(store.address, asdict(page))
    return store.place(f"{page.path}/report.html")
