"""Stages `prediction` and `predictions`: what a released model says of patients, of each and of all.

What is said of a patient is an artifact of its own (`prediction/<key>`), so that a new patient costs that one alone.
"""

import logging
import re
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from prefect import task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from gliaflow.inference.bundle import NAME, read_bundle
from gliaflow.process import run_child
from gliaflow.report.tables import Column, Table, rows_of
from gliaflow.store.artifacts import Artifact
from gliaflow.store.digests import digest_code, digest_file, digest_json, library_versions
from gliaflow.store.manifests import Provenance, read_manifest
from gliaflow.store.registry import Registry
from gliaflow.store.runs import Run
from gliaflow.store.shared import open_store
from gliaflow.store.why import Why, why_run
from tasks.console import progress, tell_stage
from tasks.settings import Nothing, SpreadSettings
from tasks.spread import spread
from tasks.stage import REUSED, Input, stage
from tasks.tables import load, save

logger = logging.getLogger("gliaflow.run")

CODE = ["gliaflow.inference.apply"]
LIBRARIES = [
    "keras", "tensorflow-cpu/tensorflow", "numpy", "opencv-python-headless", "pandas", "pyarrow", "scipy", "tifffile",
]  # fmt: skip
VERSION = re.compile(r"current|v?\d+")
SHOWN = 200  # patients in the table on a run's page


@dataclass(frozen=True)
class Model:
    """A released model to predict with: what predictions call it, its folder, and the digest of its content."""

    name: str
    folder: Path
    content: str


@dataclass(frozen=True)
class Predicted:
    """What a model said: the artifact with the tables of all patients, and each patient's own."""

    artifact: Artifact
    patients: dict[str, Artifact]


def choose_model(run: Run, name: str) -> Model:
    """The model called `name`: current, a version of the registry (v3), or the folder of a release.

    Raises `UnknownVersion` or `UnusableRelease`.
    """
    if not VERSION.fullmatch(name) and Path(name).is_dir():
        read_bundle(Path(name))
        digest = digest_file(Path(name) / NAME)  # it names the model files by their digests
        return Model(f"release {digest[:12]}", Path(name).resolve(), digest)
    registry = Registry(run.store)
    version = registry.find(name)
    release = version.release
    run.use([release.path])
    registry.require(version)
    return Model(version.name, run.store.folder(release), release.content)


def image_groups(run: Run, images: Artifact) -> dict[str, pd.DataFrame]:
    """The rows of an image table by patient."""
    table = load(run.store.folder(images), "images")
    return {str(patient): rows.reset_index(drop=True) for patient, rows in table.groupby("patient")}


def digest_images(rows: pd.DataFrame) -> str:
    """Digest of a patient's images by number, wherever they lie."""
    return digest_json(rows[["slice", "image_sha256"]].to_json(orient="split"))


def predict_patients(
    run: Run,
    model: Model,
    images: Artifact,
    patients: Mapping[str, pd.DataFrame],
    spreading: SpreadSettings,
    *,
    root: Path,
) -> Predicted:
    """What `model` says of `patients` (their rows of the table `images`); those that are missing are made now."""
    clock = time.perf_counter()
    store = run.store
    wanted = {patient: _provenance(patient, rows, model) for patient, rows in patients.items()}
    run.use(f"prediction/{provenance.key}" for provenance in wanted.values())
    found = store.find_all("prediction", (provenance.key for provenance in wanted.values()))
    missing = [patient for patient, provenance in wanted.items() if provenance.key not in found]
    spreading, batch = _shares(spreading, len(missing))
    batches = [missing[start : start + batch] for start in range(0, len(missing), batch)]
    where = {
        "store": store.address,
        "release": str(model.folder),
        "model": model.name,
        "images": str(store.folder(images) / "images.parquet"),
        "root": str(root),
    }
    calls = [{"spec": {**where, "patients": {name: asdict(wanted[name]) for name in names}}} for names in batches]
    made: dict[str, str] = {}
    with closing(spread(apply_model, calls, spreading)) as results:
        for keys_of_batch in results:
            made |= keys_of_batch
    keys = {patient: made.get(patient, provenance.key) for patient, provenance in wanted.items()}
    run.use(f"prediction/{key}" for key in made.values())
    found |= store.find_all("prediction", made.values())
    each = {patient: found[key] for patient, key in keys.items()}
    inputs: dict[str, Input] = {f"of {patient}": artifact for patient, artifact in each.items()}
    provenance = list_predictions.provenance(Nothing(), inputs)
    run.use([f"predictions/{provenance.key}"])
    cached = not missing and store.find("predictions", provenance.key) is not None
    why = Why(f"{len(missing)} of {len(wanted)} patients by {model.name}") if missing else REUSED
    if not missing and not cached:
        why = why_run(store, provenance, run.made)
    artifact = list_predictions.obtain(store, provenance, Nothing(), inputs)
    tell_stage(run.record(artifact, cached=cached, why=why, seconds=time.perf_counter() - clock))
    return Predicted(artifact, each)


# Not cached by Prefect: the flow asks only for what the store lacks, and a batch is no unit that comes again.
@task(name="predict-patients", cache_policy=NO_CACHE, persist_result=False)
def apply_model(spec: dict[str, Any]) -> dict[str, str]:
    """Predict the patients of `spec` (see `gliaflow.inference.apply`) in a child process; returns the key of each."""
    keys: dict[str, str] = {}
    with progress("predict", "patients") as bar:

        def on_event(event: dict[str, Any]) -> None:
            if event["event"] == "predicted":
                keys[event["patient"]] = event["key"]
                bar(len(keys), len(spec["patients"]))

        run_child("gliaflow.inference.apply", spec, on_event)
    return keys


def _shares(spreading: SpreadSettings, patients: int) -> tuple[SpreadSettings, int]:
    """What predicting runs on, and how many patients a task takes.

    On one machine a single process predicts all: the network takes every core, and loading it takes seconds.
    """
    if spreading.runner == "threads":
        return spreading.model_copy(update={"workers": 1}), max(patients, 1)
    return spreading, spreading.batch


@stage(name="predictions", code=[], libraries=["pandas", "pyarrow"])
def list_predictions(folder: Path, settings: Nothing, **predictions: Path) -> None:
    """Gather what was said of all patients; leaves `answers` (also as CSV), `profiles` and `rejected`.

    Paths of masks and overlays are relative to the artifact root.
    """
    answers = []
    for path in predictions.values():
        rows = load(path, "answers")
        place = f"prediction/{read_manifest(path).provenance.key}"
        for column in ("mask", "overlay"):
            rows[column] = (place + "/" + rows[column]).astype("str")
        answers.append(rows)
    table = pd.concat(answers, ignore_index=True).sort_values(["patient", "slice"], ignore_index=True)
    save(folder, "answers", table)
    table.to_csv(folder / "answers.csv", index=False)
    for name in ("profiles", "rejected"):
        tables = [load(path, name) for path in predictions.values()]
        save(folder, name, pd.concat(tables, ignore_index=True))


# Not cached: it belongs to this run's page.
@task(name="publish", task_run_name="publish", cache_policy=NO_CACHE, persist_result=False)
def publish_predictions(address: str, predictions: dict[str, str], model: str) -> None:
    """Show on the run's page what `model` said of each patient, and where masks and tables lie."""
    store, artifact = open_store(address), Artifact(**predictions)
    folder = store.folder(artifact)
    profiles, answers = load(folder, "profiles"), load(folder, "answers")
    place = store.place(f"{artifact.path}/answers.csv")
    markdown = (
        f"{model} predicted {len(answers)} slices of {len(profiles)} patients: {count_calls(answers)}. "
        f"{int((profiles['warnings'] != '').sum())} patients are unlike its training data.\n\n"
        f"Masks, overlays and a row a slice: `{place}`\n\nResearch use only. Not a medical device."
    )
    create_markdown_artifact(key="predictions", markdown=markdown, description=place)
    shown = ["patient", "slices", "tumor_rate", "unsure_rate", "tumor_share", "model", "warnings"]
    table = Table("patients", "", [Column(name, name) for name in shown], rows_of(profiles.head(SHOWN)))
    create_table_artifact(key="patients", table=table.plain())


def count_calls(answers: pd.DataFrame) -> str:
    """ "12 with tumour, 30 without, 3 unsure"."""
    counts = answers["call"].value_counts()
    named = {"tumor": "with tumour", "empty": "without", "unsure": "unsure"}
    return ", ".join(f"{int(counts.get(call, 0))} {words}" for call, words in named.items())


def _provenance(patient: str, rows: pd.DataFrame, model: Model) -> Provenance:
    return Provenance(
        stage="prediction",
        inputs={patient: digest_json(rows.to_json(orient="split")), "release": model.content},
        parameters={"model": model.name},
        code=digest_code(CODE),
        libraries=library_versions(LIBRARIES),
    )
