"""What a stage costs a patient, and whether that grows with their number: seconds and memory, on threads and on Dask.

    python benchmarks/spread.py DATA --patients 60 250 --on threads:2 dask:1 dask:2 --repeats 3

takes so many patients of DATA (by hard links, below the folder --work), and prints for each number the seconds of a
cold `prepare` on each engine (its median, and all) and the processor's seconds, which a busy machine changes less; then
those of the stages around it, with the memory that each added to the process at its peak. Pages of mapped files don't
count as memory: the system takes them back when it needs them. Dask's seconds contain the start of cluster and workers.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

ROOT = Path(__file__).parents[1]
STAGES = ["scan", "pair", "label", "split"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--patients", type=int, nargs="+", default=[60])
    parser.add_argument("--on", nargs="+", default=["threads:2", "dask:1", "dask:2"], metavar="ENGINE:WORKERS")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "gliaflow-spread")
    parser.add_argument("--one", metavar="ENGINE:WORKERS", help="Measure this one in the process that is asked.")
    options = parser.parse_args()
    if options.one:
        measure(options.data, options.work, options.one, options.batch)
        return
    for number in options.patients:
        data = take(options.data, options.work / f"data{number}", number)
        slices = sum(1 for _ in data.rglob("*_mask.tif"))
        sys.stdout.write(f"{number} patients, {slices} slices, batches of {options.batch}\n")
        for engine in options.on:
            told = [ask(options, data, engine, number) for _ in range(options.repeats)]
            seconds, used = ([float(lines["prepare"].split()[place]) for lines in told] for place in (0, 2))
            middle, processor = statistics.median(seconds), statistics.median(used)
            each = f"{1000 * middle / number:.0f} ms a patient, {1000 * processor / number:.0f} ms of a processor"
            listed = " ".join(f"{value:.1f}" for value in seconds)
            words = f"{middle:7.1f} s, {each}; all {listed}; cached {told[-1]['again']}"
            sys.stdout.write(f"  prepare on {engine:<10} {words}\n")
            sys.stdout.flush()
        for stage in ["prepare", *STAGES]:
            sys.stdout.write(f"  {stage:<8} {told[-1][stage]}\n")
        shutil.rmtree(options.work / f"artifacts{number}", ignore_errors=True)


def take(data: Path, folder: Path, number: int) -> Path:
    """A data set of the first `number` patients, by hard links."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for patient in sorted(path for path in data.iterdir() if path.is_dir())[:number]:
        (folder / patient.name).mkdir()
        for file in patient.iterdir():
            os.link(file, folder / patient.name / file.name)
    return folder


def ask(options: argparse.Namespace, data: Path, engine: str, number: int) -> dict[str, str]:
    """What a process of its own measures: {stage: words}."""
    artifacts = options.work / f"artifacts{number}"
    for stage in ("volume", "prepare", ".records"):
        shutil.rmtree(artifacts / stage, ignore_errors=True)
    command = [sys.executable, __file__, data, "--work", artifacts, "--one", engine, "--batch", str(options.batch)]
    environment = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])}
    ran = subprocess.run(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True, check=True)
    return dict(line.split(" ", 1) for line in ran.stdout.splitlines() if " " in line)


def measure(data: Path, artifacts: Path, engine: str, batch: int) -> None:
    """Run the stages up to the split once, and `prepare` again; prints a line each."""
    from flows.__main__ import PREFECT

    os.environ.update({name: os.environ.get(name, value) for name, value in PREFECT.items()})
    from prefect import flow

    import flows.steps as steps
    from gliaflow.splits.leaks import LeakFound
    from tasks.settings import IntakeSettings, PrepareSettings, SplitSettings, SpreadSettings

    runner, workers = engine.split(":")
    spreading = SpreadSettings(runner=runner, workers=int(workers), batch=batch)  # type: ignore[arg-type]

    @flow(name="measured")
    def measured() -> None:
        run = steps.open_run(str(data), str(artifacts))
        with run.under_way():
            root = steps.open_data(run, str(data))
            with watched("scan"):
                files = steps.scan(run, root)
            with watched("pair"):
                slices = steps.pair(run, IntakeSettings(), files=files, root=root)
            with watched("prepare"):
                prepared = steps.prepare(run, PrepareSettings(), slices, root=root, spreading=spreading)
            with watched("label"):
                labels = steps.label(run, IntakeSettings(), slices=slices, prepared=prepared.artifact)
            with watched("split"), suppress(LeakFound):  # phantoms of one anatomy may look alike
                steps.split(run, SplitSettings(), labels=labels, volumes=prepared.volumes)
        again = steps.open_run(str(data), str(artifacts))
        again.name += "-again"
        with again.under_way(), watched("again"):
            steps.prepare(again, PrepareSettings(), slices, root=root, spreading=spreading)

    measured()


@contextmanager
def watched(stage: str) -> Iterator[None]:
    """Print the seconds that it takes, and by how much the process's own memory rose at most."""
    before, peak, over = own_memory(), [0], Event()
    clock, used = time.perf_counter(), processor_seconds()

    def watch() -> None:
        while not over.wait(0.02):
            peak[0] = max(peak[0], own_memory() - before)

    watcher = Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        seconds = time.perf_counter() - clock
        over.set()
        watcher.join()
    used = processor_seconds() - used
    sys.stdout.write(f"{stage} {seconds:.2f} s, {used:.2f} of a processor, + {peak[0] / 1e6:.0f} MB\n")


def processor_seconds() -> float:
    """Of this process and of its children that have ended."""
    return sum(os.times()[:4])


def own_memory() -> int:
    """Bytes that are this process's own: no pages of files."""
    with open("/proc/self/status") as status:
        return 1024 * int(next(line.split()[1] for line in status if line.startswith("RssAnon")))


if __name__ == "__main__":
    main()
