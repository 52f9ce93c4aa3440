"""Overlays show FLAIR in grey, and two outlines that stay visible where they agree."""

import numpy as np
import pytest

from gliaflow.inference.overlays import PREDICTED_COLOR, TINT, TRUE_COLOR, draw_overlay


@pytest.fixture
def image() -> np.ndarray:
    image = np.random.default_rng(0).integers(0, 200, (24, 32, 3), dtype=np.uint8)
    image[..., 0], image[..., 2] = 1, 2  # never to be seen
    return image


@pytest.fixture
def mask() -> np.ndarray:
    mask = np.zeros((24, 32), np.uint8)
    mask[6:12, 8:20] = 1
    return mask


def has(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return (picture == np.array(colour)).all(axis=2)


@pytest.mark.parametrize("masks", [(None, None), (np.zeros((24, 32), np.uint8), np.zeros((24, 32), np.uint8))])
def test_without_tumour_it_is_flair_in_grey(image: np.ndarray, masks: tuple) -> None:
    picture = draw_overlay(image, *masks)
    assert picture.shape == (24, 32, 3) and picture.dtype == np.uint8
    assert (picture == image[:, :, [1]]).all()


def test_the_true_outline_runs_just_outside(image: np.ndarray, mask: np.ndarray) -> None:
    picture = draw_overlay(image, mask, None)
    expected = np.zeros((24, 32), bool)
    expected[5, 8:20] = expected[12, 8:20] = expected[6:12, 7] = expected[6:12, 20] = True
    assert (has(picture, TRUE_COLOR) == expected).all()
    assert (picture[~expected] == image[~expected][:, [1]]).all()  # tumour and surroundings are left as they are


def test_the_predicted_outline_runs_just_inside_a_tinted_area(image: np.ndarray, mask: np.ndarray) -> None:
    picture = draw_overlay(image, None, mask)
    core = np.zeros((24, 32), bool)
    core[7:11, 9:19] = True
    assert (has(picture, PREDICTED_COLOR) == (mask > 0) & ~core).all()
    tinted = (1 - TINT) * image[core][:, [1]] + TINT * np.array(PREDICTED_COLOR)
    assert np.abs(picture[core] - tinted).max() <= 0.5
    assert (picture[mask == 0] == image[mask == 0][:, [1]]).all()


def test_both_outlines_show_where_masks_agree(image: np.ndarray, mask: np.ndarray) -> None:
    picture = draw_overlay(image, mask, mask)
    assert has(picture, TRUE_COLOR).sum() == has(draw_overlay(image, mask, None), TRUE_COLOR).sum() == 36
    assert has(picture, PREDICTED_COLOR).sum() == has(draw_overlay(image, None, mask), PREDICTED_COLOR).sum() == 32


def test_a_mask_at_the_border_and_one_of_a_single_pixel(image: np.ndarray) -> None:
    everything = np.ones((24, 32), np.uint8)
    framed = has(draw_overlay(image, None, everything), PREDICTED_COLOR)
    assert framed[0].all() and framed[:, -1].all() and framed.sum() == 2 * 24 + 2 * 32 - 4
    dot = np.zeros((24, 32), np.uint8)
    dot[3, 3] = 1
    assert has(draw_overlay(image, None, dot), PREDICTED_COLOR).sum() == 1
    assert has(draw_overlay(image, dot, None), TRUE_COLOR).sum() == 4


def test_outlines_stay_thin_when_enlarged(image: np.ndarray, mask: np.ndarray) -> None:
    picture = draw_overlay(image, mask, mask, scale=3)
    assert picture.shape == (72, 96, 3)
    assert has(picture, TRUE_COLOR).sum() == 2 * (18 + 36)
    assert has(picture, PREDICTED_COLOR).sum() == 2 * (18 + 36) - 4
    assert has(picture, TRUE_COLOR)[17, 24:60].all()


def test_nothing_given_is_changed(image: np.ndarray, mask: np.ndarray) -> None:
    before = image.copy(), mask.copy()
    draw_overlay(image, mask, mask)
    assert (image == before[0]).all() and (mask == before[1]).all()


def test_read_only_and_turned_arrays_are_drawn(image: np.ndarray, mask: np.ndarray) -> None:
    image.flags.writeable = mask.flags.writeable = False
    turned = draw_overlay(image[::-1], mask[::-1], mask[::-1])
    assert (turned[::-1] == draw_overlay(image, mask, mask)).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"true": np.zeros((8, 8), np.uint8)}, r"true mask must have the slice's shape \(24, 32\); received \(8, 8\)"),
        ({"predicted": np.zeros((8, 8), np.uint8)}, "predicted mask must have the slice's shape"),
        ({"image": np.zeros((24, 32), np.uint8)}, r"drawn on a slice, uint8 \[H, W, 3\]; received uint8 \(24, 32\)"),
        ({"image": np.zeros((24, 32, 3))}, "received float64"),
        ({"scale": 0}, "enlarged by 1 or more; received scale 0"),
    ],
)
def test_what_does_not_fit_is_refused(image: np.ndarray, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw_overlay(**{"image": image, "true": None, "predicted": None, **arguments})
