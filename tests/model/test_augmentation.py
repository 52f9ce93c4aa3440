"""Augmentation moves image and mask together, and is a function of its generator."""

from collections import Counter

import numpy as np
import pytest

from gliaflow.model.augmentation import augment
from gliaflow.model.recipes import Augmentation

STILL = Augmentation(flip=0, rotate=0, scale=0, shift=0, gamma=0, contrast=0, brightness=0, missing=0)
WARP = {"flip": 0.5, "rotate": 40.0, "scale": 0.2, "shift": 0.1}


def picture(size: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """An off-centre ellipse as mask, bright in FLAIR alone; the other sequences are noise."""
    rows, columns = np.mgrid[:size, :size] / size
    mask = ((rows - 0.4) ** 2 / 0.04 + (columns - 0.65) ** 2 / 0.015 < 1).astype(np.uint8)
    image = np.random.default_rng(0).integers(1, 256, (size, size, 3), dtype=np.uint8)
    image[..., 1] = mask * 200
    return image, mask


def test_nothing_changes_when_everything_is_off() -> None:
    image, mask = picture()
    varied, moved = augment(image, mask, STILL, np.random.default_rng(0))
    np.testing.assert_array_equal(varied, image)
    np.testing.assert_array_equal(moved, mask)


@pytest.mark.parametrize("seed", range(12))
def test_mask_stays_on_the_lesion(seed: int) -> None:
    image, mask = picture()
    varied, moved = augment(image, mask, STILL.model_copy(update=WARP), np.random.default_rng(seed))
    lesion = varied[..., 1] > 100
    assert set(np.unique(moved)) == {0, 1} and moved.dtype == np.uint8
    assert 2 * np.sum(lesion & (moved > 0)) / (lesion.sum() + moved.sum()) > 0.97
    assert 2 * np.sum(mask & moved) / (mask.sum() + moved.sum()) < 0.95, "the lesion ought to have moved"


def test_a_flip_alone_is_a_mirror() -> None:
    image, mask = picture()
    varied, moved = augment(image, mask, STILL.model_copy(update={"flip": 1.0}), np.random.default_rng(0))
    np.testing.assert_array_equal(varied, image[:, ::-1])
    np.testing.assert_array_equal(moved, mask[:, ::-1])


def test_intensities_change_per_sequence_and_leave_mask_black_and_order() -> None:
    image, mask = picture()
    image[0, 0] = 0
    how = STILL.model_copy(update={"gamma": 0.3, "contrast": 0.2, "brightness": 0.1})
    varied, same = augment(image, mask, how, np.random.default_rng(1))
    np.testing.assert_array_equal(same, mask)
    assert (varied[0, 0] == 0).all()
    changes = []
    for channel in range(3):
        order = np.argsort(image[..., channel].ravel(), kind="stable")
        assert (np.diff(varied[..., channel].ravel()[order].astype(int)) >= 0).all(), "brighter stays brighter"
        changes.append(varied[..., channel].astype(int).mean() - image[..., channel].mean())
    assert len({round(c, 3) for c in changes}) == 3


def test_missing_sequences_become_flair() -> None:
    image, mask = picture()
    how, seen = STILL.model_copy(update={"missing": 1.0}), Counter[tuple[int, ...]]()
    for seed in range(300):
        varied, _ = augment(image, mask, how, np.random.default_rng(seed))
        copies = tuple(c for c in (0, 2) if np.array_equal(varied[..., c], image[..., 1]))
        for kept in {0, 1, 2} - set(copies):
            np.testing.assert_array_equal(varied[..., kept], image[..., kept])
        seen[copies] += 1
    assert set(seen) == {(0,), (2,), (0, 2)} and min(seen.values()) > 70, "each as often"


def test_equal_generators_give_equal_slices_and_the_original_is_untouched() -> None:
    image, mask = picture()
    before = image.copy(), mask.copy()
    results = [augment(image, mask, Augmentation(), np.random.default_rng([7, 1])) for _ in range(2)]
    other = augment(image, mask, Augmentation(), np.random.default_rng([7, 2]))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])
    assert not np.array_equal(results[0][0], other[0])
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(mask, before[1])


def test_neighbours_are_varied_like_their_slice() -> None:
    image, mask = picture()
    stacked = np.concatenate([image, image, image], axis=-1)
    how = Augmentation(elastic=2.0, bias=0.3, missing=1.0)
    varied, moved = augment(stacked, mask, how, np.random.default_rng(4))
    assert varied.shape == (64, 64, 9) and moved.shape == (64, 64)
    np.testing.assert_array_equal(varied[..., :3], varied[..., 3:6])
    np.testing.assert_array_equal(varied[..., :3], varied[..., 6:])
    copies = [(varied[..., i] == varied[..., 1]).all() for i in (0, 2)]
    assert any(copies), "a sequence is FLAIR"


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("elastic", [0.0, 1.5])
def test_a_crop_is_a_part_of_the_picture_with_its_mask(seed: int, elastic: float) -> None:
    image, mask = picture()
    how = STILL.model_copy(update={"elastic": elastic})
    varied, moved = augment(image, mask, how, np.random.default_rng(seed), crop=48)
    assert varied.shape == (48, 48, 3) and moved.shape == (48, 48)
    lesion = varied[..., 1] > 100
    assert 2 * np.sum(lesion & (moved > 0)) / (lesion.sum() + moved.sum()) > 0.95


def test_crops_reach_every_corner() -> None:
    rows, columns = np.mgrid[:64, :64].astype(np.uint8)
    image = np.stack([rows, columns, rows], axis=-1) + 1
    places = np.array(
        [
            augment(image, np.zeros((64, 64), np.uint8), STILL, np.random.default_rng(seed), crop=16)[0][0, 0, :2]
            for seed in range(200)
        ]
    )
    assert places.min() <= 4 and places.max() >= 46  # the first pixel lies between 0 and 48, and is 1 more


def test_elastic_displacements_bend_what_a_warp_leaves_straight() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, 32] = 255
    varied, _ = augment(
        image, image[..., 0] // 255, STILL.model_copy(update={"elastic": 3.0}), np.random.default_rng(0)
    )
    columns = varied[..., 0].argmax(axis=1)[varied[..., 0].max(axis=1) > 50]
    assert len(columns) > 32 and np.ptp(columns) >= 3


def test_bias_and_noise_disturb_all_but_black() -> None:
    image = np.full((64, 64, 3), 100, np.uint8)
    image[:8] = 0
    bias, _ = augment(image, image[..., 0], STILL.model_copy(update={"bias": 0.3}), np.random.default_rng(0))
    noise, _ = augment(image, image[..., 0], STILL.model_copy(update={"noise": 8.0}), np.random.default_rng(0))
    for changed in (bias, noise):
        assert (changed[:8] == 0).all()
    inside = bias[8:].astype(float)
    assert 69.5 <= inside.min() < inside.max() <= 130.5 and np.abs(np.diff(inside, axis=1)).max() <= 8, "smooth"
    assert 0.5 < noise[8:].std() < 8.5 and abs(noise[8:].mean() - 100) < 0.5
