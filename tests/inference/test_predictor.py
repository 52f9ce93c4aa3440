"""The predictor: quantised probabilities, the same alone and in company, and plain refusals."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from gliaflow.inference.engines.keras import KerasNetwork
from gliaflow.inference.predictor import Predictor, predict_volumes, quantise
from gliaflow.model.archive import UnusableModel, digest_file, save_model
from gliaflow.model.unet import build_unet

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 32, 32, 3), dtype=np.uint8)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    save_model(build_unet(32, 16, (4, 8), (0.1, 0.2), seed=4), tmp_path / "model.keras")
    return tmp_path / "model.keras"


def test_probabilities_are_quantised_by_rounding() -> None:
    chances = np.array([0.0, 0.4 / 255, 0.6 / 255, 0.5, 254.6 / 255, 1.0])
    assert quantise(chances).tolist() == [0, 0, 1, 128, 255, 255]
    assert quantise(chances).dtype == np.uint8


def test_predicts_what_the_network_says(model: Path) -> None:
    network = keras.saving.load_model(model, compile=False)
    expected = np.rint(255 * network.predict_on_batch(IMAGES)[..., 0])
    quantised = Predictor(KerasNetwork(model, digest_file(model))).predict_volume(IMAGES)
    assert quantised.shape == (7, 32, 32) and quantised.dtype == np.uint8 and np.ptp(quantised) > 3
    np.testing.assert_allclose(quantised, expected, atol=1)
    assert np.mean(quantised == expected) > 0.999


def test_slices_alone_and_in_batches_agree(model: Path) -> None:
    predictor = Predictor(KerasNetwork(model))
    together = predictor.predict_volume(IMAGES, batch=7).astype(int)
    for batch in (1, 3, 16):
        apart = predictor.predict_volume(IMAGES, batch=batch).astype(int)
        assert np.abs(apart - together).max() <= 1  # a rounding may fall the other way
        assert np.mean(apart == together) > 0.999


def test_a_network_that_sees_neighbours_is_given_them(tmp_path: Path) -> None:
    path = tmp_path / "wide.keras"
    save_model(build_unet(32, 16, (4, 8), (0.1, 0.2), 9, seed=4), path)
    network = keras.saving.load_model(path, compile=False)
    ordered = [np.concatenate([IMAGES[max(i - 1, 0)], IMAGES[i], IMAGES[min(i + 1, 6)]], axis=-1) for i in range(7)]
    expected = np.rint(255 * network.predict_on_batch(np.stack(ordered))[..., 0])
    for batch in (2, 16):
        np.testing.assert_allclose(Predictor(KerasNetwork(path)).predict_volume(IMAGES, batch), expected, atol=1)


def test_mirrored_prediction_is_the_mean_of_both(model: Path) -> None:
    network = keras.saving.load_model(model, compile=False)
    plain = network.predict_on_batch(IMAGES)[..., 0]
    mirrored = network.predict_on_batch(np.ascontiguousarray(IMAGES[:, :, ::-1]))[..., 0][:, :, ::-1]
    both = Predictor(KerasNetwork(model), mirror=True)
    np.testing.assert_allclose(both.predict_volume(IMAGES), np.rint(255 * (plain + mirrored) / 2), atol=1)
    turned = both.predict_volume(np.ascontiguousarray(IMAGES[:, :, ::-1])).astype(int)
    assert np.abs(turned[:, :, ::-1] - both.predict_volume(IMAGES)).max() <= 1, "left and right are treated alike"


def test_progress_counts_slices_and_no_slices_are_no_error(model: Path) -> None:
    told: list[tuple[int, int]] = []
    predictor = Predictor(KerasNetwork(model))
    predictor.predict_volume(IMAGES, 3, lambda done, total: told.append((done, total)))
    assert told == [(3, 7), (6, 7), (7, 7)]
    assert predictor.predict_volume(IMAGES[:0]).shape == (0, 32, 32)


@pytest.mark.parametrize(
    ("images", "received"),
    [
        (IMAGES[:, :16], r"uint8 of shape \(7, 16, 32, 3\)"),
        (IMAGES[..., 0], r"uint8 of shape \(7, 32, 32\)"),
        (IMAGES / 255.0, "float64 of shape"),
    ],
)
def test_images_it_was_not_made_for_are_refused(model: Path, images: np.ndarray, received: str) -> None:
    with pytest.raises(ValueError, match=rf"\(slices, 32, 32, 3\), not standardised; received {received}"):
        Predictor(KerasNetwork(model)).predict_volume(images)


def test_another_model_than_recorded_is_refused(model: Path) -> None:
    with pytest.raises(UnusableModel, match="is not the one that was recorded"):
        KerasNetwork(model, "f" * 64)


def test_volumes_become_files(tmp_path: Path, model: Path) -> None:
    volumes, told = {}, []
    for patient, images in (("b", IMAGES[:2]), ("a", IMAGES), ("empty", IMAGES[:0])):
        volumes[patient] = tmp_path / patient
        volumes[patient].mkdir()
        np.save(volumes[patient] / "images.npy", images)
    predict_volumes(model, volumes, tmp_path / "out", batch=4, progress=lambda *step: told.append(step))
    assert told == [(4, 9), (7, 9), (9, 9)]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.npy", "b.npy", "empty.npy"]
    np.testing.assert_array_equal(
        np.load(tmp_path / "out" / "a.npy"), Predictor(KerasNetwork(model)).predict_volume(IMAGES, batch=4)
    )
    assert np.load(tmp_path / "out" / "empty.npy").shape == (0, 32, 32)


def test_child_process_writes_files_and_tells_progress(tmp_path: Path, model: Path) -> None:
    folder = tmp_path / "volume"
    folder.mkdir()
    np.save(folder / "images.npy", IMAGES)
    spec = {
        "model": str(model),
        "digest": digest_file(model),
        "volumes": {"p": str(folder)},
        "out": str(tmp_path / "out"),
        "batch": 7,
    }
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    command = [sys.executable, "-m", "gliaflow.inference.predictor", str(tmp_path / "spec.json")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, env=environment, text=True, check=True)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events == [{"event": "progress", "done": 7, "total": 7}, {"event": "done"}]
    np.testing.assert_array_equal(
        np.load(tmp_path / "out" / "p.npy"), Predictor(KerasNetwork(model)).predict_volume(IMAGES, 7)
    )
