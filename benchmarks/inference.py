"""What each engine makes of a network's speed: `python benchmarks/inference.py RELEASE --slices FOLDER`.

In one run, side by side on the same slices: `keras.Model.predict` of one slice at a time, the way of most notebooks,
and every export of RELEASE (`gliaflow export RELEASE` makes them), in batches of 16 and slice by slice. The network
alone is measured, without mirroring, by medians over rounds in which all take their turn. Targets: 4 times the slices/s
of `predict` in batches, and a quarter of its time for a slice. Prints a table and a line of JSON; docs/export.md has
figures.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

os.environ["KERAS_BACKEND"] = "tensorflow"

from gliaflow.export.formats import describe_machine
from gliaflow.export.record import FOLDER, Speed, entry_of, read_record
from gliaflow.export.slices import read_slices
from gliaflow.export.speed import measure
from gliaflow.inference.bundle import read_bundle
from gliaflow.inference.engines import UnsuitedMachine, open_network
from gliaflow.inference.engines.keras import KerasNetwork
from gliaflow.model.neighbours import reach_of, stack_neighbours

Run = Callable[[np.ndarray], np.ndarray]
BASELINE = "keras.Model.predict, one slice at a time"


def networks_of(release: Path) -> dict[str, Run]:
    """The first member of a release: by `predict` slice by slice, by Keras in batches, and by each of its exports."""
    bundle, record = read_bundle(release), read_record(release)
    member = bundle.members[0]
    keras = KerasNetwork(release / member.file, member.sha256)

    def one_at_a_time(pictures: np.ndarray) -> np.ndarray:
        return np.concatenate([keras.model.predict(picture[None], verbose=0)[..., 0] for picture in pictures])

    networks: dict[str, Run] = {BASELINE: one_at_a_time, keras.name: keras}
    for candidate in record.candidates if record else ():
        path = entry_of(release / FOLDER, candidate.format, member.file)
        try:
            network = open_network(candidate.format, path, candidate.precision, bundle.size, keras.channels)
        except UnsuitedMachine as error:
            sys.stderr.write(f"{error}\n")
            continue
        networks[network.name + ("" if candidate.parity.passed else " (failed parity)")] = network
    return networks


def pictures_of(slices: str, size: int, channels: int, number: int) -> np.ndarray:
    """So many slices of a folder as the network takes them, uint8 [N, H, W, channels]."""
    reach = reach_of(channels)
    studies = read_slices([slices], size, number)
    stacked = [stack_neighbours(images, row, reach) for images in studies for row in range(len(images))]
    return np.stack([stacked[i * len(stacked) // number] for i in range(number)])


def to_text(speeds: dict[str, Speed]) -> str:
    """A line a network, beside the baseline."""
    base, width = speeds[BASELINE], max(map(len, speeds))
    lines = [f"{'':{width}}  slices/s   times  ms a slice  share"]
    for name, speed in speeds.items():
        times, share = speed.slices_per_second / base.slices_per_second, speed.ms_a_slice / base.ms_a_slice
        lines.append(
            f"{name:{width}}  {speed.slices_per_second:8.1f}  {times:6.2f}  {speed.ms_a_slice:10.1f}  {share:5.2f}"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure every engine of a release side by side.")
    parser.add_argument("release", type=Path)
    parser.add_argument("--slices", required=True, metavar="FOLDER")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    networks = networks_of(options.release)
    bundle = read_bundle(options.release)
    channels = KerasNetwork(options.release / bundle.members[0].file).channels
    pictures = pictures_of(options.slices, bundle.size, channels, 32)
    speeds = measure(networks, pictures, rounds=options.rounds, singles=8, take=median)
    load = os.getloadavg()[0]
    sys.stdout.write(f"{to_text(speeds)}\n")
    found = {name: speed.model_dump() for name, speed in speeds.items()}
    what = {"release": options.release.name, "rounds": options.rounds, "load": load, "machine": describe_machine()}
    sys.stdout.write(f"{json.dumps({**what, 'speeds': found})}\n")


if __name__ == "__main__":
    main()
