"""Prepare the volumes of some patients into a store, in a process of its own: what a file does to it harms no flow.

As a child process: `python -m gliaflow.ingest.batch SPEC.json`, with events on standard output.
"""

import json
import sys
from pathlib import Path

import pandas as pd

from gliaflow.events import emit
from gliaflow.ingest.passing import obtain_lasting
from gliaflow.ingest.prepare import prepare_volume
from gliaflow.ingest.volumes import save_volume
from gliaflow.store.artifacts import Artifact, Store
from gliaflow.store.manifests import Provenance
from gliaflow.store.shared import open_store
from gliaflow.store.tables import read_rows


def main(arguments: list[str]) -> None:
    """As a JSON file says: store (its address), slices (a table), root, size, patients {name: provenance}."""
    spec = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    store, root = open_store(spec["store"]), Path(spec["root"])
    slices = read_rows(Path(spec["slices"]), "patient", list(spec["patients"]))  # of a table of a million patients too
    for patient, provenance in spec["patients"].items():
        rows = slices[slices["patient"] == patient]
        artifact = make_volume(store, root, rows, spec["size"], Provenance(**provenance))
        emit({"event": "prepared", "patient": patient, "key": artifact.key})


def make_volume(store: Store, root: Path, slices: pd.DataFrame, size: int, provenance: Provenance) -> Artifact:
    """The volume of one patient's `slices`; with passing faults in it, under a key of its own."""

    def make(folder: Path) -> pd.DataFrame:
        volume = prepare_volume(root, slices, size)
        save_volume(folder, volume)
        return volume.rejected

    return obtain_lasting(store, provenance, make)


if __name__ == "__main__":
    main(sys.argv[1:])
