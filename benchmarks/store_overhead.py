"""What the artifact store adds to a run: checking, hashing, flushing, manifests, keys, reasons and records.

    python benchmarks/store_overhead.py ARTIFACTS [--run RUN] [--repeats 3]

Takes a finished run and does the store's part of it again, without the stages' own work: every result that the run used
is put into a new store from a copy of its files (the copying is not counted), then found again as a second run does.
Prints medians, and their share of the seconds that making these results took.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gliaflow.store.artifacts import Store
from gliaflow.store.digests import _read_module, digest_code, library_versions
from gliaflow.store.manifests import Manifest, read_manifest
from gliaflow.store.runs import Run, read_named, read_runs
from gliaflow.store.why import Why, why_run


class Clock:
    """Adds up the seconds spent within its contexts, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started


def first_run(source: Store, manifests: list[Manifest], root: Path) -> Clock:
    """The store's part of a run that makes everything."""
    clock = Clock()
    store = Store(root)
    _read_module.cache_clear()  # a run reads the code once
    with Run("first", store, {"data": "d"}).under_way() as run:
        for manifest in manifests:
            origin = manifest.provenance
            with clock("keys: digests of code, versions of libraries"):
                digest_code(name for name in origin.code if name.startswith("gliaflow."))
                library_versions([name for name in origin.libraries if name != "python"])
            with clock("why it runs"):
                why = why_run(store, origin) if origin.stage != "volume" else Why("first run")
            with clock("records of the run"):
                run.use([f"{origin.stage}/{origin.key}"])
            copying = Clock()
            files = source.root / origin.stage / origin.key

            def make(folder: Path, files: Path = files, copying: Clock = copying) -> None:
                with copying("copy"):
                    shutil.copytree(files, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("manifest.json"))

            started = time.perf_counter()
            made = store.obtain(origin, make)
            added = time.perf_counter() - started - copying.seconds["copy"]
            clock.seconds["hashing, flushing, manifest, rename"] = (
                clock.seconds.get("hashing, flushing, manifest, rename", 0.0) + added
            )
            if origin.stage != "volume":
                with clock("records of the run"):
                    run.record(made, cached=False, why=why, seconds=1.0)
    return clock


def second_run(manifests: list[Manifest], root: Path) -> Clock:
    """The store's part of a run that finds everything: every file compared with its sha256."""
    clock = Clock()
    store = Store(root)
    with clock("checking every file"):
        volumes = [manifest.provenance.key for manifest in manifests if manifest.provenance.stage == "volume"]
        assert len(store.find_all("volume", volumes)) == len(volumes)
        for manifest in manifests:
            assert store.find(manifest.provenance.stage, manifest.provenance.key) is not None
    return clock


def say(line: str) -> None:
    """One line on standard output."""
    sys.stdout.write(line + "\n")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("artifacts", type=Path)
    parser.add_argument("--run", help="name of the run; the last one without it")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    source = Store(options.artifacts)
    runs = [run for run in read_runs(source) if options.run in (None, run.name)]
    used = read_named(source, runs[-1:])[runs[-1].name]
    paths = [path for path in sorted(used) if (source.root / path / "manifest.json").exists()]
    manifests = [read_manifest(source.root / path) for path in paths]
    size = sum(file["size"] for manifest in manifests for file in manifest.files)
    work = sum(manifest.seconds for manifest in manifests)
    say(f"{len(manifests)} results, {size / 1e6:.0f} MB, made in {work:.0f} s")
    firsts, seconds = [], []
    for _ in range(options.repeats):
        with tempfile.TemporaryDirectory(dir=options.artifacts.resolve().parent) as folder:
            firsts.append(first_run(source, manifests, Path(folder)).seconds)
            seconds.append(second_run(manifests, Path(folder)).seconds)
    for title, samples in (("a run that makes all", firsts), ("a run that finds all", seconds)):
        total = statistics.median(sum(sample.values()) for sample in samples)
        say(f"{title}: {total:.2f} s, {100 * total / work:.2f} % of {work:.0f} s")
        for name in samples[0]:
            say(f"  {statistics.median(sample[name] for sample in samples):7.2f} s  {name}")


if __name__ == "__main__":
    main()
