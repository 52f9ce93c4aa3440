import numpy as np
import pytest

from gliaflow.ingest.square import crop_square, pad_square, padded_size
from gliaflow.ingest.studies.study import Spacing


@pytest.mark.parametrize(
    ("size", "spacing", "padded"),
    [
        ((240, 240), Spacing(1, 1, 1), (240, 240)),
        ((240, 155), Spacing(1, 1, 1), (240, 240)),
        ((155, 240), Spacing(1, 1, 1), (240, 240)),
        ((20, 512), Spacing(1, 5, 0.5), (51, 512)),
        ((200, 200), Spacing(1, 1, 0.5), (200, 400)),
        ((9, 10), None, (9, 10)),
    ],
)
def test_a_field_of_view_is_square_in_millimetres(
    size: tuple[int, int], spacing: Spacing | None, padded: tuple[int, int]
) -> None:
    image = np.random.default_rng(0).integers(1, 255, (*size, 3), dtype=np.uint8)
    square = pad_square(image, spacing)

    assert square.shape == (*padded, 3) == (*padded_size(*size, spacing), 3)
    assert square.sum() == image.sum()  # what was added is black
    assert np.array_equal(crop_square(square, *size, spacing), image)


def test_what_is_added_lies_on_both_sides_alike() -> None:
    square = pad_square(np.ones((10, 4), np.uint8), Spacing(1, 1, 1))
    assert square.any(axis=0).tolist() == [False] * 3 + [True] * 4 + [False] * 3
