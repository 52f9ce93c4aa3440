"""Watching a folder that grows: predict who is new, tell drift, and train a challenger when enough masks have come."""

import logging
from dataclasses import asdict

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.steps import open_run
from flows.train import train
from gliaflow.ingest.sources import EmptySource, source_name
from gliaflow.report.tables import plural
from gliaflow.store.failures import in_words
from gliaflow.store.registry import Registry, Version
from gliaflow.store.runs import Run
from gliaflow.store.watched import Watched
from tasks.enrol import freeze
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
from tasks.watch import (
    Sight,
    hold_against,
    noting_the_challenge,
    only_look,
    passing_faults,
    profiles_of,
    take_a_look,
)

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
        data: Folder or archive with the slices, kaggle:OWNER/NAME, or s3://bucket/prefix.
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
        freeze(run, splitting, preparing)  # what a challenger would stop at, hours later
        training.resolve(preparing.size)
        watched = Watched(run.store, data)
        with only_look(run, watched) as alone:
            if not alone:
                return _nothing("another look at this folder is under way")
            current = Registry(run.store).current()
            try:
                sight = take_a_look(run, data)
            except EmptySource:
                if watched.last is not None:  # there was something: a share that isn't mounted, perhaps
                    raise
                return _nothing("nothing is there yet")
            known = watched.is_known(sight.files, current.name if current else None)
            due = _is_due(run, watched, sight, watching.challenge_after)
            if known and not due:
                assert watched.last is not None
                return _nothing(f"nothing new since {watched.last['when']}")
            found = sight.in_words
            with run.under_way():
                if not known:
                    found = _look_closer(run, watched, sight, current, data, watching, spreading)
                if due:
                    _say(f"{sight.in_words}: training {'a challenger' if current else 'the first'}")
                    with noting_the_challenge(run, watched, sight):
                        train(
                            data,
                            artifacts,
                            spreading,
                            intake,
                            preparing,
                            splitting,
                            training,
                            evaluating,
                            to_registry=True,
                        )
    return found


def _is_due(run: Run, watched: Watched, sight: Sight, enough: int) -> bool:
    """Whether a challenger is to be trained, or the newest model still to be judged.

    Of the same files only once, whatever came of it, but for a run that somebody retries.
    """
    tried = watched.was_challenged(sight.files) and run.attempt <= 1
    return sight.unjudged or (len(sight.untried) >= enough and not tried)


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
    root = open_data(run, data)
    if current is None:
        watched.add(watched.look(run=run.name, files=sight.files, model=None))
        return _say(f"no model is current; {sight.in_words}")
    images = gather(run, files=scan(run, root))
    own, before = set(current.patients), watched.seen
    new = {
        patient: rows
        for patient, rows in image_groups(run, images).items()
        if patient not in own and before.get(patient) != digest_images(rows)
    }
    entry = watched.look(run=run.name, files=sight.files, model=current.name)
    if new:
        model = choose_model(run, current.name)
        predicted = predict_patients(run, model, images, new, spreading, root=root)
        publish_predictions(run.store.address, asdict(predicted.artifact), model.name)
        again = passing_faults(run, predicted.patients)
        profiles = profiles_of(run, predicted.artifact)
        entry = watched.look(
            run=run.name,
            files=sight.files,
            model=current.name,
            seen={patient: digest_images(rows) for patient, rows in new.items() if patient not in again},
            predictions={patient: artifact.path for patient, artifact in predicted.patients.items()},
            profiles=[profile for profile in profiles if profile["patient"] not in again],
            again=bool(again),
        )
    _say(f"{plural(len(new), 'new patient')}; {sight.in_words}")
    came, found = watched.arrivals(entry), "no patient has come yet"
    if came:
        page = hold_against(run, current, came, source_name(data), watching.recent)
        publish(run.store.address, asdict(page))
        found = run.store.place(f"{page.path}/report.html")
    if not watched.is_same(entry):
        watched.add(entry)  # last: a run that is stopped before looks at the same patients again
    return _say(found)


def _nothing(words: str) -> State[str]:
    """The state of a look that found nothing to do, which the dashboard's history tells from the others."""
    return Completed(name="Nothing new", message=words, data=_say(words))


def _say(words: str) -> str:
    logger.info("%s", words)
    return words
