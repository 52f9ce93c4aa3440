"""Speeds: side by side, the least of several rounds."""

import time

import numpy as np
import pytest

from gliaflow.export.speed import measure


def test_speeds_are_those_of_batches_and_of_single_slices() -> None:
    sizes: list[int] = []

    def slow(pictures: np.ndarray) -> np.ndarray:
        sizes.append(len(pictures))
        time.sleep(0.02 if len(pictures) == 1 else 0.08)
        return pictures

    pictures = np.zeros((33, 8, 8, 3), np.uint8)
    found = measure({"slow": slow, "none": lambda pictures: pictures}, pictures, rounds=2, singles=3)
    assert found["slow"].slices_per_second == pytest.approx(16 / 0.08, rel=0.1)
    assert found["slow"].ms_a_slice == pytest.approx(20, rel=0.2)
    assert found["none"].slices_per_second > 1000
    assert sizes == [16, 1] + 2 * [16, 16, 1, 1, 1], "prepared once, then whole batches and singles a round"
