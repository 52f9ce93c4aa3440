"""What the training stage adds to training: `python benchmarks/train.py [ARTIFACTS]`.

Slices a second of one epoch of the stage (memory-mapped volumes, augmentation, metric), against `keras.Model.fit` of
the same network on arrays in memory, and, with `--torch` in an environment that has PyTorch, against the same network
there (channels_last, in bfloat16 autocast and in float32). They take turns in one process, and each figure is the
median of its turns: other work on the machine hits all alike. Without ARTIFACTS the volumes are noise.
"""

import argparse
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from gliaflow.model.batches import Slices, TrainingBatches, open_slices
from gliaflow.model.hardware import count_threads
from gliaflow.model.losses import LOSSES
from gliaflow.model.recipes import Recipe, load_recipe
from gliaflow.model.training import _Course
from gliaflow.model.unet import build_unet
from gliaflow.store.tables import write_table


def build_bare(recipe: Recipe, size: int, precision: str) -> keras.Model:
    """The recipe's network for its crops, with the stage's optimizer and loss, and nothing else."""
    side = recipe.crop or size
    model = build_unet(
        side, recipe.work_size * side // size, recipe.filters, recipe.dropouts, 3 * (2 * recipe.neighbours + 1),
        stem=recipe.stem, normalise=recipe.normalise, standardise=recipe.standardise, precision=precision,
        prior=recipe.prior,
    )  # fmt: skip
    optimizer = keras.optimizers.Adam(recipe.learning_rate, global_clipnorm=recipe.clip_norm)
    model.compile(optimizer=optimizer, loss=LOSSES[recipe.loss])
    return model


def noise_volumes(folder: Path, patients: int = 8, slices: int = 24, size: int = 256) -> tuple[dict[str, Path], Any]:
    """Volumes of noise with a square tumour in each slice, and a split that trains on all of them."""
    rng = np.random.default_rng(0)
    for patient in range(patients):
        place = folder / f"p{patient}"
        place.mkdir()
        masks = np.zeros((slices, size, size), np.uint8)
        masks[::2, 100:140, 100:140] = 1
        np.save(place / "images.npy", rng.integers(0, 256, (slices, size, size, 3), dtype=np.uint8))
        np.save(place / "masks.npy", masks)
        index = np.arange(slices)
        facts = {"patient": place.name, "slice": index, "index": index, "tumor_pixels": masks.sum(axis=(1, 2))}
        write_table(pd.DataFrame(facts).astype({"tumor_pixels": "int64"}), place / "facts.parquet")
    rows = [(f"p{patient}", number, "train") for patient in range(patients) for number in range(slices)]
    parts = pd.DataFrame(rows, columns=["patient", "slice", "part"])
    return {f"p{patient}": folder / f"p{patient}" for patient in range(patients)}, parts


def measure(slices: Slices, recipe: Recipe, turns: int, torch: bool) -> dict[str, Any]:
    """Medians over the turns, slices a second, and the stage's ratio to each of the others, turn by turn."""
    course = _Course(slices, slices, recipe, 0, lambda event: None)
    bare = build_bare(recipe, slices.size, course.precision)
    batches = TrainingBatches(slices, recipe, seed=0, epoch=1)
    images, masks = (np.concatenate(arrays) for arrays in zip(*(batches[i] for i in range(len(batches))), strict=True))
    count = len(images)

    def stage(turn: int) -> None:
        course._fit(turn)

    def plain(_: int) -> None:
        bare.fit(images, masks, batch_size=recipe.batch_size, shuffle=False, verbose=0)

    work: dict[str, Callable[[int], None]] = {"stage": stage, "keras": plain}
    if torch:
        from torch_unet import trainer  # beside this file; PyTorch is no part of the environment

        for name, bfloat16 in (("torch bfloat16", True), ("torch float32", False)):
            step = trainer(recipe, slices.size, images.shape[-1], bfloat16=bfloat16)

            def foreign(_: int, step: Callable[..., float] = step) -> None:
                for start in range(0, count, recipe.batch_size):
                    step(images[start : start + recipe.batch_size], masks[start : start + recipe.batch_size])

            work[name] = foreign
    for run in work.values():  # the first call builds the graph
        run(1)
    rates: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(2, turns + 2):
        for name, run in work.items():
            clock = time.perf_counter()
            run(turn)
            rates[name].append(count / (time.perf_counter() - clock))
    ratios = {
        f"stage to {name}": round(statistics.median(a / b for a, b in zip(rates["stage"], rates[name], strict=True)), 3)
        for name in work
        if name != "stage"
    }
    return {
        "recipe": recipe.name,
        "precision": course.precision,
        "threads": count_threads(),
        "slices": count,
        "slices_per_second": {name: round(statistics.median(rate), 1) for name, rate in rates.items()},
        "ratios": ratios,
        "peak_memory_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artifacts", type=Path, nargs="?")
    parser.add_argument("--recipe", default="default")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--patients", type=int, default=4, help="whose slices are a turn's epoch")
    parser.add_argument("--torch", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        if options.artifacts:
            from recipe import find_data  # beside this file

            labels, volumes = find_data(options.artifacts)
            parts = labels[["patient", "slice"]].assign(part="train")
        else:
            volumes, parts = noise_volumes(Path(made))
        wanted = load_recipe(options.recipe).model_copy(update={"passes": 1})
        some = parts[parts["patient"].isin(sorted(volumes)[: options.patients])]
        data = open_slices(volumes, some, "train", wanted.neighbours)
        table = measure(data, wanted, options.turns, options.torch)
    sys.stdout.write(json.dumps(table, indent=2) + "\n")
