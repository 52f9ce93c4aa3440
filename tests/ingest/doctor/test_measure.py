"""What is measured in pixels."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from gliaflow.ingest.doctor.measure import border_pixels, channel_lead, head_pixels, measure_patient
from gliaflow.ingest.doctor.parallel import measure_patients
from gliaflow.ingest.pair import pair_slices
from gliaflow.ingest.prepare import prepare_volume
from gliaflow.ingest.scan import scan_folder


def heads(*, enhance: float, slices: int = 2) -> np.ndarray:
    """Images uint8 [S, 64, 64, 3]: pre-contrast is like FLAIR, post-contrast has bright vessels where FLAIR is dark."""
    rng = np.random.default_rng(3)
    tissue = rng.integers(40, 160, (slices, 64, 64)).astype(float)
    vessel = rng.random((slices, 64, 64)) < 0.1
    flair = np.where(vessel, 30, tissue)
    pre = flair * 0.8 + rng.normal(0, 15, flair.shape)
    post = np.where(vessel, 30 + 200 * enhance, pre)
    return np.clip(np.stack([pre, flair, post], axis=-1), 11, 255).astype(np.uint8)


def test_the_order_of_channels_is_told_by_enhancement() -> None:
    images = heads(enhance=1)
    assert channel_lead(images) > 0.3
    assert channel_lead(images[..., ::-1]) == pytest.approx(-channel_lead(images))


def test_the_order_of_channels_can_not_always_be_told() -> None:
    assert np.isnan(channel_lead(np.zeros((0, 64, 64, 3), np.uint8)))
    assert np.isnan(channel_lead(heads(enhance=1, slices=1)[:, :8]))  # few pixels
    assert np.isnan(channel_lead(np.full((2, 64, 64, 3), 90, np.uint8)))  # no contrast
    noise = np.random.default_rng(0).integers(20, 120, (4, 64, 64, 3), dtype=np.uint8)
    assert np.isnan(channel_lead(noise))


def test_head_pixels_are_the_same_in_bright_and_dark_slices() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    image[:] = 4  # noise
    image[16:48, 16:48, 2] = 120
    assert head_pixels(image) == 32 * 32
    assert head_pixels(image // 4) == 32 * 32
    assert head_pixels(np.zeros_like(image)) == 0


def test_border_pixels_are_counted_once() -> None:
    mask = np.zeros((10, 8), np.uint8)
    mask[3:5, 3:5] = 1
    assert border_pixels(mask) == 0
    assert border_pixels(np.ones_like(mask)) == 2 * 10 + 2 * 8 - 4


def test_a_patient_is_measured_as_it_is_prepared(kaggle, tmp_path: Path) -> None:
    root = kaggle(1)
    slices, _ = pair_slices(scan_folder(root))
    broken = root / slices["image_path"][2]
    tifffile.imwrite(broken, np.zeros((32, 32, 2), np.uint8), photometric="minisblack", planarconfig="contig")
    slices, _ = pair_slices(scan_folder(root))
    measured = measure_patient(root, slices)
    volume = prepare_volume(root, slices)
    assert measured.facts[volume.facts.columns].equals(volume.facts)
    assert measured.facts["slice"].tolist() == [1, 2, 4]
    assert measured.rejected.equals(volume.rejected)
    assert sorted(measured.rejected["reason"]) == ["partner_unusable", "wrong_channels"]
    assert (measured.thumbnails.shape, measured.thumbnails.dtype) == ((3, 32, 32), np.uint8)
    assert measured.facts["deviation"].tolist() == pytest.approx(measured.thumbnails.std(axis=(1, 2)).tolist())


def test_processes_give_what_one_process_gives(kaggle, monkeypatch: pytest.MonkeyPatch) -> None:
    root = kaggle(3)
    slices, _ = pair_slices(scan_folder(root))
    monkeypatch.setattr("gliaflow.ingest.doctor.parallel.FEW_SLICES", 1)
    told: list[tuple[str, int, int]] = []
    alone = list(measure_patients(root, slices))
    several = list(measure_patients(root, slices, workers=2, progress=lambda *step: told.append(step)))
    assert told == [("patients", 1, 3), ("patients", 2, 3), ("patients", 3, 3)]
    for one, other in zip(alone, several, strict=True):
        assert one.facts.equals(other.facts)
        assert np.array_equal(one.thumbnails, other.thumbnails)
