"""Stage `scan`: look at the folder. It alone runs every time; the same content gives the same artifact."""

import time
from dataclasses import asdict
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from gliaflow.errors import GliaflowError
from gliaflow.ingest.changes import changed_files, in_numbers
from gliaflow.ingest.scan import scan_folder
from gliaflow.ingest.sources import open_source
from gliaflow.store.artifacts import INDEX, UNPACKED, Artifact
from gliaflow.store.digests import digest_code, digest_json, library_versions
from gliaflow.store.manifests import Provenance
from gliaflow.store.runs import Run
from gliaflow.store.shared import open_store
from gliaflow.store.why import Why
from tasks.console import progress, tell_stage
from tasks.tables import load, save

MOST_TOLD = 200  # changed files that a run's record names


def open_data(run: Run, data: str) -> Path:
    """The folder with the data, an archive unpacked in it once."""
    with run.holding():
        root = open_source(data, run.store.root / UNPACKED)
        if root.is_relative_to(run.store.root):
            run.use([root.relative_to(run.store.root).as_posix()])
    return root


def scan(run: Run, root: Path) -> Artifact:
    """The file table of the data folder `root`."""
    clock = time.perf_counter()
    with run.holding():
        artifact = Artifact(**look(str(root), run.store.address))
        run.use([artifact.path])
    why = _why(run, artifact)
    tell_stage(run.record(artifact, cached=False, why=why, seconds=time.perf_counter() - clock))
    return artifact


def _why(run: Run, artifact: Artifact) -> Why:
    """The scan runs every time; what it found different from the last run on the same data is worth telling."""
    words = "the folder is looked at every time"
    for earlier in reversed(run.earlier):
        seen = next((stage for stage in earlier.stages if stage.stage == "scan"), None)
        if seen is None or earlier.parameters.get("data") != run.parameters["data"]:
            continue
        before = run.store.find("scan", seen.key)
        if before is None:
            continue
        try:
            tables = [load(run.store.folder(table), "files") for table in (before, artifact)]
        except (GliaflowError, OSError):  # made by another version, or removed meanwhile: nothing hangs on it
            continue
        changes = changed_files(*tables)
        return Why(f"{words}: {in_numbers(changes)} since the last run", seen.path, changes[:MOST_TOLD])
    return Why(words)


# Never cached: whether the folder has changed is what this stage is there to find out.
@task(name="scan", task_run_name="scan", cache_policy=NO_CACHE, persist_result=False)
def look(root: str, address: str) -> dict[str, str]:
    """Scan `root` into the store at `address`; the reference of the file table, as a dict."""
    store = open_store(address)
    index = store.root / INDEX / f"{digest_json(root)[:16]}.json"
    with progress("scan", "files") as bar:
        files = scan_folder(Path(root), index, progress=bar)
    provenance = Provenance(
        stage="scan",
        inputs={"files": digest_json(files.to_json(orient="split"))},
        parameters={},
        code=digest_code(["gliaflow.ingest.scan"]),
        libraries=library_versions(["pandas", "pyarrow"]),
    )
    return asdict(store.obtain(provenance, lambda folder: save(folder, "files", files)))
