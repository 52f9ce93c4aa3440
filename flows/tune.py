"""Tuning: a search for a better recipe, and what it found against the default on patients that it never saw."""

import logging
from dataclasses import asdict

from prefect import flow

from flows.steps import deal, learn, open_run, take_in
from gliaflow.ingest.sources import source_name
from gliaflow.store.failures import in_words
from tasks.enrol import keep_frozen
from tasks.settings import (
    EvaluateSettings,
    IntakeSettings,
    PrepareSettings,
    SplitSettings,
    SpreadSettings,
    TrainSettings,
    TuneSettings,
)
from tasks.tune import check_protocol, search
from tasks.verdict import VerdictSettings, publish_verdict, verdict

logger = logging.getLogger("gliaflow.run")


@flow(name="tune")
def tune(
    data: str,
    artifacts: str = "artifacts",
    spreading: SpreadSettings = SpreadSettings(),
    intake: IntakeSettings = IntakeSettings(),
    preparing: PrepareSettings = PrepareSettings(),
    splitting: SplitSettings = SplitSettings(),
    tuning: TuneSettings = TuneSettings(),
    training: TrainSettings = TrainSettings(),
    evaluating: EvaluateSettings = EvaluateSettings(),
) -> str:
    """Search for a better recipe by train and val, and score it on test; returns the path of the page that tells.

    Args:
        data: Folder or archive with the slices, kaggle:OWNER/NAME, or s3://bucket/prefix.
        artifacts: Folder that keeps every stage's results, or s3://bucket/prefix.
        spreading: What the per-patient stages run on.
        intake: What may be wrong with the data before the run stops.
        preparing: How slices become volumes.
        splitting: Which patients are trained on, chosen by and tested on.
        tuning: How long is searched.
        training: The recipe that the search is around.
        evaluating: How the figures are made.
    """
    check_protocol(splitting)
    run = open_run(data, artifacts, spreading, intake, preparing, splitting, tuning, training, evaluating)
    store = run.store
    splitting = keep_frozen(run, splitting)  # a recipe found by patients that judge models would flatter its model
    with in_words(store.root), run.under_way():
        recipe = training.resolve(preparing.size)  # once: its file may change while the run goes on
        cohort = take_in(run, data, intake, preparing, spreading)
        parts = deal(run, splitting, cohort)
        outcome = search(run, tuning, recipe, prepared=cohort.prepared, parts=parts, volumes=cohort.volumes)
        found = training.model_copy(update={"recipe": str(store.folder(outcome) / "recipe.json"), "epochs": None})
        with run.within("default"):
            default = learn(run, parts, recipe, evaluating, cohort)
        with run.within("tuned"):
            tuned = learn(run, parts, found.resolve(preparing.size), evaluating, cohort)
        page = verdict(
            run,
            VerdictSettings(source=source_name(data), **evaluating.model_dump()),
            outcome=outcome,
            default_model=default.model,
            default_scores=default.scores,
            tuned_model=tuned.model,
            tuned_scores=tuned.scores,
        )
        publish_verdict(store.address, asdict(page), found.recipe)
        logger.info("the recipe found, for `python -m flows train --recipe`: %s", found.recipe)
    return store.place(f"{page.path}/tune.html")
