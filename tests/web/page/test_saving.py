"""What the page saves."""

import io
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from gliaflow.ingest.readers import read_image, read_mask

ANSWERS = Path(__file__).with_name("answers")


def orange(picture: np.ndarray) -> np.ndarray:
    """Where a picture has the colour of a mask or is tinted by it: red by far more than blue."""
    return picture[:, :, 0].astype(int) - picture[:, :, 2] > 40


def enlarged_mask(name: str, size: int) -> np.ndarray:
    mask = cv2.imread(str(ANSWERS / f"{name}.png"), cv2.IMREAD_GRAYSCALE)
    assert mask is not None
    return cv2.resize(mask, (size, size), interpolation=cv2.INTER_NEAREST) > 0


def test_masks_overlay_and_table_are_saved(visit: Any, send: Any, samples: Path, tmp_path: Path) -> None:
    def saved(button: str) -> Path:
        with page.expect_download() as waiting:
            page.click(button)
        path = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(path)
        return path

    page = visit()
    send(page, "tumor.tif")
    mask = saved("#save-mask")
    assert mask.name == "tumor_mask.tif"
    assert np.array_equal(read_mask(mask) * 255, cv2.imread(str(ANSWERS / "tumor.png"), cv2.IMREAD_GRAYSCALE))
    overlay = saved("#save-overlay")
    assert overlay.name == "tumor_overlay.png"
    picture = read_image(overlay)
    assert picture.shape == (1024, 1024, 3)
    assert (orange(picture) & enlarged_mask("tumor", 1024)).sum() > 0.97 * enlarged_mask("tumor", 1024).sum()
    table = saved("#save-table")
    assert (table.name, table.read_text()) == ("answers.csv", "study,slice,call\ntumor,tumor.tif,tumor\n")


def test_a_mask_of_a_volume_is_a_volume_of_its_geometry(visit: Any, send: Any, samples: Path, tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    page = visit()
    send(page, "head.nii.gz")
    with page.expect_download() as waiting:
        page.click("#save-mask")
    assert waiting.value.suggested_filename == "head_mask.nii.gz"
    waiting.value.save_as(tmp_path / "mask.nii.gz")
    given, mask = nibabel.load(samples / "head.nii.gz"), nibabel.load(tmp_path / "mask.nii.gz")
    assert np.array_equal(given.affine, mask.affine) and given.shape == mask.shape
    assert np.asarray(mask.dataobj).sum() == 819


def test_several_masks_are_saved_in_an_archive_or_each(visit: Any, stub: Any, send: Any, tmp_path: Path) -> None:
    """The archive is made in the page; Python's zipfile, which checks its sums, opens it."""
    stub.together = True
    page = visit()
    send(page, "no-tumor.png", "tumor.tif", "edge-of-a-tumor.png")
    assert page.inner_text("#where") == "Slice 2 of 3"
    assert page.locator("#strip rect").evaluate_all("(bars) => bars.map((bar) => bar.getAttribute('class'))") == [
        "tumor",
        "unsure",
    ]
    assert page.is_visible("#legend")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="3 masks (zip)").click()
    assert waiting.value.suggested_filename == "patient_masks.zip"
    with zipfile.ZipFile(waiting.value.path()) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["no-tumor_mask.png", "tumor_mask.tif", "edge-of-a-tumor_mask.png"]
        assert read_mask(archive.read("tumor_mask.tif")).sum() == 1810
    page.get_by_text("Each mask by itself").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="tumor_mask.tif").click()
    waiting.value.save_as(tmp_path / "mask.tif")
    assert read_mask(tmp_path / "mask.tif").sum() == 1810


def test_archives_hold_any_name_and_no_bytes(visit: Any) -> None:
    content = visit().evaluate("""async () => {
        const { zip } = await import("./static/zip.js");
        const bytes = new Uint8Array([0, 1, 255]);
        const files = [{ name: "a/å_mask.tif", bytes }, { name: "b", bytes: new Uint8Array() }];
        return [...new Uint8Array(await zip(files).arrayBuffer())];
    }""")
    with zipfile.ZipFile(io.BytesIO(bytes(content))) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == {"a/å_mask.tif": b"\x00\x01\xff", "b": b""}
