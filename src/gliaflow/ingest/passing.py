"""Results that lack something for a reason that may be gone at the next look: used once, and not remembered."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd

from gliaflow.ingest.reasons import REASONS
from gliaflow.store.artifacts import Artifact, Store
from gliaflow.store.manifests import Provenance


class PassingFault(Exception):
    """A result lacks slices for a reason that may be gone at the next look."""


def obtain_lasting(store: Store, provenance: Provenance, make: Callable[[Path], pd.DataFrame]) -> Artifact:
    """The result of `provenance`, for which `make(folder)` writes the files and gives the rejected table.

    With passing faults in it the result gets a key of its own, so that the next run, which looks under the key of
    `provenance`, tries again what this one could not read.
    """

    def make_whole(folder: Path) -> None:
        if any(REASONS[reason].passing for reason in make(folder)["reason"]):
            raise PassingFault

    try:
        return store.obtain(provenance, make_whole)
    except PassingFault:
        once = replace(provenance, inputs={**provenance.inputs, "passing fault": uuid.uuid4().hex})

        def make_again(folder: Path) -> None:
            make(folder)

        return store.obtain(once, make_again)
