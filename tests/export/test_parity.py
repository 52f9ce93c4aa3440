"""The parity check: what passes, what does not, and what is counted."""

import numpy as np
import pytest

from gliaflow.export.parity import Seen, compare, see
from gliaflow.inference.bundle import read_bundle
from gliaflow.inference.release import Release

SHAPE = (4, 64, 64)


def _seen(probabilities: np.ndarray, threshold: float = 0.5) -> Seen:
    masks = (probabilities >= threshold).astype(np.uint8)
    return Seen(probabilities.astype(np.float32), masks, np.where(masks.any(axis=(1, 2)), "tumor", "empty"))


def _lesions() -> np.ndarray:
    probabilities = np.zeros(SHAPE)
    probabilities[:2, 10:30, 10:30] = 0.9
    return probabilities


def test_what_is_counted() -> None:
    other = _lesions()
    other[0, 10, 10] = 0.45  # one pixel less, of 4 x 64 x 64
    other[3, 5, 5] = 0.05
    found = compare([_seen(_lesions())], [_seen(other)])
    assert found.greatest_difference == pytest.approx(0.45)
    assert found.equal_pixels == 1 - 1 / (4 * 64 * 64)
    assert found.mask_dice == 2 * 799 / 1599
    assert found.equal_calls == 1.0
    assert not found.passed, "by the difference, though enough pixels are equal"


def test_rounding_passes_and_many_pixels_do_not() -> None:
    rounded = _lesions() + np.random.default_rng(0).uniform(0, 0.05, SHAPE)
    assert compare([_seen(_lesions())], [_seen(rounded)]).passed
    fuzzy = np.full(SHAPE, 0.499)
    moved = fuzzy + 0.002 * (np.arange(64) == 0)
    found = compare([_seen(fuzzy)], [_seen(moved)])
    assert found.equal_pixels == 1 - 1 / 64 and found.greatest_difference < 0.01 and not found.passed
    assert found.equal_calls == 0.0


def test_an_export_that_sees_nothing_fails_though_most_pixels_are_equal() -> None:
    probabilities = np.zeros((100, 64, 64))
    probabilities[0, 10:14, 10:14] = 0.9
    found = compare([_seen(probabilities)], [_seen(np.zeros(probabilities.shape))])
    assert found.equal_pixels > 0.9999 and found.mask_dice == 0.0 and not found.passed


def test_not_a_number_fails() -> None:
    broken = _lesions()
    broken[0, 0, 0] = np.nan
    found = compare([_seen(_lesions())], [_seen(broken)])
    assert found.greatest_difference == 1.0 and not found.passed


class _Flair:
    """A network whose probability is the FLAIR's brightness."""

    name, size, channels = "test, float32", 64, 3

    def __init__(self, times: float) -> None:
        self.times = times

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        return (pictures[..., 1] * np.float32(self.times / 255)).astype(np.float32)


def test_members_are_averaged_as_the_release_does(released) -> None:
    release = Release(read_bundle(released), [_Flair(1.0), _Flair(0.5)])
    images = np.random.default_rng(0).integers(0, 256, (20, 64, 64, 3), dtype=np.uint8)
    seen = see(release, images)
    np.testing.assert_allclose(seen.probabilities, images[..., 1] * (0.75 / 255), atol=1e-6)
    predicted = release.predict_volume(images)
    assert (seen.masks == predicted.masks).all() and seen.calls.tolist() == predicted.call.tolist()
    assert release.engine == "test, float32"
