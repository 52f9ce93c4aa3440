"""What orchestration adds to a run, and how long a run takes that has nothing to do.

    python benchmarks/orchestration.py DATA --work DIR [--repeats 3] [--options "--recipe fast --epochs 1"]

Times whole commands, as a person starts them, in a Prefect home of their own: a run of `train` that makes everything,
the same run again (which finds everything), and `watch` on a folder in which nothing is new. The work of the first is
what its results took, by their manifests: the rest is orchestration (start of Python and Prefect, Prefect's server
where none is running, keys, checks, records, task runs, publishing). What a child process needs to load TensorFlow
counts as work. With PREFECT_API_URL set, that server is used, and none is started by the runs.
"""

import argparse
import os
import shlex
import statistics
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

from gliaflow.store.artifacts import Store
from gliaflow.store.manifests import Manifest, read_manifest
from gliaflow.store.runs import read_named, read_runs


def run(command: list[str], home: Path) -> float:
    """Seconds that `python -m flows …` takes; its output goes to a log in `home`."""
    environment = {**os.environ, "PREFECT_HOME": str(home)}
    home.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    with (home / "log.txt").open("a") as log:
        subprocess.run(
            [sys.executable, "-m", "flows", *command], check=True, stdout=log, stderr=subprocess.STDOUT, env=environment
        )
    return time.perf_counter() - started


def work_of(store: Store) -> float:
    """Seconds of the stages' own work in the last run: of prepare, whose batches overlap, from first to last."""
    last = read_runs(store)[-1]
    used = read_named(store, [last])[last.name]
    paths = [path for path in sorted(used) if (store.root / path / "manifest.json").exists()]
    manifests = [read_manifest(store.root / path) for path in paths]
    volumes = [manifest for manifest in manifests if manifest.provenance.stage == "volume"]
    others = [manifest for manifest in manifests if manifest.provenance.stage != "volume"]
    return sum(manifest.seconds for manifest in others) + _span(volumes)


def _span(manifests: list[Manifest]) -> float:
    starts = [datetime.fromisoformat(manifest.started).timestamp() for manifest in manifests]
    return max(start + m.seconds for start, m in zip(starts, manifests, strict=True)) - min(starts)


def say(line: str) -> None:
    """One line on standard output."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--options", default="--recipe fast --epochs 1", help="more options of train")
    options = parser.parse_args()
    server = os.environ.get("PREFECT_API_URL")
    say(f"Prefect server: {server or 'started by each run'}")
    more = shlex.split(options.options)
    cold, overheads, cached, idle = [], [], [], []
    for repeat in range(options.repeats):
        home, artifacts = options.work / "home", options.work / f"artifacts-{repeat}"
        where = ["--data", options.data, "--artifacts", str(artifacts)]
        if repeat == 0:
            run(["models", *where[2:]], home)  # Python's own caches, and the disk's
        cold.append(run(["train", *where, "--register", *more], home))
        overheads.append(cold[-1] - work_of(Store(artifacts)))
        cached.append(run(["train", *where, "--register", *more], home))
        run(["watch", *where, *more], home)
        idle.append(run(["watch", *where, *more], home))
        say(
            f"{repeat + 1}: all made in {cold[-1]:.1f} s, of which orchestration {overheads[-1]:.1f} s; "
            f"all found in {cached[-1]:.1f} s; idle watch {idle[-1]:.1f} s"
        )
    total, added = statistics.median(cold), statistics.median(overheads)
    say(f"run that makes all   {total:7.1f} s, orchestration {added:.1f} s ({100 * added / total:.1f} %)")
    say(f"run that finds all   {statistics.median(cached):7.1f} s")
    say(f"idle watch           {statistics.median(idle):7.1f} s")


if __name__ == "__main__":
    main()
