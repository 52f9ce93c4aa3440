"""Stage `prepare`: a patient's pairs become one volume, patients in parallel; only what is missing is made.

A patient's volume is an artifact of its own (`volume/<key>`), so that a new patient costs that patient alone. The
stage's own artifact lists them.
"""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.futures import as_completed

from gliaflow.ingest.prepare import prepare_volume
from gliaflow.ingest.volumes import save_volume
from gliaflow.store.artifacts import Artifact, Store
from gliaflow.store.digests import digest_code, digest_json, library_versions
from gliaflow.store.manifests import Provenance, read_manifest
from gliaflow.store.runs import Run
from gliaflow.store.why import why_run
from tasks.console import progress, tell_stage
from tasks.settings import PrepareSettings
from tasks.stage import REUSED, Input, stage
from tasks.tables import load, save

VOLUME_CODE = ["gliaflow.ingest.prepare", "gliaflow.ingest.volumes"]
LIBRARIES = ["numpy", "opencv-python-headless", "pandas", "pyarrow", "tifffile"]


@dataclass(frozen=True)
class Prepared:
    """The prepared data set: the stage's artifact, and where each patient's volume lies.

    Only the artifact enters the keys of later stages: it names the volumes by content, so that volumes made anew with
    the same bytes leave everything below as it was.
    """

    artifact: Artifact
    volumes: dict[str, Path]


def prepare(run: Run, settings: PrepareSettings, slices: Artifact, *, root: Path, batch: int) -> Prepared:
    """The volumes of all patients in `slices`; those that are missing are made in tasks of `batch` patients each."""
    clock = time.perf_counter()
    table = run.store.folder(slices)
    wanted = {patient: _provenance(patient, rows, settings) for patient, rows in _by_patient(table).items()}
    missing = [patient for patient, provenance in wanted.items() if run.store.find("volume", provenance.key) is None]
    why_missing = _why_missing(run.store, wanted, missing)
    batches = [missing[start : start + batch] for start in range(0, len(missing), batch)]
    with progress("prepare", "patients") as bar:
        jobs = [
            make_volumes.submit(
                str(run.store.root), str(table), str(root), settings, {n: asdict(wanted[n]) for n in names}
            )
            for names in batches
        ]
        for done, job in enumerate(as_completed(jobs), start=1):
            job.result()
            bar(min(done * batch, len(missing)), len(missing))

    volumes: dict[str, Input] = {}
    for patient, provenance in wanted.items():
        volume = run.store.find("volume", provenance.key)
        assert volume is not None, f"the volume of {patient} was made but is not there"
        volumes[patient] = volume
    provenance = list_volumes.provenance(settings, volumes)
    cached = not missing and run.store.find("prepare", provenance.key) is not None
    why = REUSED if cached else why_missing or why_run(run.store, provenance)
    artifact = list_volumes.obtain(run.store, provenance, settings, volumes)
    tell_stage(run.record(artifact, cached=cached, why=why, seconds=time.perf_counter() - clock))
    return Prepared(artifact, {name: run.store.folder(v) for name, v in volumes.items() if isinstance(v, Artifact)})


# Not cached by Prefect: the flow asks only for volumes that the store lacks, and a batch is no unit that comes again.
@task(name="prepare-volumes", cache_policy=NO_CACHE, persist_result=False)
def make_volumes(
    store_root: str, table: str, root: str, settings: PrepareSettings, patients: dict[str, dict[str, Any]]
) -> None:
    """Make the volumes of `patients`, each named with its provenance; `table` is the folder of the slice table."""
    store = Store(Path(store_root))
    rows = _by_patient(Path(table))
    for patient, provenance in patients.items():
        _make_volume(store, Path(root), rows[patient], settings.size, Provenance(**provenance))


def _make_volume(store: Store, root: Path, rows: pd.DataFrame, size: int, provenance: Provenance) -> None:
    def make(folder: Path) -> None:
        volume = prepare_volume(root, rows, size)
        save_volume(folder, volume)
        load(folder, "facts")
        load(folder, "rejected")

    store.obtain(provenance, make)


@stage(name="prepare", code=[], libraries=["pandas", "pyarrow"])
def list_volumes(folder: Path, settings: PrepareSettings, **volumes: Path) -> None:
    """List the volumes; leaves `volumes` (by content), and the `facts` and `rejected` rows of all of them."""
    facts = {patient: load(path, "facts") for patient, path in volumes.items()}
    listing = pd.DataFrame(
        {
            "patient": list(volumes),
            "slices": [len(facts[patient]) for patient in volumes],
            "content": [read_manifest(path).content for path in volumes.values()],
        }
    )
    save(folder, "volumes", listing)
    save(folder, "facts", pd.concat(facts.values(), ignore_index=True))
    save(folder, "rejected", pd.concat([load(path, "rejected") for path in volumes.values()], ignore_index=True))


def _by_patient(table: Path) -> dict[str, pd.DataFrame]:
    slices = load(table, "slices")
    return {str(patient): rows.reset_index(drop=True) for patient, rows in slices.groupby("patient")}


def _provenance(patient: str, rows: pd.DataFrame, settings: PrepareSettings) -> Provenance:
    return Provenance(
        stage="volume",
        inputs={patient: digest_json(rows.to_json(orient="split"))},
        parameters=settings.model_dump(mode="json"),
        code=digest_code(VOLUME_CODE),
        libraries=library_versions(LIBRARIES),
    )


def _why_missing(store: Store, wanted: dict[str, Provenance], missing: list[str]) -> str:
    """In words, why some volumes have to be made; empty if none has to."""
    if not missing:
        return ""
    share = f"{len(missing)} of {len(wanted)} patients"
    damaged = [f"{name}: {damage}" for name in missing if (damage := store.damage("volume", wanted[name].key))]
    if damaged:
        return f"{share}; damaged: {', '.join(damaged[:3])}"
    known = {name for manifest in store.manifests("volume") for name in manifest.provenance.inputs}
    new = [name for name in missing if name not in known]
    if not known:
        return "first run"
    if new == missing:
        return f"{share} are new: {', '.join(new[:3])}{', ...' if len(new) > 3 else ''}"
    first = next(name for name in missing if name in known)
    return f"{share}; {first}: {why_run(store, wanted[first])}"
