"""How fast the network trains and predicts here, by work size and number format: `python benchmarks/train.py`.

The settings take turns, and each figure is the median of its turns, so that other work on the machine hits all alike.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from gliaflow.model.augmentation import augment
from gliaflow.model.losses import LOSSES
from gliaflow.model.recipes import RECIPES, Augmentation
from gliaflow.model.training import count_threads
from gliaflow.model.unet import build_unet

SETTINGS = [(work_size, precision) for work_size in (128, 256) for precision in ("float32", "mixed_bfloat16")]


def build(work_size: int, precision: str) -> keras.Model:
    model = build_unet(256, work_size, precision=precision)
    model.compile(optimizer=keras.optimizers.Adam(1e-3, global_clipnorm=1.0), loss=LOSSES["bce_batch_dice"])
    return model


def slices_per_second(slices: int, work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return slices / (time.perf_counter() - start)


def measure(turns: int, batch: int) -> list[dict[str, Any]]:
    """A row a setting, in slices per second; the last row is augmentation, which every training slice costs besides."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (batch, 256, 256, 3), dtype=np.uint8)
    masks = (rng.random((batch, 256, 256, 1)) > 0.9).astype(np.uint8)
    models = {setting: build(*setting) for setting in SETTINGS}
    for model in models.values():  # the first call builds the graph
        model.train_on_batch(images, masks)
        model.predict_on_batch(images)
    rates: dict[tuple[int, str], list[tuple[float, float]]] = {setting: [] for setting in SETTINGS}
    loading = []
    how = RECIPES["default"].augmentation or Augmentation()
    for _ in range(turns):
        for setting, model in models.items():
            training = slices_per_second(batch, lambda model=model: model.train_on_batch(images, masks))
            rates[setting].append(
                (training, slices_per_second(batch, lambda model=model: model.predict_on_batch(images)))
            )
        pairs = list(zip(images, masks[..., 0], strict=True))
        loading.append(slices_per_second(batch, lambda pairs=pairs: [augment(*pair, how, rng) for pair in pairs]))
    rows = [
        {
            "work_size": size,
            "precision": precision,
            "train": _median(r[0] for r in rate),
            "predict": _median(r[1] for r in rate),
        }
        for (size, precision), rate in rates.items()
    ]
    return [*rows, {"augmentation": _median(loading)}]


def _median(values: Any) -> float:
    return round(statistics.median(values), 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--batch", type=int, default=16)
    options = parser.parse_args()
    table = {"threads": count_threads(), "slices_per_second": measure(options.turns, options.batch)}
    sys.stdout.write(json.dumps(table, indent=2) + "\n")
