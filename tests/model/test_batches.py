"""Batches: the right pixels, and content that follows from seed, epoch and number alone."""

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gliaflow.model.batches import TrainingBatches, UnusableTrainingData, draw_order, open_slices, plain_batches
from gliaflow.model.recipes import Recipe


def content(batches: TrainingBatches) -> list[tuple[bytes, bytes]]:
    return [(images.tobytes(), masks.tobytes()) for images, masks in map(batches.__getitem__, range(len(batches)))]


def test_slices_are_found_by_number_in_order_of_patient_and_slice(
    volumes: dict[str, Path], parts: pd.DataFrame
) -> None:
    slices = open_slices(volumes, parts, "train")
    assert (len(slices), slices.patients, slices.size) == (12, ["a", "b", "c"], 32)
    stored = np.load(volumes["b"] / "images.npy"), np.load(volumes["b"] / "masks.npy")
    for i, row in zip(range(4, 8), (3, 2, 1, 0), strict=True):  # slice 11 lies last in the arrays
        np.testing.assert_array_equal(slices.image(i), stored[0][row])
        np.testing.assert_array_equal(slices.mask(i), stored[1][row])
    assert slices.tumor.tolist() == [False, True, True, True] * 3


def test_pixels_are_not_read_into_memory(volumes: dict[str, Path], parts: pd.DataFrame) -> None:
    assert all(isinstance(array, np.memmap) for array in open_slices(volumes, parts, "train").images.values())


@pytest.mark.skipif(sys.platform != "linux", reason="counts open files in /proc")
def test_no_file_stays_open(volumes: dict[str, Path], parts: pd.DataFrame) -> None:
    """A process may have 1,024 files open, and a patient is two."""
    before = len(os.listdir("/proc/self/fd"))
    slices = open_slices(volumes, parts, "train")
    assert [slices.image(i).shape for i in range(len(slices))] == [(32, 32, 3)] * 12
    assert len(os.listdir("/proc/self/fd")) == before


def test_only_slices_of_the_part_are_taken(volumes: dict[str, Path], parts: pd.DataFrame) -> None:
    some = parts[(parts["patient"] != "c") & (parts["slice"] != 12)]
    assert len(open_slices(volumes, some, "train")) == 6
    assert open_slices(volumes, parts, "val").patients == ["d"]
    assert len(open_slices(volumes, parts, "test")) == 0


def test_a_patient_without_volume_and_a_strange_slice_are_named(volumes: dict[str, Path], parts: pd.DataFrame) -> None:
    with pytest.raises(UnusableTrainingData, match="patient e, who has no prepared volume"):
        open_slices(volumes, parts.replace({"patient": {"b": "e"}}), "train")
    with pytest.raises(UnusableTrainingData, match=r"slices \[99\] of patient a"):
        open_slices(volumes, parts.replace({"slice": {14: 99}}), "train")


def test_content_follows_from_seed_and_epoch(volumes: dict[str, Path], parts: pd.DataFrame, tiny: Recipe) -> None:
    slices = open_slices(volumes, parts, "train")
    first = content(TrainingBatches(slices, tiny, seed=1, epoch=3))
    again = TrainingBatches(open_slices(volumes, parts, "train"), tiny, seed=1, epoch=3)
    backwards = [again[i] for i in reversed(range(len(again)))][::-1]
    assert [(images.tobytes(), masks.tobytes()) for images, masks in backwards] == first
    assert content(TrainingBatches(slices, tiny, seed=1, epoch=4)) != first
    assert content(TrainingBatches(slices, tiny, seed=2, epoch=3)) != first


def test_shapes_and_sizes(volumes: dict[str, Path], parts: pd.DataFrame, tiny: Recipe) -> None:
    batches = TrainingBatches(open_slices(volumes, parts, "train"), tiny, seed=0, epoch=1)
    shapes = [(images.shape, masks.shape) for images, masks in map(batches.__getitem__, range(len(batches)))]
    # nine slices with tumour and half as many (4) without, in fours
    assert shapes == [((n, 32, 32, 3), (n, 32, 32, 1)) for n in (4, 4, 4, 1)][: len(shapes)]
    assert sum(shape[0][0] for shape in shapes) == 12  # only three without tumour exist
    assert {array.dtype for array in batches[0]} == {np.dtype(np.uint8)}


def test_without_augmentation_slices_come_as_they_are(
    volumes: dict[str, Path], parts: pd.DataFrame, tiny: Recipe
) -> None:
    slices = open_slices(volumes, parts, "train")
    plain = tiny.model_copy(update={"augmentation": None, "empty_ratio": None})
    batches = TrainingBatches(slices, plain, seed=0, epoch=1)
    seen = {
        image.tobytes(): mask.tobytes() for i in range(len(batches)) for image, mask in zip(*batches[i], strict=True)
    }
    assert seen == {slices.image(i).tobytes(): slices.mask(i).tobytes() for i in range(12)}


def test_epochs_take_all_tumour_slices_and_a_share_of_others() -> None:
    tumor = np.arange(100) < 10
    orders = [draw_order(tumor, 1.5, np.random.default_rng([0, epoch])) for epoch in range(40)]
    for order in orders:
        assert sorted(order[order < 10]) == list(range(10)) and len(set(order)) == len(order) == 25
    assert set(np.concatenate(orders)) == set(range(100)), "in the long run every slice is seen"
    assert sorted(draw_order(tumor, None, np.random.default_rng(0))) == list(range(100))
    assert set(draw_order(tumor, 0.0, np.random.default_rng(0))) == set(range(10))


def test_plain_batches_are_all_slices_once_and_as_they_are(volumes: dict[str, Path], parts: pd.DataFrame) -> None:
    slices = open_slices(volumes, parts, "train")
    batches = list(plain_batches(slices, 5))
    assert [len(images) for images, _, _ in batches] == [5, 5, 2]
    images, masks, patients = (np.concatenate(arrays) for arrays in zip(*batches, strict=True))
    stored = {(slices.image(i).tobytes(), slices.mask(i).tobytes(), slices.volume[i]) for i in range(12)}
    assert {(a.tobytes(), b.tobytes(), c) for a, b, c in zip(images, masks, patients, strict=True)} == stored
    assert len(stored) == 12 and patients.tolist() != sorted(patients), "patients are mixed"
    np.testing.assert_array_equal(np.concatenate([batch[0] for batch in plain_batches(slices, 5)]), images)


def test_neighbours_come_with_their_slice(volumes: dict[str, Path], parts: pd.DataFrame) -> None:
    slices = open_slices(volumes, parts, "train", neighbours=1)
    stored = np.load(volumes["b"] / "images.npy")
    np.testing.assert_array_equal(slices.image(5), np.concatenate([stored[1], stored[2], stored[3]], axis=-1))
    np.testing.assert_array_equal(slices.image(4)[..., 6:], stored[3])  # the volume's last stands in for what is beyond


def test_passes_repeat_the_tumour_slices_each_varied_anew(
    volumes: dict[str, Path], parts: pd.DataFrame, tiny: Recipe
) -> None:
    twice = tiny.model_copy(update={"passes": 2, "empty_ratio": 0.0, "batch_size": 100})
    batches = TrainingBatches(open_slices(volumes, parts, "train"), twice, seed=0, epoch=1)
    images, masks = batches[0]
    assert len(batches) == 1 and images.shape == (18, 32, 32, 3)
    assert sorted(batches.order[:9]) == sorted(batches.order[9:]) == [1, 2, 3, 5, 6, 7, 9, 10, 11]
    assert len({image.tobytes() for image in images}) == 18


def test_crops_without_augmentation_are_cut_from_slice_and_mask_alike(
    volumes: dict[str, Path], parts: pd.DataFrame, tiny: Recipe
) -> None:
    slices = open_slices(volumes, parts, "train")
    cut = tiny.model_copy(update={"augmentation": None, "crop": 20, "empty_ratio": None, "batch_size": 12})
    images, masks = TrainingBatches(slices, cut, seed=0, epoch=1)[0]
    assert images.shape == (12, 20, 20, 3) and masks.shape == (12, 20, 20, 1)
    np.testing.assert_array_equal(masks[..., 0] > 0, images[..., 1] == 230)
    assert len(np.unique(masks.sum(axis=(1, 2, 3)))) > 2, "some lesions ought to be cut"
