"""Watching a folder that grows: predict who is new, tell drift, and train a challenger when enough masks have come."""

import logging
from dataclasses import asdict
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

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
) -> str | State[str]:
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
        known = watched.is_known(sight.files.content, current.name if current else None)
        if known and not due:
            assert watched.last is not None
            words = _say(f"nothing new since {watched.last['when']}")
            return Completed(name="Nothing new", message=words, data=words)  # told apart in the dashboard's history
        found = sight.in_words
        if not known:
            with run.under_way():
                found = _look_closer(run, watched, sight, current, data, watching, spreading)
        if due:
            _say(f"{sight.in_words}: training {'a challenger' if current else 'the first'}")
            train(data, artifacts, spreading, intake, preparing, splitting, training, evaluating, to_registry=True)
    return found


def _look_closer(
    run: Run,
    watched: Watched,
    sight: Sight,
    current: Version | None,
    data: str,
    watching: WatchSettings,
    spreading: SpreadSettings,
) -> str:
    """Predict who is new, hold all that came against the model's own patients, and enter the look.

    Returns the path of the page that tells of them, or words where nobody has come.
    """
    if current is None:
        watched.add(watched.entry(run=run.name, files=sight.files.content, model=None))
        return _say(f"no model is current; {sight.in_words}")
    seen, profiles = _meet(run, watched, current, data, spreading)
    entry = watched.entry(run=run.name, files=sight.files.content, model=current.name, seen=seen, profiles=profiles)
    _say(f"{len(profiles)} new patients; {sight.in_words}")
    came, found = watched.arrivals(entry), "no patient has come yet"
    if came:
        page = hold_against(run, current, came, source_name(data), watching.recent)
        publish(run.store.address, asdict(page))
        found = run.store.place(f"{page.path}/report.html")
    watched.add(entry)  # last: a run that is stopped before looks at the same patients again
    return _say(found)


def _meet(
    run: Run, watched: Watched, current: Version, data: str, spreading: SpreadSettings
) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Predict the patients that are neither in the current model's data nor were predicted.

    Returns the digest of each one's images, and their profiles; those of whom nothing could be read are left out.
    """
    root = open_data(run, data)
    images = gather(run, files=scan(run, root))
    own, before = set(current.patients), watched.seen
    new = {
        patient: rows
        for patient, rows in image_groups(run, images).items()
        if patient not in own and before.get(patient) != digest_images(rows)
    }
    if not new:
        return {}, []
    model = choose_model(run, current.name)
    predictions = predict_patients(run, model, images, new, spreading, root=root)
    publish_predictions(run.store.address, asdict(predictions), model.name)
    profiles = profiles_of(run, predictions)
    return {str(profile["patient"]): digest_images(new[profile["patient"]]) for profile in profiles}, profiles


def _say(words: str) -> str:
    logger.info("%s", words)
    return words
