"""Augmentation moves image and mask together, and is a function of its generator."""

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


def test_a_missing_sequence_becomes_flair() -> None:
    image, mask = picture()
    how, seen = STILL.model_copy(update={"missing": 1.0}), set()
    for seed in range(8):
        varied, _ = augment(image, mask, how, np.random.default_rng(seed))
        copies = [c for c in (0, 2) if np.array_equal(varied[..., c], image[..., 1])]
        assert len(copies) == 1
        np.testing.assert_array_equal(varied[..., 2 - copies[0]], image[..., 2 - copies[0]])
        seen.add(copies[0])
    assert seen == {0, 2}


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
