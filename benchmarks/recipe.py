"""What one change to a recipe does, cheaply: `python benchmarks/recipe.py ARTIFACTS [FIELD=VALUE ...]`.

ARTIFACTS holds a finished `train` or `crossval` run. Its patients are dealt to three folds; two are trained on for some
epochs, without anything to choose by, and the third is scored at the threshold 0.5. A line of JSON tells what came out.
Recipes are compared by the same patients, seed and number of slices; `docs/recipe.md` has the figures.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from gliaflow.evaluation.counts import dice, slice_counts
from gliaflow.evaluation.detection import slice_score
from gliaflow.inference.engines.keras import KerasNetwork
from gliaflow.inference.predictor import Predictor
from gliaflow.model.recipes import Recipe, load_recipe, parse_recipe
from gliaflow.model.training import train
from gliaflow.splits.protocols import split_slices
from gliaflow.store.artifacts import Store
from gliaflow.store.runs import read_runs
from gliaflow.store.tables import read_table

HALF = 128  # of 255


def find_data(artifacts: Path) -> tuple[pd.DataFrame, dict[str, Path]]:
    """Labels and volumes of the newest run that has them."""
    store = Store(artifacts)
    for run in reversed(read_runs(store)):
        keys = {stage.stage: stage.key for stage in run.stages}
        if "label" not in keys:
            continue
        labels = read_table(artifacts / "label" / keys["label"] / "labels.parquet")
        contents = read_table(artifacts / "prepare" / keys["prepare"] / "volumes.parquet")
        made = {manifest.content: manifest.provenance.key for manifest in store.manifests("volume")}
        rows = zip(contents["patient"], contents["content"], strict=True)
        return labels, {patient: artifacts / "volume" / made[content] for patient, content in rows}
    raise SystemExit(f"{artifacts} holds no run that has come as far as labels.")


def change(recipe: Recipe, changes: list[str]) -> Recipe:
    """The recipe with fields set as `name=value` says; a value is JSON or a word, a dot reaches into augmentation."""
    fields = recipe.model_dump(mode="json")
    for text in changes:
        name, _, value = text.partition("=")
        *outer, last = name.split(".")
        place = fields[outer[0]] if outer else fields
        try:
            place[last] = json.loads(value)
        except json.JSONDecodeError:
            place[last] = value
    return parse_recipe(fields)


def measure(
    labels: pd.DataFrame, volumes: dict[str, Path], recipe: Recipe, fold: int, folds: int, seed: int
) -> dict[str, Any]:
    """Train on all folds but one and score that one."""
    parts = split_slices(labels, "crossval", seed=0, folds=folds, fold=fold)
    parts = parts.assign(part=parts["part"].replace({"val": "train"}))
    with tempfile.TemporaryDirectory() as work:
        clock = time.perf_counter()
        train(Path(work) / "out", volumes, parts, recipe, seed=seed, work=Path(work) / "work")
        seconds = time.perf_counter() - clock
        network = KerasNetwork(Path(work) / "out" / "model.keras")
        predictor = Predictor(network, mirror=recipe.mirror)
        tested = sorted(parts.loc[parts["part"] == "test", "patient"].unique())
        counts, scores = [], []
        for patient in tested:
            images, masks = (np.load(volumes[patient] / f"{kind}.npy", mmap_mode="r") for kind in ("images", "masks"))
            quantised = predictor.predict_volume(images)
            counts.append(slice_counts(np.asarray(masks), (quantised >= HALF).astype(np.uint8)).assign(patient=patient))
            scores.append(slice_score(quantised))
    rows, score = pd.concat(counts, ignore_index=True), np.concatenate(scores)
    tumor = rows["true_pixels"] > 0
    volume = dice(rows.groupby("patient")[["true_pixels", "predicted_pixels", "intersection"]].sum())
    return {
        "parameters": network.model.count_params(),
        "train_seconds": round(seconds),
        "volume_dice_mean": round(float(volume.mean()), 4),
        "volume_dice_median": round(float(volume.median()), 4),
        "slice_dice_tumor": round(float(dice(rows[tumor]).mean()), 4),
        "false_tumor": round(float((rows.loc[~tumor, "predicted_pixels"] > 0).mean()), 4),
        "tumor_auroc": round(float(roc_auc_score(tumor, score)), 4),
        "patients": len(tested),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artifacts", type=Path)
    parser.add_argument("changes", nargs="*", metavar="FIELD=VALUE")
    parser.add_argument("--recipe", default="default")
    parser.add_argument(
        "--epochs", type=int, default=4, help="passes over the tumour slices of two thirds of the patients"
    )
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    asked = change(load_recipe(options.recipe), [f"epochs={options.epochs}", "passes=1", *options.changes])
    result = measure(*find_data(options.artifacts), asked, options.fold, options.folds, options.seed)
    sys.stdout.write(json.dumps({"command": " ".join(sys.argv), **result}) + "\n")
