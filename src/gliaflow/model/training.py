"""Training: an epoch's steps, a score over whole validation volumes, and a checkpoint from which it can go on.

As a child process: `python -m gliaflow.model.training SPEC.json`, with events on standard output.
"""

import hashlib
import json
import logging
import math
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from gliaflow.events import Event, Progress, Report, emit
from gliaflow.model.archive import digest_file, save_model
from gliaflow.model.augmentation import SEQUENCES
from gliaflow.model.averaging import Averages
from gliaflow.model.batches import Slices, TrainingBatches, UnusableTrainingData, open_slices
from gliaflow.model.board import Board
from gliaflow.model.checkpoints import alone_in, restore_checkpoint, save_checkpoint
from gliaflow.model.hardware import (
    count_devices,
    count_threads,
    idle_in_words,
    in_words,
    resolve_precision,
    sharing,
)
from gliaflow.model.losses import LOSSES, PooledDice
from gliaflow.model.recipes import Recipe, UnusableRecipe, parse_recipe
from gliaflow.model.schedules import Best, Plateau
from gliaflow.model.unet import build_unet
from gliaflow.model.validation import score_volumes
from gliaflow.store.tables import read_table, write_table

logger = logging.getLogger(__name__)

HISTORY = ["epoch", "loss", "dice", "val_loss", "val_dice", "learning_rate"]


def train(
    folder: Path,
    volumes: dict[str, Path],
    parts: pd.DataFrame,
    recipe: Recipe,
    *,
    seed: int,
    work: Path,
    epochs: int | None = None,
    report: Report = lambda event: None,
) -> None:
    """Train by `recipe` on the part "train", choose the epoch on "val", and leave the result in `folder`.

    folder : gets model.keras (the best epoch), history.parquet (a row an epoch), summary.json, logs/ for TensorBoard
    volumes : patient -> folder with images.npy, masks.npy, facts.parquet
    parts : patient, slice, part
    work : where checkpoints lie; started again with the same arguments, training goes on from there to the same bytes.
        It is the caller's to remove, once `folder` is where it belongs
    epochs : instead of the recipe's

    Raises `UnusableTrainingData` or `UnusableRecipe`, in plain words.
    """
    if epochs is not None:
        recipe = recipe.model_copy(update={"epochs": epochs})
    training, validation = (open_slices(volumes, parts, part, recipe.neighbours) for part in ("train", "val"))
    if not training.tumor.any():
        raise UnusableTrainingData(
            f"Training needs slices with tumour; of {len(training)} training slices none has any. "
            "Split again, or add patients."
        )
    folder.mkdir(parents=True, exist_ok=True)
    devices = count_devices(recipe.batch_size)
    with alone_in(work), sharing(devices):
        course = _Course(training, validation, recipe, seed, devices, report)
        course.run(folder, work, identity_of(volumes, parts, recipe, seed, course.precision, course.device))


class _Course:
    """One training from its first to its last epoch: the model and the state that a checkpoint carries."""

    def __init__(
        self, training: Slices, validation: Slices, recipe: Recipe, seed: int, devices: int, report: Report
    ) -> None:
        self.training, self.validation, self.recipe, self.seed, self.report = training, validation, recipe, seed, report
        self.precision = resolve_precision(recipe.precision)
        self.devices, self.device = devices, in_words(devices)
        self.steps = len(TrainingBatches(training, recipe, seed=seed, epoch=1))
        keras.utils.set_random_seed(seed)  # nothing here draws from it; a guard against what does
        self.model = self._build(self.precision, recipe.crop or training.size)
        self.full = self._build(self.precision, training.size) if recipe.crop else self.model  # for whole pictures
        self.loss = LOSSES[recipe.loss]
        self.averages = None if recipe.average is None else Averages(self.model, recipe.average)
        optimizer = keras.optimizers.Adam(_learning_rate(recipe, self.steps), global_clipnorm=recipe.clip_norm)
        self.dice = PooledDice()
        self.model.compile(optimizer=optimizer, loss=self.loss, metrics=[self.dice])
        optimizer.build(self.model.trainable_variables)  # before any loading, else its variables have no place yet
        # without validation slices there is nothing to choose by: the last epoch is taken
        self.best = Best(higher=recipe.monitor == "val_dice")
        self.plateau = Plateau(recipe.plateau_patience, recipe.plateau_factor, recipe.min_learning_rate)
        self.history: list[dict[str, Any]] = []
        self.weights: list[np.ndarray] = []  # those that this epoch is validated with
        self.best_weights: list[np.ndarray] = []
        self.stopped = False

    def run(self, folder: Path, work: Path, identity: str) -> None:
        self._resume(work, identity)
        board = Board(folder / "logs")
        for row in self.history:
            board.add(row)
        self._say(
            f"{len(self.training)} training slices ({int(self.training.tumor.sum())} with tumour) of "
            f"{len(self.training.patients)} patients, {len(self.validation)} validation slices of "
            f"{len(self.validation.patients)}; {self.steps} steps an epoch, {self.precision} on the {self.device}"
            f"{idle_in_words(self.devices)}"
        )
        for epoch in range(len(self.history) + 1, self.recipe.epochs + 1):
            if self.stopped:
                break
            row = self._epoch(epoch)
            self._decide(row)
            state = {
                "identity": identity, "epoch": epoch, "history": self.history, "best": asdict(self.best),
                "plateau": asdict(self.plateau), "stopped": self.stopped,
                "averaged": 0 if self.averages is None else self.averages.steps,
            }  # fmt: skip
            beside = {"best": self.best_weights, "average": [] if self.averages is None else self.averages.values}
            save_checkpoint(work, self.model, beside, state)
            board.add(row)
            self._say(_in_words(row, self.recipe.epochs), figures=row)
        self._leave(folder)

    def _epoch(self, epoch: int) -> dict[str, Any]:
        logs = self._fit(epoch)
        if not math.isfinite(logs["loss"]):
            raise UnusableRecipe(
                f"The training loss became {logs['loss']} in epoch {epoch}; lower the recipe's learning_rate "
                f"({self.recipe.learning_rate}) or set its precision to float32."
            )
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self.weights = self.model.get_weights() if self.averages is None else self.averages.weights()
        val_loss, val_dice = self._validate()
        figures = [logs["loss"], logs["dice"], val_loss, val_dice, rate]
        return dict(zip(HISTORY, [epoch, *map(float, figures)], strict=True))

    def _fit(self, epoch: int) -> dict[str, float]:
        """Take the steps of one epoch, the next batch being made meanwhile; its mean loss and pooled Dice.

        Keras' own `fit` would draw batches through a TensorFlow generator, which makes the process give memory back
        after every operation: half the speed, measured.
        """
        batches = TrainingBatches(self.training, self.recipe, seed=self.seed, epoch=epoch)
        about = f"epoch {epoch} of {self.recipe.epochs}"
        progress = Progress(self.report, self.recipe.epochs * self.steps)
        loss, slices, pooled = 0.0, 0, self.dice.counts * 0
        with ThreadPoolExecutor(1) as ahead:
            following = ahead.submit(batches.__getitem__, 0)
            for step in range(1, len(batches) + 1):
                images, masks = following.result()
                if step < len(batches):
                    following = ahead.submit(batches.__getitem__, step)
                # Keras resets its metrics at every call, so each call's are added up here
                loss += len(images) * float(self.model.train_on_batch(images, masks, return_dict=True)["loss"])
                if self.averages is not None:
                    self.averages.update()
                slices += len(images)
                pooled = pooled + self.dice.counts
                progress((epoch - 1) * self.steps + step, about=about, loss=loss / slices)
        overlap, size = pooled
        return {"loss": loss / slices, "dice": 2.0 * overlap / size if size else 1.0}

    def _validate(self) -> tuple[float, float]:
        """Loss and volume Dice on val of the weights to keep; the model goes on with its own."""
        own = self.model.get_weights()
        self.full.set_weights(self.weights)
        scored = score_volumes(self.full, self.validation, self.loss, self.recipe.batch_size)
        if self.full is self.model:
            self.model.set_weights(own)
        return scored

    def _decide(self, row: dict[str, Any]) -> None:
        """Take this epoch's row into history; keep its weights if best, stop if it is time, set the next rate."""
        self.history.append(row)
        if self.best.update(row["epoch"], row[self.recipe.monitor]):
            self.best_weights = self.weights
        self.stopped = self.recipe.stop_patience is not None and self.best.waited >= self.recipe.stop_patience
        if self.recipe.schedule == "plateau":
            self.model.optimizer.learning_rate = self.plateau.update(row["val_loss"], row["learning_rate"])

    def _resume(self, work: Path, identity: str) -> None:
        found = restore_checkpoint(work, self.model, identity)
        if found is None:
            return
        state, beside = found
        self.best_weights = beside["best"]
        if self.averages is not None:
            self.averages.restore(beside["average"], state["averaged"])
        self.history, self.stopped = state["history"], state["stopped"]
        self.best, self.plateau = Best(**state["best"]), Plateau(**state["plateau"])
        words = f"going on after epoch {len(self.history)} of {self.recipe.epochs}, from its checkpoint"
        self._say(words, history=self.history)

    def _leave(self, folder: Path) -> None:
        # weights are float32 anyhow; so the file computes alike wherever it is loaded
        best = self._build("float32", self.training.size)
        best.set_weights(self.best_weights)
        save_model(best, folder / "model.keras")
        history = pd.DataFrame(self.history, columns=HISTORY).astype({"epoch": "int64"})
        write_table(history, folder / "history.parquet")
        summary = {
            "parameters": best.count_params(),
            "epochs": len(self.history),
            "best_epoch": self.best.epoch,
            "best": {name: self.history[self.best.epoch - 1][name] for name in HISTORY[1:]},
            "stopped_early": self.stopped,
            "recipe": self.recipe.model_dump(mode="json"),
            "seed": self.seed,
            "precision": self.precision,
            "backend": keras.backend.backend(),
            "device": self.device,
            "threads": count_threads(),
            "train": {"patients": len(self.training.patients), "slices": len(self.training)},
            "val": {"patients": len(self.validation.patients), "slices": len(self.validation)},
        }
        (folder / "summary.json").write_text(json.dumps(summary, indent=2, sort_keys=True) + "\n", encoding="utf-8")

    def _build(self, precision: str, size: int) -> keras.Model:
        """The network for pictures of `size` x `size`, crops or whole ones; its weights fit all sizes."""
        recipe = self.recipe
        whole = self.training.size
        if size > whole:
            raise UnusableRecipe(
                f"The recipe {recipe.name} wants crops of {size} pixels of images of {whole} x {whole}."
            )
        try:
            return build_unet(
                size, recipe.work_size * size // whole if recipe.crop else recipe.work_size,
                recipe.filters, recipe.dropouts, SEQUENCES * (2 * recipe.neighbours + 1),
                stem=recipe.stem, normalise=recipe.normalise, standardise=recipe.standardise,
                precision=precision, prior=recipe.prior, seed=self.seed,
            )  # fmt: skip
        except ValueError as error:
            raise UnusableRecipe(
                f"The recipe {recipe.name} does not suit images of {size} x {size} pixels: {error}."
            ) from None

    def _say(self, message: str, **more: Any) -> None:
        self.report({"event": "log", "level": "info", "message": message, **more})


def identity_of(
    volumes: dict[str, Path], parts: pd.DataFrame, recipe: Recipe, seed: int, precision: str, device: str
) -> str:
    """Digest of all that a training depends on: recipe, seed, split, pixels, precision, device, libraries, threads.

    `device` tells how many there are: as with threads, others add up in another order, and the last bits differ. So
    what was begun on two GPUs is not gone on with on one; the finished model is the same for whoever looks for it.
    """
    used = parts[parts["part"].isin(["train", "val"])].sort_values(["patient", "slice"])
    digest = hashlib.sha256(json.dumps([recipe.model_dump(mode="json"), seed, precision, device]).encode())
    digest.update(used[["patient", "slice", "part"]].to_csv(index=False).encode())
    for patient in sorted(set(used["patient"])):
        for name in ("images.npy", "masks.npy", "facts.parquet"):
            digest.update(digest_file(Path(volumes[patient]) / name).encode())
    digest.update(f"{keras.__version__} {keras.backend.backend()} {np.__version__} {count_threads()}".encode())
    return digest.hexdigest()


def _learning_rate(recipe: Recipe, steps: int) -> Any:
    if recipe.schedule == "plateau":
        return recipe.learning_rate
    warmup = round(recipe.warmup * steps)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=recipe.learning_rate / 100 if warmup else recipe.learning_rate,
        decay_steps=max(1, recipe.epochs * steps - warmup),
        alpha=min(1.0, recipe.min_learning_rate / recipe.learning_rate),
        warmup_target=recipe.learning_rate if warmup else None,
        warmup_steps=warmup,
    )


def _in_words(row: dict[str, Any], epochs: int) -> str:
    figures = ", ".join(f"{name} {row[name]:.4f}" for name in HISTORY[1:5])
    return f"epoch {row['epoch']} of {epochs}: {figures}, learning rate {row['learning_rate']:.2g}"


def main(arguments: list[str]) -> None:
    """As a JSON file says: folder, work, volumes {patient: folder}, parts, recipe {field: value}, seed, epochs."""
    spec = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    logging.basicConfig(level=logging.INFO, handlers=[_EventHandler()])
    train(
        Path(spec["folder"]),
        {patient: Path(folder) for patient, folder in spec["volumes"].items()},
        read_table(Path(spec["parts"])),
        parse_recipe(spec["recipe"]),
        seed=spec["seed"],
        work=Path(spec["work"]),
        epochs=spec.get("epochs"),
        report=emit,
    )
    emit({"event": "done"})


class _EventHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        event: Event = {"event": "log", "level": record.levelname.lower(), "message": record.getMessage()}
        emit(event)


if __name__ == "__main__":
    main(sys.argv[1:])
