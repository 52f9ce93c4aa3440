"""Stage `prepare`: a patient's pairs become one volume, patients in parallel; only what is missing is made.

A patient's volume is an artifact of its own (`volume/<key>`), so that a new patient costs that patient alone. The
stage's own artifact lists them.
"""

import logging
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from prefect import task

from gliaflow.store.artifacts import Artifact, Store
from gliaflow.store.digests import digest_code, digest_json, library_versions
from gliaflow.store.manifests import Provenance, read_manifest
from gliaflow.store.runs import Run
from gliaflow.store.shared import open_store
from gliaflow.store.tables import read_table
from gliaflow.store.why import Why, why_run
from tasks.console import progress
from tasks.patients import BATCH, OF, find_each, in_child, list_each, make_each
from tasks.settings import PrepareSettings, SpreadSettings
from tasks.stage import stage
from tasks.tables import load, save

logger = logging.getLogger("gliaflow.run")

VOLUME_CODE = ["gliaflow.ingest.prepare", "gliaflow.ingest.volumes"]
LIBRARIES = ["numpy", "opencv-python-headless", "pandas", "pyarrow", "tifffile"]


@dataclass(frozen=True)
class Prepared:
    """The prepared data set: the stage's artifact, and each patient's volume.

    Only the artifact enters the keys of later stages: it names the volumes by content, so that volumes made anew with
    the same bytes leave everything below as it was.
    """

    artifact: Artifact
    volumes: dict[str, Artifact]


def prepare(
    run: Run, settings: PrepareSettings, slices: Artifact, *, root: Path, spreading: SpreadSettings
) -> Prepared:
    """The volumes of all patients in `slices`; those that are missing are made in tasks of some patients each."""
    clock = time.perf_counter()
    wanted = _provenances(run.store.folder(slices), settings)
    found = find_each(run, "volume", wanted)
    missing = [patient for patient in wanted if patient not in found]
    why = _why_missing(run.store, wanted, missing)
    where = {"store": run.store.address, "slices": asdict(slices), "root": str(root), "settings": settings}
    with progress("prepare", "patients") as bar:
        volumes = make_each(
            run, "volume", wanted, found, make_volumes, where, spreading, told=lambda done: bar(done, len(missing))
        )
    return Prepared(list_each(run, list_volumes, settings, volumes, why, clock), volumes)


@task(name="prepare-volumes", **BATCH)
def make_volumes(
    store: str, slices: dict[str, str], root: str, settings: PrepareSettings, patients: dict[str, dict[str, Any]]
) -> dict[str, str]:
    """Make the volumes of `patients`, each named with its provenance; returns the key of each.

    `store` is the store's address, `slices` the reference of the slice table, which this machine may have to fetch.
    """
    table = open_store(store).folder(Artifact(**slices))
    spec = {"store": store, "slices": f"{table}/slices.parquet", "root": root, "size": settings.size}
    return in_child("gliaflow.ingest.batch", "prepared", spec, patients)


@stage(name="prepare", code=[], libraries=["pandas", "pyarrow"])
def list_volumes(folder: Path, settings: PrepareSettings, **volumes: Path) -> None:
    """List the volumes; leaves `volumes` (by content), and the `facts` and `rejected` rows of all of them."""
    # read as they are: to validate each patient's rows alone takes longer than to make them, and `save` validates all
    facts = [read_table(path / "facts.parquet") for path in volumes.values()]
    listing = pd.DataFrame(
        {
            "patient": [name.removeprefix(OF) for name in volumes],
            "slices": [len(rows) for rows in facts],
            "content": [read_manifest(path).content for path in volumes.values()],
        }
    )
    save(folder, "volumes", listing)
    save(folder, "facts", pd.concat(facts, ignore_index=True))
    rejected = [read_table(path / "rejected.parquet") for path in volumes.values()]
    save(folder, "rejected", pd.concat(rejected, ignore_index=True))


def _provenances(table: Path, settings: PrepareSettings) -> dict[str, Provenance]:
    """All that each patient's volume depends on, by patient."""
    slices = load(table, "slices")
    alike = {
        "parameters": settings.model_dump(mode="json"),
        "code": digest_code(VOLUME_CODE),
        "libraries": library_versions(LIBRARIES),
    }
    wanted = {}
    for patient, rows in slices.groupby("patient"):
        digest = digest_json(rows.reset_index(drop=True).to_json(orient="split"))
        wanted[str(patient)] = Provenance(stage="volume", inputs={str(patient): digest}, **alike)
    return wanted


def _why_missing(store: Store, wanted: dict[str, Provenance], missing: list[str]) -> Why | None:
    """Why some volumes have to be made; None if none has to."""
    if not missing:
        return None
    share = f"{len(missing)} of {len(wanted)} patients"
    damaged = [f"{name}: {damage}" for name in missing if (damage := store.damage("volume", wanted[name].key))]
    if damaged:
        return Why(f"{share}; damaged: {', '.join(damaged[:3])}")
    known = {name for manifest in store.manifests("volume") for name in manifest.provenance.inputs}
    new = [name for name in missing if name not in known]
    if not known:
        return Why("first run")
    if new == missing:
        return Why(f"{share} are new: {', '.join(new[:3])}{', ...' if len(new) > 3 else ''}")
    first = next(name for name in missing if name in known)
    why = why_run(store, wanted[first])
    return replace(why, words=f"{share}; {first}: {why.words}")
