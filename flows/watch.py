"""Watching a folder that grows: predict who is new, tell drift, and train a challenger when enough masks have come."""

import logging
from dataclasses import asdict

from prefect import flow

from flows.steps import open_run
from flows.train import train
from gliaflow.ingest.sources import source_name
from gliaflow.store.failures import in_words
from gliaflow.store.registry import Registry, Version
from gliaflow.store.runs import Run
from gliaflow.store.watched import Watched
from tasks.gather import gather
from tasks.predictions import choose_model, digest_images, image_groups, predict_patients, publish_predictions
from tasks.publish import publish
from tasks.scan import open_data, scan
from tasks.settings import (
    EvaluateSettings,
    IntakeSettings,
    PrepareSettings,
    SplitSettings,
    SpreadSettings,
    TrainSettings,
    WatchSettings,
)
from tasks.watch import Sight, hold_against, profiles_of, take_a_look

logger = logging.getLogger("gliaflow.run")


@flow(name="watch")
def watch(
    data: str,
    artifacts: str = "artifacts",
    watching: WatchSettings = WatchSettings(),
    spreading: SpreadSettings = SpreadSettings(),
    intake: IntakeSettings = IntakeSettings(unlabelled="wait"),
    preparing: PrepareSettings = PrepareSettings(),
    splitting: SplitSettings = SplitSettings(),
    training: TrainSettings = TrainSettings(),
    evaluating: EvaluateSettings = EvaluateSettings(),
) -> str:
    """Look at a folder; returns what was found, or the path of the page that tells how those that came differ.

    Args:
        data: Folder with the slices, or s3://bucket/prefix.
        artifacts: Folder that keeps every stage's results and the registry of models, or s3://bucket/prefix.
        watching: When a challenger is trained, and how many of the last patients are looked at for drift.
        spreading: What the per-patient stages run on.
        intake: What may be wrong with the data before a training stops.
        preparing: How slices become volumes of a training.
        splitting: Which patients are trained on, chosen by and tested on.
        training: The recipe of a challenger.
        evaluating: How the figures are made.
    """
    settings = [spreading, intake, preparing, splitting, training, evaluating]
    run = open_run(data, artifacts, watching, *settings)
    with in_words(run.store.root):
        watched = Watched(run.store, data)
        current = Registry(run.store).current()
        sight = take_a_look(run, data)
        due = len(sight.untried) >= watching.challenge_after
        if not due and watched.last and watched.is_known(sight.files.content, current.name if current else None):
            return _say(f"nothing new since {watched.last['when']}")
        with run.under_way():
            if current is None:
                watched.add(run=run.name, files=sight.files.content, model=None, seen={}, profiles=[])
                found = f"no model is current; {sight.in_words}"
            else:
                _meet(run, watched, sight, current, data, spreading)
                found = _tell_drift(run, watched, current, source_name(data), watching.recent)
        if due:
            _say(f"{sight.in_words}: training {'a challenger' if current else 'the first'}")
            train(data, artifacts, spreading, intake, preparing, splitting, training, evaluating, to_registry=True)
    return _say(found)


def _meet(run: Run, watched: Watched, sight: Sight, current: Version, data: str, spreading: SpreadSettings) -> None:
    """Predict the patients that are neither in the current model's data nor were predicted, and enter them."""
    root = open_data(run, data)
    images = gather(run, files=scan(run, root))
    own, seen = set(current.patients), watched.seen
    new = {
        patient: rows
        for patient, rows in image_groups(run, images).items()
        if patient not in own and seen.get(patient) != digest_images(rows)
    }
    profiles = []
    if new:
        model = choose_model(run, current.name)
        predictions = predict_patients(run, model, images, new, spreading, root=root)
        publish_predictions(run.store.address, asdict(predictions), model.name)
        profiles = profiles_of(run, predictions)
    met = {str(profile["patient"]) for profile in profiles}
    seen = {patient: digest_images(rows) for patient, rows in new.items() if patient in met}
    watched.add(run=run.name, files=sight.files.content, model=current.name, seen=seen, profiles=profiles)
    _say(f"{len(new)} new patients; {sight.in_words}")


def _tell_drift(run: Run, watched: Watched, current: Version, source: str, recent: int) -> str:
    """Hold those that came against the model's own patients; the path of the page, or words where nobody came yet."""
    if not watched.arrivals:
        return "no patient has come yet"
    page = hold_against(run, current, watched, source, recent)
    publish(run.store.address, asdict(page))
    return run.store.place(f"{page.path}/report.html")


def _say(words: str) -> str:
    logger.info("%s", words)
    return words
