import base64
import io

import cv2
import numpy as np
from PIL import Image

from gliaflow.report.canvas import png
from gliaflow.report.montage import draw_montage
from gliaflow.report.pictures import CELL, GAP, GAP_GREY, Strip, Viewer, beside, brighten, head_box


def square(size: int, top: int, left: int, side: int, value: int = 1) -> np.ndarray:
    plane = np.zeros((size, size), np.uint8)
    plane[top : top + side, left : left + side] = value
    return plane


def test_the_head_is_cropped_to_a_square_with_its_masks_inside() -> None:
    image = np.repeat(square(256, 100, 60, 80, 120)[..., None], 3, axis=2)
    rows, columns = head_box(image, [])
    assert (rows, columns) == (slice(94, 186), slice(54, 146))
    rows, columns = head_box(image, [square(256, 0, 250, 3)])
    assert rows.start == 0 and columns.stop == 256
    assert rows.stop - rows.start == columns.stop - columns.start


def test_a_black_slice_is_not_cropped() -> None:
    assert head_box(np.zeros((40, 40, 3), np.uint8), [np.zeros((40, 40), np.uint8)]) == (slice(0, 40), slice(0, 40))


def test_masks_are_white_on_black_and_a_missing_prediction_grey() -> None:
    image = np.repeat(square(64, 0, 0, 64, 120)[..., None], 3, axis=2)
    view = Viewer(image, square(64, 0, 0, 32), None)
    mask = view.true_mask()
    assert mask.shape == (CELL, CELL, 3)
    assert mask[40, 40].tolist() == [255] * 3 and mask[200, 200].tolist() == [0] * 3
    assert np.unique(view.predicted_mask()).tolist() == [GAP_GREY]


def test_the_composite_has_pre_flair_post_as_red_green_blue() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    image[..., 0], image[..., 1], image[..., 2] = square(64, 0, 0, 64, 50), square(64, 0, 0, 32, 100), 0
    composite = Viewer(image, np.zeros((64, 64), np.uint8), None).composite()
    assert composite[40, 40].tolist() == [255, 255, 0]
    assert composite[200, 200].tolist() == [255, 0, 0]


def test_each_sequence_is_brightened_by_itself() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    image[:50, :, 0], image[:50, :, 1], image[0, :10, 2] = 100, 40, 200
    bright = brighten(image)
    assert bright[0, 50].tolist() == [255, 255, 0] and bright[60, 50].tolist() == [0, 0, 0]
    assert bright[0, 5, 2] == 255  # a few bright pixels, fewer than half a per cent, don't set the scale


def test_overlays_show_only_the_outlines_asked_for() -> None:
    image = np.repeat(square(64, 8, 8, 48, 100)[..., None], 3, axis=2)
    view = Viewer(image, square(64, 20, 20, 8), square(64, 36, 36, 8))

    def coloured(picture: np.ndarray) -> np.ndarray:
        return np.ptp(picture.astype(int), axis=2) > 60  # (H, W, 3) -> (H, W)

    assert not coloured(view.sequence(1)).any()
    true, predicted = coloured(view.overlay(true=True)), coloured(view.overlay(predicted=True))
    assert true[:128, :128].any() and not true[150:, 150:].any()
    assert predicted[128:, 128:].any() and not predicted[:100, :100].any()


def test_strips_join_cells_with_a_gap_and_are_webp_in_rgb() -> None:
    red, blue = (np.full((32, 32, 3), color, np.uint8) for color in ([200, 0, 0], [0, 0, 200]))
    strip = Strip([red, blue, red], "P_1", "slice 1", "Patient P_1.")
    assert strip.image.shape == (32, 3 * 32 + 2 * GAP, 3)
    assert strip.image[0, 32].tolist() == [GAP_GREY] * 3
    assert strip.part(1, 3, "Two.").width == 2 * 32 + GAP
    assert strip.part(1, 3, "Two.").alt == "Patient P_1. Two."
    assert strip.src.startswith("data:image/webp;base64,UklGR")
    encoded = np.frombuffer(base64.b64decode(strip.src.split(",")[1]), np.uint8)
    decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1]
    assert abs(int(decoded[16, 16, 0]) - 200) < 12 and decoded[16, 16, 2] < 12


def test_a_montage_places_every_cell() -> None:
    grey = [np.full((CELL, CELL, 3), value, np.uint8) for value in (60, 120, 180)]
    strips = [Strip(grey, f"P_{i}", "slice 1, Dice 0.5", "") for i in range(2)]
    figure = draw_montage(strips, ("a", "b", "c"), 100)
    picture = np.asarray(Image.open(io.BytesIO(png(figure))).convert("RGB"))
    assert picture.shape == (34 + 2 * 104, 214 + 3 * 104, 3)
    for row in (84, 188):
        assert [int(picture[row, 264 + 104 * i, 0]) for i in range(3)] == [60, 120, 180]
    assert beside(grey).shape == (CELL, 3 * CELL + 2 * GAP, 3)
