"""A patient in a few figures, and a model's own patients."""

import numpy as np
import pytest

from gliaflow.inference.familiarity import fit_familiarity
from gliaflow.inference.profile import MEASURES, OF_IMAGES, OF_PREDICTIONS, profile_answers, profile_images

NOBODY = fit_familiarity({})


def head(level: int) -> np.ndarray:
    """Four slices with a disc of an even grey in every sequence, uint8 [4, 64, 64, 3]."""
    rows, columns = np.mgrid[:64, :64]
    disc = (rows - 32) ** 2 + (columns - 32) ** 2 < 24**2
    images = np.zeros((4, 64, 64, 3), np.uint8)
    images[:, disc] = (level, level + 20, level + 40)
    return images


def test_brightness_is_the_median_grey_of_the_head_in_each_sequence():
    profile = profile_images(head(60), NOBODY)
    found = [profile[name] for name in ("brightness_pre", "brightness_flair", "brightness_post")]
    assert found == pytest.approx([60, 80, 100])
    assert np.isnan(profile["distance"]) and profile["warnings"] == ""


def test_what_can_not_be_told_is_missing():
    images = head(60)
    images[..., 0] = images[..., 1]  # FLAIR in the place of a sequence that was not taken
    assert np.isnan(profile_images(images, NOBODY)["brightness_pre"])
    black = profile_images(np.zeros((3, 64, 64, 3), np.uint8), NOBODY)
    assert all(np.isnan(black[name]) for name in OF_IMAGES)


def test_answers_are_counted():
    said = profile_answers(np.array(["tumor", "tumor", "unsure", "empty"]), 50, 1000)
    assert said == {"tumor_share": 0.05, "tumor_rate": 0.5, "unsure_rate": 0.25}
    assert profile_answers(np.array([]), 0, 0) == dict.fromkeys(OF_PREDICTIONS, 0.0)


def test_every_measure_has_words():
    assert set(MEASURES) == {*OF_IMAGES, *OF_PREDICTIONS}
    for name, about in MEASURES.values():
        assert name[0].isupper() and not about.endswith(".")
