"""Masks come back to the size of their image, agree with how they were prepared, and are written the same each time."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage.transform import resize

from gliaflow.inference.geometry import restore_in_field, restore_mask, write_mask, write_png
from gliaflow.ingest.prepare import resize_mask
from gliaflow.ingest.studies.study import Spacing


def make_mask(height: int, width: int, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random((height, width)) < 0.4).astype(np.uint8)


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_whole_factors_lose_nothing_either_way(factor: int) -> None:
    prepared = make_mask(32, 32)
    original = np.kron(prepared, np.ones((factor, factor), np.uint8))
    assert (restore_mask(prepared, 32 * factor, 32 * factor) == original).all()
    assert (resize_mask(original, 32) == prepared).all()
    small = make_mask(32 // factor, 32 // factor)
    if 32 % factor == 0:
        assert (restore_mask(resize_mask(small, 32), *small.shape) == small).all()


@pytest.mark.parametrize(("height", "width"), [(48, 40), (20, 77), (31, 33), (512, 300)])
def test_every_pixel_takes_the_nearest_value(height: int, width: int) -> None:
    mask = make_mask(32, 32)
    restored = restore_mask(mask, height, width)
    assert restored.shape == (height, width) and restored.dtype == np.uint8
    centre_y, centre_x = ((np.arange(n) + 0.5) * 32 / n for n in (height, width))  # of each pixel, in the mask's pixels
    clear = np.ix_(*(np.abs(centre - np.round(centre)) > 1e-6 for centre in (centre_y, centre_x)))  # no tie of two
    assert restored[clear].size > 0.5 * height * width
    nearest = mask[np.ix_(centre_y.astype(int), centre_x.astype(int))]
    assert (restored[clear] == nearest[clear]).all()
    theirs = resize(mask, (height, width), order=0, preserve_range=True, anti_aliasing=False)
    assert (restored[clear] == theirs[clear]).all()


def test_a_lesion_does_not_drift() -> None:
    mask = np.zeros((256, 256), np.uint8)
    mask[100:140, 60:120] = 1
    restored = restore_mask(mask, 300, 200)
    rows, columns = (np.flatnonzero(restored.any(axis=axis)) for axis in (1, 0))
    assert (rows.mean() + 0.5) / 300 == pytest.approx(120 / 256, abs=0.002)
    assert (columns.mean() + 0.5) / 200 == pytest.approx(90 / 256, abs=0.003)


def test_equal_size_is_a_copy() -> None:
    mask = make_mask(8, 8)
    restored = restore_mask(mask, 8, 8)
    assert (restored == mask).all() and restored is not mask


def test_takes_numpy_numbers_and_views() -> None:
    mask = make_mask(8, 8)
    assert (
        restore_mask(mask[:, ::-1], np.int64(16), np.int64(8)).tolist() == np.repeat(mask[:, ::-1], 2, axis=0).tolist()
    )


@pytest.mark.parametrize(
    "wrong", [np.zeros((8, 8), bool), np.zeros((8, 8, 1), np.uint8), np.full((8, 8), 255, np.uint8), np.zeros((8, 8))]
)
def test_other_arrays_are_refused(wrong: np.ndarray, tmp_path: Path) -> None:
    message = r"A mask is uint8, of two dimensions and holds 0 and 1 only; received .* Compare probabilities"
    with pytest.raises(ValueError, match=message):
        restore_mask(wrong, 4, 4)
    with pytest.raises(ValueError, match=message):
        write_mask(tmp_path / "mask.png", wrong)
    assert not list(tmp_path.iterdir())


def test_an_image_without_pixels_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one pixel each way; received height 0 and width 4"):
        restore_mask(make_mask(8, 8), 0, 4)


def test_a_mask_is_read_back_as_0_and_255(tmp_path: Path) -> None:
    mask = make_mask(20, 30)
    path = tmp_path / "Möller" / "mask.png"
    path.parent.mkdir()
    write_mask(path, mask)
    read = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    assert read.dtype == np.uint8 and (read == mask * 255).all()


def test_equal_masks_give_equal_bytes_and_nothing_of_the_day(tmp_path: Path) -> None:
    mask = make_mask(20, 30)
    for name in ("a.png", "b.png"):
        write_mask(tmp_path / name, mask.copy())
    content = (tmp_path / "a.png").read_bytes()
    assert content == (tmp_path / "b.png").read_bytes()
    assert b"tIME" not in content and b"tEXt" not in content


def test_colours_are_written_red_first(tmp_path: Path) -> None:
    picture = np.zeros((2, 2, 3), np.uint8)
    picture[0, 0] = (255, 128, 0)
    write_png(tmp_path / "a.png", picture)
    assert cv2.imread(str(tmp_path / "a.png"))[0, 0].tolist() == [0, 128, 255]  # OpenCV reads blue first


def test_only_png_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ends in \.png; received 'mask.tif'"):
        write_mask(tmp_path / "mask.tif", make_mask(4, 4))


def test_a_mask_of_a_padded_field_comes_back_without_the_margins() -> None:
    field = np.zeros((16, 16), np.uint8)
    field[4:8, 6:10] = 1
    restored = restore_in_field(field, 32, 16, Spacing(5.0, 1.0, 1.0))  # padded to 32 x 32, by 8 on both sides

    expected = np.zeros((32, 16), np.uint8)
    expected[8:16, 4:12] = 1
    assert np.array_equal(restored, expected)
    assert np.array_equal(restore_in_field(field, 32, 16, None), restore_mask(field, 32, 16))
