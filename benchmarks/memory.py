"""What each stage of a run has in memory at its peak, and whether that grows with the number of slices.

    python benchmarks/memory.py DATA --patients 60 240 --size 64

trains a tiny network for an epoch on so many patients of DATA (by hard links, below the folder --work) and prints for
each stage the megabytes of the flow's process and of its child processes. Pages of mapped files don't count: the system
takes them back when it needs them.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from threading import Event, Thread
from typing import Any

from spread import ROOT, take

sys.path[:0] = [str(ROOT), str(ROOT / "src")]
os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "src")])

RECIPE = {"work_size": 32, "filters": [4, 8], "dropouts": [0.1, 0.2], "epochs": 1, "batch_size": 16}
PAUSE = 0.05  # seconds between two looks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--patients", type=int, nargs="+", default=[60, 240])
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "gliaflow-memory")
    options = parser.parse_args()
    found = []
    for number in options.patients:
        data = take(options.data, options.work / f"data{number}", number)
        slices = sum(1 for _ in data.rglob("*_mask.tif"))
        sys.stdout.write(f"{number} patients, {slices} slices\n")
        found.append(run(data, options.work / f"artifacts{number}", options.size))
    for stage in found[0]:
        cells = "   ".join(f"{own / 1e6:6.0f} + {children / 1e6:6.0f}" for own, children in (f[stage] for f in found))
        sys.stdout.write(f"{stage:<10} {cells}\n")


def run(data: Path, artifacts: Path, size: int) -> dict[str, list[int]]:
    """The peak of each stage in bytes: of this process, and of its children together."""
    from flows.__main__ import PREFECT

    os.environ.update({name: os.environ.get(name, value) for name, value in PREFECT.items()})
    from flows.train import train
    from tasks.settings import EvaluateSettings, PrepareSettings, TrainSettings
    from tasks.stage import Stage

    shutil.rmtree(artifacts, ignore_errors=True)
    artifacts.mkdir(parents=True)
    recipe = artifacts / "recipe.json"
    recipe.write_text(json.dumps(RECIPE))
    stage, over = ["scan"], Event()
    peaks: dict[str, list[int]] = defaultdict(lambda: [0, 0])

    def watch() -> None:
        while not over.wait(PAUSE):
            here = peaks[stage[0]]
            here[0] = max(here[0], own_memory(os.getpid()))
            here[1] = max(here[1], sum(map(own_memory, working_children(os.getpid()))))

    obtain = Stage.obtain

    def told(self: Stage, *arguments: Any, **options: Any) -> Any:
        stage[0] = self.name
        return obtain(self, *arguments, **options)

    Stage.obtain = told  # type: ignore[method-assign]
    watcher = Thread(target=watch)
    watcher.start()
    try:
        train(
            data=str(data),
            artifacts=str(artifacts),
            preparing=PrepareSettings(size=size),
            training=TrainSettings(recipe=str(recipe)),
            evaluating=EvaluateSettings(resamples=200),
        )
    finally:
        Stage.obtain = obtain  # type: ignore[method-assign]
        over.set()
        watcher.join()
    return peaks


def own_memory(process: int) -> int:
    """Bytes that are a process's own: no pages of files. 0 where it is gone."""
    try:
        with open(f"/proc/{process}/status") as status:
            return 1024 * int(next((line.split()[1] for line in status if line.startswith("RssAnon")), 0))
    except OSError:
        return 0


def working_children(process: int) -> list[int]:
    """The processes that a stage has started: not Prefect's server."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if parent == process and b"gliaflow.process" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


if __name__ == "__main__":
    main()
