"""The cross-validation: every patient is tested by a model that never saw it."""

import logging
from dataclasses import asdict

from prefect import flow

from flows.steps import by_fold, deal, learn, measure_leakage, open_run, take_in
from gliaflow.ingest.sources import source_name
from gliaflow.store.failures import in_words
from tasks.audit import AuditSettings, audit
from tasks.pool import pool
from tasks.publish import publish
from tasks.release import ReleaseSettings, release
from tasks.report import ReportSettings, crossval_report
from tasks.settings import (
    EvaluateSettings,
    FoldSettings,
    IntakeSettings,
    PrepareSettings,
    SpreadSettings,
    TrainSettings,
)
from tasks.split import count_folds

logger = logging.getLogger("gliaflow.run")


@flow(name="crossval")
def crossval(
    data: str,
    artifacts: str = "artifacts",
    spreading: SpreadSettings = SpreadSettings(),
    intake: IntakeSettings = IntakeSettings(),
    preparing: PrepareSettings = PrepareSettings(),
    folding: FoldSettings = FoldSettings(),
    training: TrainSettings = TrainSettings(),
    evaluating: EvaluateSettings = EvaluateSettings(),
    leakage_meter: bool = False,
) -> str:
    """Train and score a model a fold, then score all patients at once; returns the path of the report.

    Args:
        data: Folder or archive with the slices, kaggle:OWNER/NAME, or s3://bucket/prefix.
        artifacts: Folder that keeps every stage's results, or s3://bucket/prefix.
        spreading: What the per-patient stages run on.
        intake: What may be wrong with the data before the run stops.
        preparing: How slices become volumes.
        folding: How patients are dealt to the folds.
        training: The recipe.
        evaluating: How the figures are made.
        leakage_meter: Train under the protocol `slice` too, to measure by how much its leak flatters.
    """
    run = open_run(
        data, artifacts, spreading, intake, preparing, folding, training, evaluating, leakage_meter=leakage_meter
    )
    store = run.store
    with in_words(store.root), run.under_way():
        recipe = training.resolve(preparing.size)  # once: its file may change while the run goes on
        cohort = take_in(run, data, intake, preparing, spreading)
        dealt, folds = [], []
        count = count_folds(folding, store.folder(cohort.labels))
        for fold in range(count):  # all before the first training: a leak in the last one stops the run at once
            with run.within(f"fold {fold}"):
                dealt.append(deal(run, folding.split(fold), cohort))
        for fold, parts in enumerate(dealt):  # one after another: two at once in a process are not reproducible
            logger.info("fold %d (folds 0 to %d)", fold, count - 1)
            with run.within(f"fold {fold}"):
                folds.append(learn(run, parts, recipe, evaluating, cohort))
        pooled = pool(run, evaluating, labels=cohort.labels, **by_fold(folds, "parts", "scores"))
        beside = {}
        if leakage_meter:
            beside["leakage"] = measure_leakage(run, folding, recipe, evaluating, cohort, pooled)
        source = source_name(data)
        beside["audit"] = audit(
            run,
            AuditSettings(source=source),
            labels=cohort.labels,
            pool=pooled,
            volumes=cohort.volumes,
            **by_fold(folds, "scores"),
        )
        beside["release"] = release(
            run,
            ReleaseSettings(protocol=folding.protocol, source=source),
            labels=cohort.labels,
            volumes=cohort.volumes,
            figures=pooled,
            **by_fold(folds, "parts", "model", "scores"),
        )
        page = crossval_report(
            run,
            ReportSettings(protocol=folding.protocol, source=source),
            files=cohort.files,
            slices=cohort.slices,
            prepared=cohort.prepared,
            labels=cohort.labels,
            pool=pooled,
            volumes=cohort.volumes,
            **beside,
            **by_fold(folds, "parts", "model", "scores"),
        )
        publish(store.address, asdict(page))
    return store.place(f"{page.path}/report.html")
