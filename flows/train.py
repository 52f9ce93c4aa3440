"""The main run: from a folder of slices and masks to a trained, scored model and its report."""

from dataclasses import asdict

from prefect import flow

from flows.steps import by_fold, deal, learn, measure_leakage, open_run, take_in
from gliaflow.ingest.sources import source_name
from gliaflow.store.failures import in_words
from tasks.enrol import enrol, freeze
from tasks.predict import predict
from tasks.publish import publish
from tasks.release import ReleaseSettings, release
from tasks.report import ReportSettings, report
from tasks.settings import (
    EvaluateSettings,
    IntakeSettings,
    PrepareSettings,
    SplitSettings,
    SpreadSettings,
    TrainSettings,
)


@flow(name="train")
def train(
    data: str,
    artifacts: str = "artifacts",
    spreading: SpreadSettings = SpreadSettings(),
    intake: IntakeSettings = IntakeSettings(),
    preparing: PrepareSettings = PrepareSettings(),
    splitting: SplitSettings = SplitSettings(),
    training: TrainSettings = TrainSettings(),
    evaluating: EvaluateSettings = EvaluateSettings(),
    leakage_meter: bool = False,
    to_registry: bool = False,
) -> str:
    """Train and score a segmentation model; returns the path of its report.

    Args:
        data: Folder or archive with the slices, kaggle:OWNER/NAME, or s3://bucket/prefix.
        artifacts: Folder that keeps every stage's results, or s3://bucket/prefix.
        spreading: What the per-patient stages run on.
        intake: What may be wrong with the data before the run stops.
        preparing: How slices become volumes.
        splitting: Which patients are trained on, chosen by and tested on.
        training: The recipe.
        evaluating: How the figures are made.
        leakage_meter: Train under the protocol `slice` too, to measure by how much its leak flatters.
        to_registry: Enter the model into the registry, as the current one if it is better on the frozen patients.
    """
    settings = [spreading, intake, preparing, splitting, training, evaluating]
    run = open_run(data, artifacts, *settings, leakage_meter=leakage_meter, to_registry=to_registry)
    store = run.store
    if to_registry:
        splitting = freeze(run, splitting, preparing)
    with in_words(store.root), run.under_way():
        recipe = training.resolve(preparing.size)  # once: its file may change while the run goes on
        cohort = take_in(run, data, intake, preparing, spreading)
        learnt = learn(run, deal(run, splitting, cohort), recipe, evaluating, cohort)
        masks = predict(run, scores=learnt.scores, labels=cohort.labels, volumes=cohort.volumes)
        beside = {}
        if leakage_meter:
            beside["leakage"] = measure_leakage(run, splitting, recipe, evaluating, cohort, learnt.scores)
        beside["release"] = release(
            run,
            ReleaseSettings(protocol=splitting.protocol, source=source_name(data)),
            labels=cohort.labels,
            volumes=cohort.volumes,
            figures=learnt.scores,
            **by_fold([learnt], "parts", "model", "scores"),
        )
        page = report(
            run,
            ReportSettings(protocol=splitting.protocol, source=source_name(data)),
            files=cohort.files,
            slices=cohort.slices,
            prepared=cohort.prepared,
            labels=cohort.labels,
            parts=learnt.parts,
            model=learnt.model,
            scores=learnt.scores,
            masks=masks,
            volumes=cohort.volumes,
            **beside,
        )
        publish(store.address, asdict(page))
        if to_registry:
            enrol(
                run,
                evaluating,
                source=source_name(data),
                release=beside["release"],
                model=learnt.model,
                scores=learnt.scores,
                parts=learnt.parts,
                labels=cohort.labels,
                prepared=cohort.prepared,
                volumes=cohort.volumes,
            )
    return store.place(f"{page.path}/report.html")
