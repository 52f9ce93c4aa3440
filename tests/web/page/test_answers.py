"""What the page shows of an answer, and what it draws."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from gliaflow.ingest.readers import read_image

ANSWERS = Path(__file__).with_name("answers")
ORANGE = (255, 128, 0)


def orange(picture: np.ndarray) -> np.ndarray:
    """Where a picture has the colour of a mask or is tinted by it: red by far more than blue."""
    return picture[:, :, 0].astype(int) - picture[:, :, 2] > 40


def enlarged_mask(name: str, size: int) -> np.ndarray:
    mask = cv2.imread(str(ANSWERS / f"{name}.png"), cv2.IMREAD_GRAYSCALE)
    assert mask is not None
    return cv2.resize(mask, (size, size), interpolation=cv2.INTER_NEAREST) > 0


@pytest.mark.parametrize("suffix", [".tif", ".png", ".jpg", ".bmp"])
def test_a_tumour_is_drawn_on_slices_of_every_format(
    suffix: str, visit: Any, send: Any, samples: Path, pixels: Callable[[Any], np.ndarray], tmp_path: Path
) -> None:
    path = samples / "tumor.tif"
    if suffix != ".tif":
        path = tmp_path / f"scan{suffix}"
        assert cv2.imwrite(str(path), read_image(samples / "tumor.tif")[:, :, ::-1])
    page = visit()
    send(page, path)
    assert page.inner_text("#verdict") == "TUMOR"
    assert page.inner_text("#probability") == "98.9 %"
    assert "1,810 pixels" in page.inner_text("#facts")
    assert "The file does not say how large a pixel is." in page.inner_text("#facts")
    assert "in the central right" in page.get_attribute("#slice", "aria-label")
    picture = pixels(page)
    drawn, mask = orange(picture), enlarged_mask("tumor", picture.shape[0])
    assert 2 * (drawn & mask).sum() / (drawn.sum() + mask.sum()) > 0.97
    assert (picture == ORANGE).all(axis=2).sum() > 150  # the contour, and it alone, is the colour itself


def test_no_tumor_is_said_and_nothing_is_drawn(visit: Any, send: Any, pixels: Callable[[Any], np.ndarray]) -> None:
    page = visit()
    send(page, "no-tumor.png")
    assert page.inner_text("#verdict") == "NO TUMOR"
    assert page.inner_text("#summary") == "The model finds no tumour in this slice."
    assert not orange(pixels(page)).any()
    assert page.is_disabled("#opacity") and page.is_disabled("#mask-on")
    assert "no-tumor: NO TUMOR." in page.inner_text("#said")
    assert page.evaluate("document.activeElement.id") == "verdict"


def test_abstention_warnings_and_remarks_are_plain_to_see(visit: Any, stub: Any, send: Any) -> None:
    stub.warnings = ["Unlike the 60 training patients: darker than in any of them."]
    stub.remarks = ["One channel: taken for FLAIR."]
    page = visit()
    send(page, "edge-of-a-tumor.png")
    assert page.inner_text("#verdict") == "UNSURE"
    assert page.inner_text("#summary").startswith("The model abstains. This slice may or may not hold tumour.")
    assert page.inner_text("#warnings") == stub.warnings[0]
    assert page.inner_text("#remarks") == stub.remarks[0]


def test_opacity_and_the_switch_change_the_mask(visit: Any, send: Any, pixels: Callable[[Any], np.ndarray]) -> None:
    page = visit()
    send(page, "tumor.tif")
    faint = pixels(page)
    inside = cv2.erode(enlarged_mask("tumor", faint.shape[0]).astype(np.uint8), np.ones((15, 15))) > 0
    page.fill("#opacity", "90")
    strong = pixels(page)
    assert np.abs(strong[inside].mean(axis=0) - ORANGE).max() < 20 < np.abs(faint[inside].mean(axis=0) - ORANGE).max()
    page.click("label.switch")
    plain = pixels(page)
    assert np.ptp(plain[inside].astype(int), axis=1).max() <= 1  # grey
    page.locator("#slice").press("m")
    assert np.array_equal(pixels(page), strong)


def test_zooming_keeps_what_is_looked_at(visit: Any, send: Any, pixels: Callable[[Any], np.ndarray]) -> None:
    page = visit()
    send(page, "tumor.tif")
    whole = pixels(page)
    rows, columns = np.nonzero(orange(whole))
    box = page.locator("#slice").bounding_box()
    scale = box["width"] / whole.shape[1]
    page.mouse.move(box["x"] + columns.mean() * scale, box["y"] + rows.mean() * scale)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -208)  # twice
    page.keyboard.up("Control")
    page.wait_for_selector("#zoom-fit:not([hidden])")
    near = pixels(page)
    assert orange(near).sum() == pytest.approx(4 * orange(whole).sum(), rel=0.05)
    assert np.nonzero(orange(near))[1].mean() == pytest.approx(columns.mean(), abs=6)
    page.mouse.down()
    page.mouse.move(box["x"] + 5, box["y"] + rows.mean() * scale, steps=4)
    page.mouse.up()
    assert np.nonzero(orange(pixels(page)))[1].mean() < columns.mean() - 40
    page.click("#zoom-fit")
    assert np.array_equal(pixels(page), whole)


def test_several_studies_are_listed_with_their_answers(visit: Any, send: Any) -> None:
    page = visit()
    send(page, "no-tumor.png", "tumor.tif", "edge-of-a-tumor.png", "head.nii.gz")
    assert page.inner_text("#tally") == "4 studies: 2 tumour, 1 unsure, 1 no tumour"
    assert page.locator("#study-list .call").all_inner_texts() == ["NO TUMOR", "TUMOR", "UNSURE", "TUMOR"]
    assert page.inner_text("#verdict") == "NO TUMOR"
    page.get_by_role("button", name="head").click()
    assert page.inner_text("#verdict") == "TUMOR"
    assert page.is_visible("#scroller")
    page.locator("#slice").press("p")
    assert page.inner_text("#verdict") == "UNSURE"
    assert page.is_hidden("#scroller")
    assert page.locator("#study-list [aria-current=true]").inner_text().startswith("edge-of-a-tumor")


def test_names_are_text_and_never_markup(visit: Any, send: Any, samples: Path) -> None:
    page = visit()
    name = "<img src=x onerror=document.title='taken'>.png"
    given = {"name": name, "mimeType": "image/png", "buffer": (samples / "no-tumor.png").read_bytes()}
    send(page, given, {"name": f"a{name}", "mimeType": "image/png", "buffer": b"no picture"})
    assert name.removesuffix(".png") in page.inner_text("#study-name")
    assert f"a{name}" in page.locator("#refused-list").text_content()
    assert page.title() == "Brain Tumor Segmentation"
