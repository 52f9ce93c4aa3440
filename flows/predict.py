"""Prediction: a released model applied to a folder of images, with or without masks."""

import logging
from dataclasses import asdict

from prefect import flow

from flows.steps import open_run
from gliaflow.store.failures import in_words
from tasks.gather import gather
from tasks.predictions import choose_model, image_groups, predict_patients, publish_predictions
from tasks.scan import open_data, scan
from tasks.settings import SpreadSettings

logger = logging.getLogger("gliaflow.run")


@flow(name="predict")
def predict(
    data: str,
    artifacts: str = "artifacts",
    model: str = "current",
    spreading: SpreadSettings = SpreadSettings(),
) -> str:
    """Predict every image of a folder; returns the path of the table of answers.

    Args:
        data: Folder or archive with the images, kaggle:OWNER/NAME, or s3://bucket/prefix.
        artifacts: Folder that keeps every stage's results and the registry of models, or s3://bucket/prefix.
        model: current, a version of the registry (v3), or the folder of a release.
        spreading: What the per-patient stages run on.
    """
    run = open_run(data, artifacts, spreading, model=model)
    store = run.store
    with in_words(store.root), run.under_way():
        chosen = choose_model(run, model)
        root = open_data(run, data)
        images = gather(run, files=scan(run, root))
        predicted = predict_patients(run, chosen, images, image_groups(run, images), spreading, root=root)
        publish_predictions(store.address, asdict(predicted.artifact), chosen.name)
    return store.place(f"{predicted.artifact.path}/answers.csv")
