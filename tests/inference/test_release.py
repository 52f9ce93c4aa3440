"""A release at work: the mean of its members, the masks and answers of its operating point, and its warnings."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gliaflow.evaluation.detection import slice_score
from gliaflow.evaluation.postprocess import predicted_masks
from gliaflow.inference.bundle import read_bundle, write_bundle
from gliaflow.inference.engines.keras import KerasNetwork
from gliaflow.inference.predictor import Predictor
from gliaflow.inference.release import load_release, mean_of
from gliaflow.model.archive import UnusableModel
from gliaflow.model.unet import build_unet

SIZE = 64


@pytest.fixture
def released(tmp_path: Path, head, make_release) -> tuple[Path, list[Path], np.ndarray]:
    """A release of two tiny networks, the files that they came from, and the slices of a patient."""
    networks = [build_unet(SIZE, SIZE, (4, 8), (0.0, 0.0), prior=0.4, seed=seed) for seed in range(2)]
    folder = tmp_path / "release"
    return folder, make_release(folder, networks, {f"P{seed:02d}": head(seed) for seed in range(12)}), head(50)


def test_members_are_averaged_and_the_operating_point_applied(released) -> None:
    folder, models, images = released
    told: list[tuple[int, int]] = []
    found = load_release(folder).predict_volume(images, progress=lambda *done: told.append(done))
    each = np.array([Predictor(KerasNetwork(model)).predict_volume(images) for model in models])
    assert (each[0] != each[1]).any()
    assert (found.probabilities == np.rint(each.mean(axis=0))).all() and found.probabilities.dtype == np.uint8
    assert (found.masks == predicted_masks(found.probabilities, 110, 5)).all()
    detection = read_bundle(folder).detection
    assert found.tumor_probability == pytest.approx(detection.probability(slice_score(found.probabilities)))
    assert found.call.tolist() == detection.call(found.tumor_probability).tolist()
    assert told[-1] == (10, 10) and told == sorted(told)


def test_a_volume_unlike_training_comes_with_a_warning(released) -> None:
    folder, _, images = released
    release = load_release(folder)
    noise = np.random.default_rng(0).integers(0, 256, images.shape).astype(np.uint8)
    (said, *_) = release.predict_volume(noise).warnings
    assert said.startswith("Unlike the 12 training patients")
    assert release.predict_volume(images).warnings == release.bundle.familiarity.warn(images)


def test_mirroring_is_passed_on(released) -> None:
    folder, models, images = released
    write_bundle(folder, replace(read_bundle(folder), mirror=True))
    each = np.array([Predictor(KerasNetwork(model), mirror=True).predict_volume(images) for model in models])
    assert (load_release(folder).predict_volume(images).probabilities == np.rint(each.mean(axis=0))).all()


def test_a_changed_member_is_refused(released) -> None:
    folder, models, _ = released
    (folder / "fold-1.keras").write_bytes(models[0].read_bytes())
    with pytest.raises(UnusableModel, match="not the one that was recorded"):
        load_release(folder)


def test_means_of_quantised_probabilities_are_rounded() -> None:
    total = np.array([0, 1, 255, 509, 510], np.uint16)
    assert mean_of(total, 2).tolist() == [0, 0, 128, 254, 255]
    assert mean_of(np.array([1275, 1274], np.uint16), 5).tolist() == [255, 255]
