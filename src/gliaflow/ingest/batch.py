"""Prepare the volumes of some patients into a store, in a process of its own: what a file does to it harms no flow.

As a child process: `python -m gliaflow.ingest.batch SPEC.json`, with events on standard output.
"""

import json
import sys
from functools import partial
from pathlib import Path

import pandas as pd

from gliaflow.events import emit
from gliaflow.ingest.prepare import prepare_volume
from gliaflow.ingest.volumes import save_volume
from gliaflow.store.manifests import Provenance
from gliaflow.store.shared import open_store
from gliaflow.store.tables import read_table


def main(arguments: list[str]) -> None:
    """As a JSON file says: store (its address), slices (a table), root, size, patients {name: provenance}."""
    spec = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    store, root = open_store(spec["store"]), Path(spec["root"])
    slices = read_table(Path(spec["slices"]))
    for patient, provenance in spec["patients"].items():
        rows = slices[slices["patient"] == patient]
        store.obtain(Provenance(**provenance), partial(_make, root=root, rows=rows, size=spec["size"]))
        emit({"event": "prepared", "patient": patient})


def _make(folder: Path, *, root: Path, rows: pd.DataFrame, size: int) -> None:
    save_volume(folder, prepare_volume(root, rows, size))


if __name__ == "__main__":
    main(sys.argv[1:])
