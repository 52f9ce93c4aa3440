"""Going through a volume, slice by slice and in three planes."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

LARGEST = 6  # slice of the sample volume, from 1, with the most tumour


def test_a_volume_opens_at_its_largest_area_and_is_gone_through(visit: Any, until: Any, send: Any) -> None:
    page = visit()
    send(page, "head.nii.gz")
    where = lambda: int(page.inner_text("#where").split()[1])  # noqa: E731
    assert where() == LARGEST
    assert page.inner_text("#where") == f"Slice {LARGEST} of 21"
    assert page.inner_text("#summary") == "Marked in 5 of 21 slices."
    assert "824 mm² · 206 pixels" in page.inner_text("#facts")
    assert "21 mL" in page.inner_text("#facts")
    assert page.locator("#strip rect").count() == 5
    page.locator("#slice").press("ArrowRight")
    assert where() == LARGEST + 1
    page.locator("#position").press("Home")
    assert where() == 1 and page.is_disabled("#previous")
    assert page.get_attribute("#position", "aria-valuetext") == "Slice 1 of 21: no tumour"
    page.hover("#slice")
    page.mouse.wheel(0, 100)
    until(page, "document.getElementById('where').textContent.startsWith('Slice 2 ')")
    page.click("#next")
    assert where() == 3
    page.click("#largest")
    assert where() == LARGEST
    assert page.get_attribute("#slice", "aria-label").startswith("Slice 6 of 21, FLAIR: tumour, 206 pixels marked")


def test_the_scale_is_that_of_the_file(visit: Any, send: Any) -> None:
    page = visit()
    send(page, "head.nii.gz")
    box = page.locator("#slice").bounding_box()
    length = float(page.get_attribute("#rule", "data-length").removesuffix(" mm"))
    assert page.locator("#rule span").bounding_box()["width"] == pytest.approx(length / 224 * box["width"], rel=0.02)


def test_a_volume_is_shown_in_three_planes(browser: Any, stub: Any, visit: Any, send: Any, samples: Path) -> None:
    if not (samples.parent / "niivue" / "index.js").exists():
        pytest.skip("NiiVue is not here: make niivue")
    stub.niivue = True
    page = visit()
    send(page, "tumor.tif")
    assert page.is_hidden("#planes-open")
    send(page, "head.nii.gz")
    page.click("#planes-open")
    page.wait_for_selector("#planes[data-shown]")
    content = page.locator(".planes-stage").screenshot()
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    blue, _, red = np.moveaxis(picture.astype(int), 2, 0)
    assert (red - blue > 40).sum() > 2000  # tinted orange
