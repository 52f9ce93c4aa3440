"""Stage `scan`: look at the folder. It alone runs every time; the same content gives the same artifact."""

import time
from dataclasses import asdict
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from gliaflow.ingest.scan import scan_folder
from gliaflow.store.artifacts import Artifact, Store
from gliaflow.store.digests import digest_code, digest_json, library_versions
from gliaflow.store.manifests import Provenance
from gliaflow.store.runs import Run
from tasks.console import progress, tell_stage
from tasks.tables import save

INDEX = ".scan"  # per data folder: path, size and mtime of each file beside its sha256, below the artifact root


def scan(run: Run, root: Path) -> Artifact:
    """The file table of the data folder `root`."""
    clock = time.perf_counter()
    artifact = Artifact(**look(str(root), str(run.store.root)))
    why = "the folder is looked at every time"
    tell_stage(run.record(artifact, cached=False, why=why, seconds=time.perf_counter() - clock))
    return artifact


# Never cached: whether the folder has changed is what this stage is there to find out.
@task(name="scan", task_run_name="scan", cache_policy=NO_CACHE, persist_result=False)
def look(root: str, store_root: str) -> dict[str, str]:
    """Scan `root` into the store at `store_root`; the reference of the file table, as a dict."""
    store = Store(Path(store_root))
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
