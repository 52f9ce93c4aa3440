"""Checkpoints carry every variable, and only whole ones of the same training are taken."""

from pathlib import Path

import keras
import numpy as np
import pytest

from gliaflow.model.checkpoints import alone_in, restore_checkpoint, save_checkpoint
from gliaflow.model.unet import build_unet


def compiled(seed: int = 0) -> keras.Model:
    model = build_unet(16, 16, (2, 4), (0.1, 0.2), seed=seed)
    model.compile(optimizer=keras.optimizers.Adam(1e-2), loss="binary_crossentropy")
    model.optimizer.build(model.trainable_variables)
    return model


def values(model: keras.Model) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(v) for v in [*model.variables, *model.optimizer.variables]]


@pytest.fixture(scope="module")
def trained() -> keras.Model:
    model = compiled()
    rng = np.random.default_rng(0)
    model.train_on_batch(rng.integers(0, 256, (2, 16, 16, 3), dtype=np.uint8), rng.integers(0, 2, (2, 16, 16, 1)))
    return model


def state(epoch: int, identity: str = "x") -> dict[str, object]:
    return {"epoch": epoch, "identity": identity, "rate": 0.1 + 0.2}


def test_all_variables_come_back(tmp_path: Path, trained: keras.Model) -> None:
    best = [np.arange(3.0), np.zeros((2, 2), np.float32)]
    save_checkpoint(tmp_path, trained, {"best": best, "average": []}, state(1))
    other = compiled(seed=9)
    found = restore_checkpoint(tmp_path, other, "x")
    assert found is not None and found[0] == state(1)
    assert [a.tolist() for a in found[1]["best"]] == [a.tolist() for a in best] and found[1]["average"] == []
    assert all(np.array_equal(a, b) for a, b in zip(values(other), values(trained), strict=True))
    seeds = [v for v in trained.variables if "seed" in v.path]
    assert len(seeds) == 3 and any(keras.ops.convert_to_numpy(v)[1] > 0 for v in seeds), (
        "dropout's states are among them"
    )


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path: Path, trained: keras.Model, damage: str) -> None:
    for epoch in (1, 2):
        newest = save_checkpoint(tmp_path, trained, {}, state(epoch))
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes({"cut": content[: len(content) // 2], "flipped": content, "empty": b""}[damage])
    found = restore_checkpoint(tmp_path, compiled(), "x")
    assert found is not None and found[0]["epoch"] == 1


def test_another_trainings_checkpoint_is_not_taken(tmp_path: Path, trained: keras.Model) -> None:
    save_checkpoint(tmp_path, trained, {}, state(40, "y"))
    fresh = compiled()
    before = values(fresh)
    assert restore_checkpoint(tmp_path, fresh, "x") is None
    assert all(np.array_equal(a, b) for a, b in zip(values(fresh), before, strict=True))
    save_checkpoint(tmp_path, trained, {}, state(1, "x"))
    assert restore_checkpoint(tmp_path, fresh, "x") is not None


def test_a_draft_is_no_checkpoint_and_old_ones_go(tmp_path: Path, trained: keras.Model) -> None:
    (tmp_path / "epoch-0009.npz.draft").write_bytes(b"half")
    assert restore_checkpoint(tmp_path, compiled(), "x") is None
    for epoch in range(1, 5):
        save_checkpoint(tmp_path, trained, {}, state(epoch))
    assert sorted(path.name for path in tmp_path.glob("*.npz")) == ["epoch-0003.npz", "epoch-0004.npz"]


def test_a_work_folder_is_for_one_at_a_time(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    with alone_in(tmp_path / "work"), open(tmp_path / "work" / "lock") as second, pytest.raises(BlockingIOError):
        fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with open(tmp_path / "work" / "lock") as second:
        fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
