"""Prepare the volumes of some patients into a store, in a process of its own: what a file does to it harms no flow.

As a child process: `python -m gliaflow.ingest.batch SPEC.json`, with events on standard output.
"""

import json
import sys
import uuid
from dataclasses import replace
from pathlib import Path

import pandas as pd

from gliaflow.events import emit
from gliaflow.ingest.prepare import prepare_volume
from gliaflow.ingest.reasons import REASONS
from gliaflow.ingest.volumes import Volume, save_volume
from gliaflow.store.artifacts import Artifact, Store
from gliaflow.store.manifests import Provenance
from gliaflow.store.shared import open_store
from gliaflow.store.tables import read_table


class PassingFault(Exception):
    """A volume that lacks slices for a reason that may be gone at the next look."""

    def __init__(self, volume: Volume) -> None:
        super().__init__(volume)
        self.volume = volume


def main(arguments: list[str]) -> None:
    """As a JSON file says: store (its address), slices (a table), root, size, patients {name: provenance}."""
    spec = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    store, root = open_store(spec["store"]), Path(spec["root"])
    slices = read_table(Path(spec["slices"]))
    for patient, provenance in spec["patients"].items():
        rows = slices[slices["patient"] == patient]
        artifact = make_volume(store, root, rows, spec["size"], Provenance(**provenance))
        emit({"event": "prepared", "patient": patient, "key": artifact.key})


def make_volume(store: Store, root: Path, slices: pd.DataFrame, size: int, provenance: Provenance) -> Artifact:
    """The volume of one patient's `slices`, under the key of `provenance` or, if it has passing faults, one of its own.

    So the next run, which looks under the key of `provenance`, tries again what this one could not read.
    """

    def make(folder: Path) -> None:
        volume = prepare_volume(root, slices, size)
        if any(REASONS[reason].passing for reason in volume.rejected["reason"]):
            raise PassingFault(volume)
        save_volume(folder, volume)

    try:
        return store.obtain(provenance, make)
    except PassingFault as fault:
        volume = fault.volume
        once = replace(provenance, inputs={**provenance.inputs, "passing fault": uuid.uuid4().hex})
        return store.obtain(once, lambda folder: save_volume(folder, volume))


if __name__ == "__main__":
    main(sys.argv[1:])
