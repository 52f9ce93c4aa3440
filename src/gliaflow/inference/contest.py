"""Released models on the same patients, each with its own threshold and filter, exactly as it would be used.

As a child process: `python -m gliaflow.inference.contest SPEC.json`, with events on standard output.
"""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from gliaflow.errors import GliaflowError
from gliaflow.evaluation.counts import dice
from gliaflow.events import Progress, emit
from gliaflow.inference.release import load_release
from gliaflow.ingest.volumes import load_volume
from gliaflow.store.tables import write_table

COUNTS = ["slices", "tumor_slices", "true_pixels", "predicted_pixels", "intersection"]


class UnequalSizes(GliaflowError):
    """A model takes slices of another size than those that the patients were prepared at."""


def score_releases(
    releases: Mapping[str, Path], volumes: Mapping[str, Path], progress: Callable[[int], None] = lambda done: None
) -> pd.DataFrame:
    """A row a patient and release: who, which, the counts COUNTS of the whole volume, and its Dice.

    Parameters
    ----------
    releases : mapping of what to call it to its folder
    volumes : mapping of patient to the folder of its volume, of the size that every release takes
    progress : callable
        Told how many slices are done, over all releases.

    Raises
    ------
    UnequalSizes
        Where a release takes slices of another size.
    """
    rows = []
    done = 0
    for name, folder in releases.items():
        release = load_release(folder)
        for patient, place in sorted(volumes.items()):
            volume = load_volume(place)
            size = volume.images.shape[1]
            if size != release.bundle.size:
                raise UnequalSizes(
                    f"Models are held against each other on slices of one size; {name} takes {release.bundle.size} x "
                    f"{release.bundle.size} pixels, and {patient} was prepared at {size} x {size}. Prepare by --size "
                    f"{release.bundle.size}, or start a registry of its own with another --artifacts."
                )
            masks, true = release.predict_volume(volume.images).masks > 0, volume.masks > 0
            pixels = [int(np.count_nonzero(mask)) for mask in (true, masks, true & masks)]
            rows.append((patient, name, len(true), int(true.any(axis=(1, 2)).sum()), *pixels))
            done += len(true)
            progress(done)
    table = pd.DataFrame(rows, columns=["patient", "release", *COUNTS])
    return table.assign(dice=dice(table))


def main(arguments: list[str]) -> None:
    """As a JSON file says: releases {name: folder}, volumes {patient: folder}, out (the table's path)."""
    spec = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    volumes = {patient: Path(folder) for patient, folder in spec["volumes"].items()}
    total = sum(len(load_volume(folder).masks) for folder in volumes.values()) * len(spec["releases"])
    table = score_releases(
        {name: Path(folder) for name, folder in spec["releases"].items()}, volumes, Progress(emit, total)
    )
    write_table(table, Path(spec["out"]))


if __name__ == "__main__":
    main(sys.argv[1:])
