"""Stage `prepare`: a patient's pairs become one volume, patients in parallel; only what is missing is made.

A patient's volume is an artifact of its own (`volume/<key>`), so that a new patient costs that patient alone. The
stage's own artifact lists them.
"""

import logging
import time
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from gliaflow.process import ChildFailed, run_child
from gliaflow.store.artifacts import Artifact, Store
from gliaflow.store.digests import digest_code, digest_json, library_versions
from gliaflow.store.manifests import Provenance, read_manifest
from gliaflow.store.runs import Run
from gliaflow.store.shared import open_store
from gliaflow.store.tables import read_table
from gliaflow.store.why import Why, why_run
from tasks.console import progress, tell_stage
from tasks.settings import PrepareSettings, SpreadSettings
from tasks.spread import spread
from tasks.stage import REUSED, Input, stage
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
    table = run.store.folder(slices)
    wanted = _provenances(table, settings)
    run.use(f"volume/{provenance.key}" for provenance in wanted.values())
    found = run.store.find_all("volume", (provenance.key for provenance in wanted.values()))
    missing = [patient for patient, provenance in wanted.items() if provenance.key not in found]
    why_missing = _why_missing(run.store, wanted, missing)
    batches = [missing[start : start + spreading.batch] for start in range(0, len(missing), spreading.batch)]
    where = {"store": run.store.address, "slices": asdict(slices), "root": str(root), "settings": settings}
    calls = ({**where, "patients": {name: asdict(wanted[name]) for name in names}} for names in batches)
    made: dict[str, str] = {}
    with progress("prepare", "patients") as bar, closing(spread(make_volumes, calls, spreading)) as results:
        for keys_of_batch in results:
            made |= keys_of_batch
            bar(len(made), len(missing))

    keys = {patient: made.get(patient, provenance.key) for patient, provenance in wanted.items()}
    run.use(f"volume/{key}" for key in made.values())
    found |= run.store.find_all("volume", made.values())
    volumes = {patient: found[key] for patient, key in keys.items()}
    inputs: dict[str, Input] = {**volumes}
    provenance = list_volumes.provenance(settings, inputs)
    run.use([f"prepare/{provenance.key}"])
    cached = not missing and run.store.find("prepare", provenance.key) is not None
    why = REUSED if cached else why_missing or why_run(run.store, provenance, run.made)
    artifact = list_volumes.obtain(run.store, provenance, settings, inputs)
    tell_stage(run.record(artifact, cached=cached, why=why, seconds=time.perf_counter() - clock))
    return Prepared(artifact, volumes)


def _was_killed(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    error = state.result(raise_on_failure=False)
    return isinstance(error, ChildFailed) and error.killed


# Not cached by Prefect: the flow asks only for volumes that the store lacks, and a batch is no unit that comes again.
# Tried again only where a process was killed: memory that others had taken may be free a little later. What a file
# does is the same every time, and a worker of Dask that dies has its batches given to another by Dask itself.
@task(
    name="prepare-volumes",
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=1,
    retry_delay_seconds=20,
    retry_condition_fn=_was_killed,
)
def make_volumes(
    store: str, slices: dict[str, str], root: str, settings: PrepareSettings, patients: dict[str, dict[str, Any]]
) -> dict[str, str]:
    """Make the volumes of `patients`, each named with its provenance; returns the key of each.

    `store` is the store's address, `slices` the reference of the slice table, which this machine may have to fetch. A
    child process does the work: where it is killed, the patients left are tried again, each in a process of its own.
    """
    table = open_store(store).folder(Artifact(**slices))
    spec = {"store": store, "slices": f"{table}/slices.parquet", "root": root, "size": settings.size}
    keys: dict[str, str] = {}
    try:
        _run_batch(spec, patients, keys)
    except ChildFailed as failure:
        if not failure.killed:
            raise
        logger.warning("A process that prepared patients was killed: they are tried again, one at a time")
        for patient in [patient for patient in patients if patient not in keys]:
            try:
                _run_batch(spec, {patient: patients[patient]}, keys)
            except ChildFailed as again:
                named = ChildFailed(f"Patient {patient} could not be prepared. {again}")
                named.killed = again.killed
                raise named from again
    return keys


def _run_batch(spec: dict[str, Any], patients: dict[str, dict[str, Any]], keys: dict[str, str]) -> None:
    """Prepare `patients` in a child process; puts the key of each into `keys` as soon as its volume is there."""

    def on_event(event: dict[str, Any]) -> None:
        keys[event["patient"]] = event["key"]

    run_child("gliaflow.ingest.batch", {**spec, "patients": patients}, on_event)


@stage(name="prepare", code=[], libraries=["pandas", "pyarrow"])
def list_volumes(folder: Path, settings: PrepareSettings, **volumes: Path) -> None:
    """List the volumes; leaves `volumes` (by content), and the `facts` and `rejected` rows of all of them."""
    # read as they are: to validate each patient's rows alone takes longer than to make them, and `save` validates all
    facts = [read_table(path / "facts.parquet") for path in volumes.values()]
    listing = pd.DataFrame(
        {
            "patient": list(volumes),
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
