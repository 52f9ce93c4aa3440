"""Neighbouring slices as channels: the right ones, in order, and at the ends the slice itself."""

import numpy as np
import pytest

from gliaflow.model.neighbours import reach_of, stack_neighbours

VOLUME = (
    np.arange(4, dtype=np.uint8)[:, None, None, None] * 10
    + np.arange(3, dtype=np.uint8)
    + np.zeros((4, 2, 2, 3), np.uint8)
)


@pytest.mark.parametrize(
    ("row", "reach", "expected"),
    [
        (1, 0, [10, 11, 12]),
        (1, 1, [0, 1, 2, 10, 11, 12, 20, 21, 22]),
        (0, 1, [0, 1, 2, 0, 1, 2, 10, 11, 12]),
        (3, 2, [10, 11, 12, 20, 21, 22, 30, 31, 32, 30, 31, 32, 30, 31, 32]),
    ],
)
def test_neighbours_stand_in_order_and_the_ends_repeat(row: int, reach: int, expected: list[int]) -> None:
    stacked = stack_neighbours(VOLUME, row, reach)
    assert stacked.shape == (2, 2, 3 * (2 * reach + 1)) and stacked.dtype == np.uint8
    assert stacked[0, 0].tolist() == expected and (stacked == stacked[0, 0]).all()


def test_the_channels_of_a_network_tell_its_reach() -> None:
    assert [reach_of(channels) for channels in (3, 9, 15)] == [0, 1, 2]
    for channels in (4, 6):
        with pytest.raises(ValueError, match=f"received {channels} channels"):
            reach_of(channels)
