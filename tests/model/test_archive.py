"""Model files: equal bytes, the same predictions after loading, and nothing let in that should stay out."""

import hashlib
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from gliaflow.model.archive import UnusableModel, load_model, save_model
from gliaflow.model.unet import build_unet


def tiny(seed: int = 0) -> keras.Model:
    return build_unet(32, 16, (4, 8), (0.1, 0.2), standardise="head", seed=seed)


def test_equal_weights_give_equal_bytes_without_a_date(tmp_path: Path) -> None:
    digests = [save_model(tiny(), tmp_path / name) for name in ("a.keras", "b.keras")]
    assert digests[0] == digests[1] == hashlib.sha256((tmp_path / "a.keras").read_bytes()).hexdigest()
    assert save_model(tiny(seed=1), tmp_path / "c.keras") != digests[0]
    with zipfile.ZipFile(tmp_path / "a.keras") as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert b"date" not in archive.read("metadata.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.keras", "b.keras", "c.keras"]


def test_predicts_the_same_after_loading(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    model = tiny()
    digest = save_model(model, tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras", digest)
    np.testing.assert_array_equal(loaded.predict_on_batch(images), model.predict_on_batch(images))


def test_another_digest_is_refused(tmp_path: Path) -> None:
    save_model(tiny(), tmp_path / "model.keras")
    with pytest.raises(UnusableModel, match=r"model.keras is not the one that was recorded: .*expected 00000000"):
        load_model(tmp_path / "model.keras", "0" * 64)


def test_other_kinds_and_absent_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.h5").write_bytes(b"x")
    with pytest.raises(UnusableModel, match=r"from \.keras files alone.*model\.h5"):
        load_model(tmp_path / "model.h5")
    with pytest.raises(UnusableModel, match="There is no model file"):
        load_model(tmp_path / "none.keras")


@pytest.mark.parametrize("damage", ["cut", "no zip", "no weights"])
def test_damaged_files_are_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "model.keras"
    save_model(tiny(), path)
    content = path.read_bytes()
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "no zip":
        path.write_bytes(b"\x89HDF" + content)
        path.write_bytes(b"hello")
    else:
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in ("config.json", "metadata.json")}
        with zipfile.ZipFile(path, "w") as archive:
            for name, member in members.items():
                archive.writestr(name, member)
    with pytest.raises(UnusableModel, match=r"model.keras cannot be loaded: .*damaged"):
        load_model(path)


def test_models_that_would_run_code_are_refused(tmp_path: Path) -> None:
    inputs = keras.Input((32, 32, 3))
    model = keras.Model(inputs, keras.layers.Lambda(lambda x: x * 2)(inputs))
    model.save(tmp_path / "model.keras")
    with pytest.raises(UnusableModel, match="cannot be loaded"):
        load_model(tmp_path / "model.keras")
