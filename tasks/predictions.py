"""Stages `prediction` and `predictions`: what a released model says of patients, of each and of all.

What is said of a patient is an artifact of its own (`prediction/<key>`), so that a new patient costs that one alone.
"""

import logging
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from prefect import task
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from gliaflow.inference.bundle import NAME, read_bundle
from gliaflow.report.tables import Column, Table, rows_of
from gliaflow.store.artifacts import Artifact
from gliaflow.store.digests import digest_code, digest_file, digest_json, library_versions
from gliaflow.store.manifests import Provenance, read_manifest
from gliaflow.store.registry import Registry
from gliaflow.store.runs import Run
from gliaflow.store.shared import open_store
from gliaflow.store.tables import read_table
from gliaflow.store.why import Why
from tasks.console import progress
from tasks.patients import BATCH, OF, find_each, in_child, list_each, make_each
from tasks.retries import PUBLISHING
from tasks.settings import Nothing, SpreadSettings
from tasks.stage import stage
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
    wanted = _provenances(patients, model)
    found = find_each(run, "prediction", wanted)
    missing = len(wanted) - len(found)
    where = {
        "store": run.store.address,
        "release": str(model.folder),
        "model": model.name,
        "images": asdict(images),
        "root": str(root),
    }
    if spreading.runner == "threads":  # one process for all: the network takes every core, and loading it seconds
        spreading = spreading.model_copy(update={"workers": 1, "batch": max(missing, 1)})
    each = make_each(run, "prediction", wanted, found, apply_model, where, spreading)
    why = Why(f"{missing} of {len(wanted)} patients by {model.name}") if missing else None
    return Predicted(list_each(run, list_predictions, Nothing(), each, why, clock), each)


@task(name="predict-patients", **BATCH)
def apply_model(
    store: str, release: str, model: str, images: dict[str, str], root: str, patients: dict[str, dict[str, Any]]
) -> dict[str, str]:
    """Predict `patients`, each named with its provenance, by the release in a folder; returns the key of each.

    `store` is the store's address, `images` the reference of the image table, `model` what predictions call the model.
    """
    table = open_store(store).folder(Artifact(**images)) / "images.parquet"
    spec = {"store": store, "release": release, "model": model, "images": str(table), "root": root}
    with progress("predict", "patients") as bar:

        def told(keys: dict[str, str]) -> None:
            bar(len(keys), len(patients))

        return in_child("gliaflow.inference.apply", "predicted", spec, patients, told)


@stage(name="predictions", code=[], libraries=["pandas", "pyarrow"])
def list_predictions(folder: Path, settings: Nothing, **predictions: Path) -> None:
    """Gather what was said of all patients; leaves `answers` (also as CSV), `profiles` and `rejected`.

    Paths of masks and overlays are relative to the artifact root.
    """
    answers = []  # read as they are: `save` validates all of them together
    for path in predictions.values():
        rows = read_table(path / "answers.parquet")
        place = f"prediction/{read_manifest(path).provenance.key}"
        for column in ("mask", "overlay"):
            rows[column] = (place + "/" + rows[column]).astype("str")
        answers.append(rows)
    table = pd.concat(answers, ignore_index=True).sort_values(["patient", "slice"], ignore_index=True)
    save(folder, "answers", table)
    table.to_csv(folder / "answers.csv", index=False)
    for name in ("profiles", "rejected"):
        tables = [read_table(path / f"{name}.parquet") for path in predictions.values()]
        save(folder, name, pd.concat(tables, ignore_index=True))


@task(name="publish", task_run_name="publish", **PUBLISHING)
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


def _provenances(patients: Mapping[str, pd.DataFrame], model: Model) -> dict[str, Provenance]:
    """All that what is said of each patient depends on, by patient."""
    alike = {
        "parameters": {"model": model.name},
        "code": digest_code(CODE),
        "libraries": library_versions(LIBRARIES),
    }
    wanted = {}
    for patient, rows in patients.items():
        inputs = {f"{OF}{patient}": digest_json(rows.to_json(orient="split")), "release": model.content}
        wanted[patient] = Provenance(stage="prediction", inputs=inputs, **alike)
    return wanted
