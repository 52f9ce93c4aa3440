"""Slices in files of their own: which go together, and how their masks become files."""

from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

from gliaflow.ingest.readers import read_mask
from gliaflow.ingest.studies.files import File, list_files
from gliaflow.ingest.studies.opening import open_studies
from gliaflow.ingest.studies.pictures import group_pictures
from gliaflow.ingest.studies.study import Refusal, Study


def _image(value: int, height: int = 20, width: int = 24) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def _open(*paths: Path) -> list[Study | Refusal]:
    return list(open_studies(list_files([str(path) for path in paths], Path("unused"))))


def test_slices_of_a_patient_go_together_in_the_order_of_their_numbers() -> None:
    names = ["b/P1_10.tif", "b/P1_9.tif", "a/picture.png", "c/P2_1.tif", "b/P1_9_mask.tif"]
    groups = group_pictures([File(name, Path(name)) for name in names])
    assert [[file.name for file in group] for group in groups] == [
        ["a/picture.png"],
        ["b/P1_9.tif", "b/P1_9_mask.tif", "b/P1_10.tif"],
        ["c/P2_1.tif"],
    ]


def test_a_folder_becomes_studies_and_masks_are_passed_over(kaggle) -> None:
    first, second, *refused = sorted(_open(kaggle(2)), key=lambda one: isinstance(one, Refusal))
    assert first.name == "TCGA_CS_0001_20000101" and second.name == "TCGA_DU_0002_20000101"
    assert len(first.images) == 4 and first.images[0].shape == (32, 32, 3) and first.spacing is None
    assert (
        first.slices
        == first.files
        == tuple(f"kaggle_3m/TCGA_CS_0001_20000101/TCGA_CS_0001_20000101_{number}.tif" for number in range(1, 5))
    )
    assert {one.reason for one in refused} == {"is_a_mask"} and len(refused) == 8


def test_images_of_different_sizes_and_bad_ones_beside_them(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "P_1.png"), _image(7))
    cv2.imwrite(str(tmp_path / "P_2.png"), _image(8, 40, 32))
    (tmp_path / "P_3.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    refusal, study = _open(tmp_path)
    assert [image.shape for image in study.images] == [(20, 24, 3), (40, 32, 3)]
    assert (refusal.name.rpartition("/")[2], refusal.reason) == ("P_3.png", "truncated")
    assert refusal.message.startswith("A file must be complete. Found: 8 bytes")


@pytest.mark.parametrize(
    ("suffix", "of_mask", "media_type"),
    [
        (".tif", ".tif", "image/tiff"),
        (".png", ".png", "image/png"),
        (".bmp", ".bmp", "image/bmp"),
        (".jpg", ".png", "image/png"),
    ],
)
def test_masks_come_back_in_the_format_of_the_image(tmp_path: Path, suffix: str, of_mask: str, media_type: str) -> None:
    path = tmp_path / f"name with spaces{suffix}"
    if suffix == ".tif":
        tifffile.imwrite(path, _image(5))
    else:
        cv2.imwrite(str(path), _image(5))
    (study,) = _open(path)
    assert study.name == "name with spaces" and study.form.kind == "picture"
    mask = np.zeros((20, 24), np.uint8)
    mask[3:9, 2:4] = 1
    (file,) = study.form.encode([mask], "v1")
    assert (file.name, file.media_type) == (f"name with spaces_mask{of_mask}", media_type)
    assert (read_mask(file.content) == mask).all()
    if suffix == ".tif":
        with tifffile.TiffFile(BytesIO(file.content)) as tiff:
            assert "ImageDescription" not in tiff.pages.first.tags and tiff.asarray().max() == 255


def test_the_suffix_follows_the_content_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "liar.tif"
    path.write_bytes(cv2.imencode(".png", _image(5))[1].tobytes())
    (study,) = _open(path)
    assert study.form.encode([np.zeros((20, 24), np.uint8)], "v1")[0].name == "liar_mask.png"
