"""How long `gliaflow predict` takes from start to written masks, and where the time goes.

    .venv/bin/python benchmarks/predicting.py MODEL DIR        a release, and a folder of slices
    .venv/bin/python benchmarks/predicting.py MODEL DIR --repeats 3 --engine keras

First the command itself, as a person starts it, `--repeats` times; then the same work step by step in one process and
one thread, whose shares tell where it goes. (The command reads, predicts and writes at the same time, so its steps add
up to more than its time.)
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

START = "import sys; from gliaflow.cli import main; sys.exit(main())"
spent: Counter[str] = Counter()


@contextmanager
def step(name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    spent[name] += time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--engine", default="fastest")
    options = parser.parse_args()
    seconds = [run_command(options) for _ in range(options.repeats)]
    slices = run_steps(options)
    middle = statistics.median(seconds)
    told = ", ".join(f"{value:.1f}" for value in seconds)
    sys.stdout.write(f"\n{slices} slices: {told} s; median {middle:.1f} s, {slices / middle:.1f} slices a second\n\n")
    total = sum(spent.values())
    for name, value in spent.most_common():
        sys.stdout.write(f"{name:<40} {value:7.1f} s  {value / total:6.1%}  {1000 * value / slices:6.2f} ms a slice\n")


def run_command(options: argparse.Namespace) -> float:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", START, "predict", options.model, options.data]
        start = time.perf_counter()
        done = subprocess.run([*command, "--out", f"{folder}/out", "--engine", options.engine], stdout=subprocess.PIPE)
        if done.returncode == 2:
            raise SystemExit(2)
        return time.perf_counter() - start


def run_steps(options: argparse.Namespace) -> int:
    with step("start: imports and model"):
        from gliaflow.inference.answers import Answer, prepare_study
        from gliaflow.inference.geometry import restore_in_field, write_png
        from gliaflow.inference.loading import Model
        from gliaflow.inference.overlays import draw_overlay
        from gliaflow.inference.tables import slice_rows
        from gliaflow.ingest.studies.files import list_files
        from gliaflow.ingest.studies.opening import open_studies
        from gliaflow.ingest.studies.study import Refusal

        model = Model(options.model, options.engine)
    slices = 0
    with tempfile.TemporaryDirectory() as folder:
        studies = open_studies(list_files([options.data], Path(folder)))
        while True:
            with step("reading and decoding"):
                study = next(studies, None)
            if study is None:
                return slices
            if isinstance(study, Refusal):
                continue
            slices += len(study.images)
            with step("resizing"):
                prepared = prepare_study(study, model.release.bundle.size)
            with step("network"):
                probabilities = model.release.probabilities(prepared)
            with step("masks, calls and warnings"):
                warnings = model.release.bundle.familiarity.warn(prepared)
                found = model.release.decide(probabilities, warnings)
                pairs = zip(found.masks, study.images, strict=True)
                masks = tuple(restore_in_field(mask, *image.shape[:2], study.spacing) for mask, image in pairs)
                answer = Answer(study, masks, found.tumor_probability, found.call, found.warnings)
                slice_rows(answer, model.name, model.engine)
            with step("encoding and writing masks"):
                for number, file in enumerate(study.form.encode(masks, model.name)):
                    Path(folder, f"{number}.mask").write_bytes(file.content)
            with step("drawing and writing overlays"):
                for number in np.flatnonzero(answer.tumor_pixels):
                    picture = draw_overlay(study.images[number], None, masks[number], scale=2)
                    write_png(Path(folder, f"{number}.png"), picture)


if __name__ == "__main__":
    main()
