"""Training: it learns, leaves what it should, and killed anywhere ends in the same bytes as undisturbed."""

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from gliaflow.events import Event
from gliaflow.model.archive import load_model
from gliaflow.model.batches import TrainingBatches, UnusableTrainingData, open_slices
from gliaflow.model.losses import LOSSES, bce
from gliaflow.model.recipes import Recipe, UnusableRecipe
from gliaflow.model.training import identity_of, train
from gliaflow.model.unet import build_unet
from gliaflow.model.validation import score_volumes
from gliaflow.process import ChildFailed, run_child
from gliaflow.store.tables import read_table, write_table

RESULTS = ("model.keras", "history.parquet", "summary.json")


class Interrupted(Exception):
    """Stands for whatever stops a training from outside."""


def results(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in RESULTS}


def stop_in_epoch(epoch: int) -> object:
    def report(event: Event) -> None:
        if event["event"] == "progress" and event["about"].startswith(f"epoch {epoch} "):
            raise Interrupted

    return report


def test_overfits_one_batch() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 120, (4, 32, 32, 3), dtype=np.uint8)
    masks = np.zeros((4, 32, 32, 1), np.uint8)
    for i in range(4):
        masks[i, 4 + 3 * i : 14 + 3 * i, 8:20] = 1
        images[i, masks[i, ..., 0] > 0, 1] += 80
    model = build_unet(32, 32, (4, 8), (0.0, 0.0))
    model.compile(optimizer=keras.optimizers.Adam(1e-2), loss=bce)
    for _ in range(120):
        loss = float(model.train_on_batch(images, masks))
    predicted = model.predict_on_batch(images) >= 0.5
    assert loss < 0.05
    assert 2 * np.sum(predicted & (masks > 0)) / (predicted.sum() + masks.sum()) > 0.97


def test_leaves_model_history_summary_and_log(
    tmp_path: Path, volumes: dict[str, Path], parts: pd.DataFrame, tiny: Recipe
) -> None:
    told: list[Event] = []
    out = tmp_path / "out"
    train(out, volumes, parts, tiny, seed=3, work=tmp_path / "work", epochs=3, report=told.append)
    history = read_table(out / "history.parquet")
    names = ["epoch", "loss", "dice", "val_loss", "val_dice", "learning_rate"]
    assert history.dtypes.astype(str).to_dict() == dict(zip(names, ["int64"] + ["float64"] * 5, strict=True))
    assert history["epoch"].tolist() == [1, 2, 3]
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]
    summary = json.loads((out / "summary.json").read_text())
    best = int(history["val_dice"].idxmax())
    assert (summary["epochs"], summary["best_epoch"], summary["stopped_early"]) == (3, best + 1, False)
    assert summary["best"]["val_dice"] == history["val_dice"][best]
    assert summary["recipe"] == {**tiny.model_dump(mode="json"), "epochs": 3}
    assert (summary["seed"], summary["precision"], summary["backend"]) == (3, "float32", keras.backend.backend())
    assert (summary["train"], summary["val"]) == ({"patients": 3, "slices": 12}, {"patients": 1, "slices": 4})
    # the saved model is the best epoch's: scored again it gives that epoch's figure
    model = load_model(out / "model.keras")
    assert summary["parameters"] == model.count_params()
    _, dice = score_volumes(model, open_slices(volumes, parts, "val"), bce, 4)
    assert dice == pytest.approx(history["val_dice"][best], abs=1e-12)
    assert {path.name for path in (out / "logs").iterdir()} == {"train", "validation"}
    steps = [event["done"] for event in told if event["event"] == "progress"]
    assert steps == sorted(steps) and steps[-1] == 9  # three steps an epoch
    assert [e["figures"]["epoch"] for e in told if "figures" in e] == [1, 2, 3]
    assert any(e.get("message", "").startswith("epoch 3 of 3: loss ") for e in told)


def test_the_history_tells_means_over_the_whole_epoch(
    tmp_path: Path, volumes: dict[str, Path], parts: pd.DataFrame, tiny: Recipe
) -> None:
    """Against the untrained network's loss and Dice on the epoch's batches: a rate of next to 0 leaves it as it is."""
    still = tiny.model_copy(
        update={
            "learning_rate": 1e-12,
            "min_learning_rate": 0.0,
            "schedule": "plateau",
            "dropouts": (0.0, 0.0),
            "prior": 0.4,
        }
    )
    train(tmp_path / "out", volumes, parts, still, seed=3, work=tmp_path / "work", epochs=1)
    row = read_table(tmp_path / "out" / "history.parquet").iloc[0]
    model = load_model(tmp_path / "out" / "model.keras")
    batches = TrainingBatches(open_slices(volumes, parts, "train"), still, seed=3, epoch=1)
    losses, overlap, size = [], 0, 0
    for images, masks in map(batches.__getitem__, range(len(batches))):
        says = model.predict_on_batch(images)
        losses += keras.ops.convert_to_numpy(LOSSES["bce_dice"](masks, says)).tolist()
        overlap += np.sum((says >= 0.5) & (masks > 0))
        size += np.sum(says >= 0.5) + masks.sum(dtype=int)
    assert row["loss"] == pytest.approx(np.mean(losses), rel=1e-4)
    assert row["dice"] == pytest.approx(2 * overlap / size, abs=1e-3)


@pytest.mark.parametrize("kind", ["tiny", "modern"])
def test_killed_and_started_again_ends_in_the_same_bytes(
    tmp_path: Path, volumes: dict[str, Path], parts: pd.DataFrame, kind: str, request: pytest.FixtureRequest
) -> None:
    """Killed with SIGKILL in a child process; going on here must give what an undisturbed training gives."""
    tiny = request.getfixturevalue(kind)
    train(tmp_path / "undisturbed", volumes, parts, tiny, seed=1, work=tmp_path / "work1")
    write_table(parts, tmp_path / "parts.parquet")
    spec = {
        "folder": str(tmp_path / "killed"), "work": str(tmp_path / "work2"), "parts": str(tmp_path / "parts.parquet"),
        "volumes": {patient: str(folder) for patient, folder in volumes.items()},
        "recipe": tiny.model_dump(mode="json"), "seed": 1, "epochs": None,
    }  # fmt: skip
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    command = [sys.executable, "-m", "gliaflow.model.training", str(tmp_path / "spec.json")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as child:
        assert child.stdout is not None
        for event in map(json.loads, child.stdout):
            if event["event"] == "log" and event.get("figures", {}).get("epoch") == 2:
                child.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed" / "model.keras").exists()
    left = sorted(path.name for path in (tmp_path / "work2").glob("*.npz"))
    assert "epoch-0002.npz" in left and "epoch-0004.npz" not in left
    told: list[Event] = []
    train(tmp_path / "again", volumes, parts, tiny, seed=1, work=tmp_path / "work2", report=told.append)
    assert any("going on after epoch" in event.get("message", "") for event in told)
    assert results(tmp_path / "again") == results(tmp_path / "undisturbed")
    # killed between the last epoch and what comes after training, nothing is trained again
    train(tmp_path / "once more", volumes, parts, tiny, seed=1, work=tmp_path / "work2", report=(late := []).append)
    assert results(tmp_path / "once more") == results(tmp_path / "undisturbed")
    assert not any(event["event"] == "progress" for event in late)


def test_a_modern_recipe_trains_on_crops_and_keeps_a_network_for_whole_slices(
    tmp_path: Path, volumes: dict[str, Path], parts: pd.DataFrame, modern: Recipe
) -> None:
    told: list[Event] = []
    train(tmp_path / "out", volumes, parts, modern, seed=3, work=tmp_path / "work", epochs=3, report=told.append)
    model = load_model(tmp_path / "out" / "model.keras")
    assert model.input_shape == (None, 32, 32, 9) and model.output_shape == (None, 32, 32, 1)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    history = read_table(tmp_path / "out" / "history.parquet")
    _, dice = score_volumes(model, open_slices(volumes, parts, "val", 1), bce, 4)
    assert dice == pytest.approx(history["val_dice"][summary["best_epoch"] - 1], abs=1e-12)
    steps = [event["done"] for event in told if event["event"] == "progress"]
    assert steps[-1] == 18  # two passes of nine slices with tumour and three without: six steps of four, three epochs


def test_what_is_kept_is_the_average_of_the_weights_and_training_goes_on_from_the_weights_themselves(
    tmp_path: Path, volumes: dict[str, Path], parts: pd.DataFrame, modern: Recipe
) -> None:
    """Against the moving average over trainings of one to four steps that keep their last weights."""
    one = modern.model_copy(update={"batch_size": 100, "passes": 1, "epochs": 4, "monitor": "val_loss"})
    only = parts[parts["part"] == "train"]  # nothing to choose by: the last epoch is kept
    expected = untrained = build_unet(
        32, 16, modern.filters, modern.dropouts, 9, stem="fold", normalise="batch", prior=modern.prior, seed=1
    ).get_layer("probability").get_weights()[0]  # fmt: skip
    for step in range(4):
        last = one.model_copy(update={"average": None, "schedule": "plateau", "epochs": step + 1})
        train(tmp_path / str(step), volumes, only, last, seed=1, work=tmp_path / f"work{step}")
        weights = load_model(tmp_path / str(step) / "model.keras").get_layer("probability").get_weights()[0]
        kept = min(0.8, (1 + step) / (10 + step))
        expected = kept * expected + (1 - kept) * weights
    averaged = one.model_copy(update={"schedule": "plateau"})
    train(tmp_path / "averaged", volumes, only, averaged, seed=1, work=tmp_path / "work")
    found = load_model(tmp_path / "averaged" / "model.keras").get_layer("probability").get_weights()[0]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.abs(found - weights).max() > 1e-3, "the average ought to differ from the last weights"
    assert np.abs(weights - untrained).max() > 1e-2


def test_interrupted_plateau_and_stop_counters_go_on(
    tmp_path: Path, volumes: dict[str, Path], parts: pd.DataFrame, tiny: Recipe
) -> None:
    recipe = tiny.model_copy(
        update={"schedule": "plateau", "plateau_patience": 1, "learning_rate": 0.5, "stop_patience": 3, "epochs": 12}
    )
    train(tmp_path / "undisturbed", volumes, parts, recipe, seed=2, work=tmp_path / "work1")
    history = read_table(tmp_path / "undisturbed" / "history.parquet")
    assert history["learning_rate"].nunique() > 1, "the plateau ought to have been met"
    summary = json.loads((tmp_path / "undisturbed" / "summary.json").read_text())
    assert summary["stopped_early"] and summary["epochs"] == summary["best_epoch"] + 3 < 12
    for epoch in (2, len(history)):
        with pytest.raises(Interrupted):
            train(
                tmp_path / "again", volumes, parts, recipe, seed=2, work=tmp_path / "work2", report=stop_in_epoch(epoch)
            )
    train(tmp_path / "again", volumes, parts, recipe, seed=2, work=tmp_path / "work2")
    assert results(tmp_path / "again") == results(tmp_path / "undisturbed")


def test_another_seed_does_not_go_on_from_this_one(
    tmp_path: Path, volumes: dict[str, Path], parts: pd.DataFrame, tiny: Recipe
) -> None:
    with pytest.raises(Interrupted):
        train(tmp_path / "a", volumes, parts, tiny, seed=1, work=tmp_path / "work", report=stop_in_epoch(2))
    told: list[Event] = []
    train(tmp_path / "b", volumes, parts, tiny, seed=2, work=tmp_path / "work", epochs=1, report=told.append)
    assert not any("going on" in event.get("message", "") for event in told)
    assert json.loads((tmp_path / "b" / "summary.json").read_text())["epochs"] == 1


def test_identity_changes_with_all_that_matters(volumes: dict[str, Path], parts: pd.DataFrame, tiny: Recipe) -> None:
    identity = identity_of(volumes, parts, tiny, 0, "float32", "cpu")
    assert identity == identity_of(volumes, parts.sample(frac=1, random_state=0), tiny, 0, "float32", "cpu")
    others = {
        identity_of(volumes, parts, tiny, 0, "float32", "gpu"),
        identity_of(volumes, parts, tiny, 1, "float32", "cpu"),
        identity_of(volumes, parts, tiny, 0, "mixed_bfloat16", "cpu"),
        identity_of(volumes, parts, tiny.model_copy(update={"epochs": 5}), 0, "float32", "cpu"),
        identity_of(volumes, parts[:-1], tiny, 0, "float32", "cpu"),
        identity_of(volumes, parts.replace({"part": {"val": "train"}}), tiny, 0, "float32", "cpu"),
    }
    images = np.load(volumes["a"] / "images.npy")
    images[0, 0, 0, 0] ^= 1
    np.save(volumes["a"] / "images.npy", images)
    others.add(identity_of(volumes, parts, tiny, 0, "float32", "cpu"))
    assert len(others) == 7 and identity not in others


def test_without_validation_the_last_epoch_is_taken(
    tmp_path: Path, volumes: dict[str, Path], parts: pd.DataFrame, tiny: Recipe
) -> None:
    train(tmp_path / "out", volumes, parts[parts["part"] == "train"], tiny, seed=0, work=tmp_path / "work", epochs=2)
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["best_epoch"] == 2
    assert read_table(tmp_path / "out" / "history.parquet")["val_dice"].isna().all()


def test_training_without_tumour_is_refused(
    tmp_path: Path, volumes: dict[str, Path], parts: pd.DataFrame, tiny: Recipe
) -> None:
    with pytest.raises(UnusableTrainingData, match="of 3 training slices none has any"):
        train(tmp_path / "out", volumes, parts[parts["slice"] == 11], tiny, seed=0, work=tmp_path / "work")
    assert not (tmp_path / "out").exists()


def test_a_recipe_that_does_not_suit_the_images_is_named(
    tmp_path: Path, volumes: dict[str, Path], parts: pd.DataFrame, tiny: Recipe
) -> None:
    wide = tiny.model_copy(update={"work_size": 64})
    with pytest.raises(UnusableRecipe, match="recipe tiny does not suit images of 32 x 32 pixels: .*received 64"):
        train(tmp_path / "out", volumes, parts, wide, seed=0, work=tmp_path / "work")


@pytest.mark.parametrize(
    ("crop", "message"), [(48, "crops of 48 pixels .* 32 x 32"), (21, "must divide the image size 21")]
)
def test_a_crop_that_does_not_fit_is_named(
    tmp_path: Path, volumes: dict[str, Path], parts: pd.DataFrame, modern: Recipe, crop: int, message: str
) -> None:
    with pytest.raises(UnusableRecipe, match=message):
        train(
            tmp_path / "out", volumes, parts, modern.model_copy(update={"crop": crop}), seed=0, work=tmp_path / "work"
        )


def test_a_loss_that_explodes_ends_training_in_plain_words(
    tmp_path: Path, volumes: dict[str, Path], parts: pd.DataFrame, tiny: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LOSSES, "bce_dice", lambda y, p: bce(y, p) * math.nan)
    with pytest.raises(UnusableRecipe, match=r"loss became nan in epoch 1; lower the recipe's learning_rate \(0.01\)"):
        train(tmp_path / "out", volumes, parts, tiny, seed=0, work=tmp_path / "work")


def test_a_process_that_trains_tells_in_one_sentence_why_it_can_not(tmp_path):
    write_table(pd.DataFrame({"patient": ["a"], "slice": [1], "part": ["train"]}), tmp_path / "parts.parquet")
    places = {name: str(tmp_path / name) for name in ("folder", "work")}
    spec = {**places, "volumes": {}, "parts": str(tmp_path / "parts.parquet"), "recipe": {"epochs": 0}, "seed": 0}
    with pytest.raises(ChildFailed) as failed:
        run_child("gliaflow.model.training", spec, print)
    assert str(failed.value).startswith("the recipe is no usable recipe:\n  epochs: ")
