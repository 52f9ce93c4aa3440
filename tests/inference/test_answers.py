"""Answers in the geometry of the images, and the tables and files that are made of them."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from gliaflow.inference.answers import answer_study
from gliaflow.inference.outputs import Outputs
from gliaflow.inference.tables import slice_rows, study_row, to_csv
from gliaflow.ingest.readers import read_mask
from gliaflow.ingest.studies.pictures import Pictures
from gliaflow.ingest.studies.study import Spacing, Study


def _study(*sides: int, spacing: Spacing | None = None, bright: int = 4, name: str = "P") -> Study:
    """A slice of each side length, all with a bright square of a quarter of it, but the last."""
    images = [np.full((side, side, 3), 50, np.uint8) for side in sides]
    for image, side in zip(images[:-1], sides, strict=False):
        image[: side // bright, : side // bright, 1] = 250
    names = tuple(f"in/{name}_{number}.png" for number in range(len(sides)))
    return Study(name, images, names, names, Pictures(names, (".png",) * len(names)), spacing, ("Said.",))


def test_masks_have_the_size_of_each_image(bright) -> None:
    answer = answer_study(bright, _study(64, 128, 32))
    assert [mask.shape for mask in answer.masks] == [(64, 64), (128, 128), (32, 32)]
    assert answer.tumor_pixels.tolist() == [256, 1024, 0]
    assert answer.calls.tolist() == ["tumor", "tumor", "empty"] and answer.call == "tumor"
    assert answer.area_mm2 is None and answer.slice_ml is None and answer.volume_ml is None


def test_areas_and_volumes_are_those_of_the_spacing(bright) -> None:
    answer = answer_study(bright, _study(32, 32, 32, spacing=Spacing(5.0, 0.5, 2.0)))
    assert answer.area_mm2.tolist() == [64.0, 64.0, 0.0]
    assert answer.slice_ml == pytest.approx([0.32, 0.32, 0.0]) and answer.volume_ml == pytest.approx(0.64)
    assert [row["area_mm2"] for row in slice_rows(answer, "v3", "eyes")] == [64.0, 64.0, 0.0]
    assert study_row(answer, "v3", "eyes")["volume_ml"] == 0.64


def test_the_call_of_a_study_is_its_boldest_slice(bright) -> None:
    unsure = answer_study(bright, _study(32, 32, bright=8))
    assert unsure.calls.tolist() == ["unsure", "empty"] and unsure.call == "unsure"
    nothing = answer_study(bright, _study(32))
    assert nothing.call == "empty" and study_row(nothing, "v3", "eyes")["has_tumor"] == "no"


def test_outputs_leave_masks_overlays_and_two_tables(bright, tmp_path: Path) -> None:
    outputs = Outputs(tmp_path / "out", "v3", "eyes")
    outputs.add(answer_study(bright, _study(64, 128, 32)))
    outputs.close()
    slices = pd.read_csv(tmp_path / "out" / "slices.csv")
    assert slices["image"].tolist() == ["in/P_0.png", "in/P_1.png", "in/P_2.png"]
    assert slices["has_tumor"].tolist() == ["yes", "yes", "no"] and slices["tumor_pixels"].tolist() == [256, 1024, 0]
    assert slices["area_mm2"].isna().all() and set(slices["model"]) == {"v3"} and set(slices["engine"]) == {"eyes"}
    assert set(slices["warnings"]) == {"Said."}
    for row in slices.itertuples():
        assert read_mask(tmp_path / "out" / row.mask).sum() == row.tumor_pixels
    assert slices["overlay"].isna().tolist() == [False, False, True]
    assert cv2.imread(str(tmp_path / "out" / slices["overlay"][0])).shape == (512, 512, 3)
    studies = pd.read_csv(tmp_path / "out" / "studies.csv")
    assert studies[["slices", "tumor_slices", "tumor_pixels"]].to_numpy().tolist() == [[3, 2, 1280]]
    assert not [path for path in (tmp_path / "out").rglob(".*")]


def test_equal_names_do_not_take_each_others_place(bright, tmp_path: Path) -> None:
    outputs = Outputs(tmp_path, "v3", "eyes")
    for side in (32, 64):
        outputs.add(answer_study(bright, _study(side, side)))
    outputs.close()
    masks = pd.read_csv(tmp_path / "slices.csv")["mask"].tolist()
    assert len(set(masks)) == 4 and masks[0] == "masks/in/P_0_mask.png" and masks[2] == "masks/in/P_0_mask_2.png"
    assert read_mask(tmp_path / masks[2]).shape == (64, 64)


def test_a_spreadsheet_takes_no_name_for_a_formula() -> None:
    assert to_csv([{"image": "=cmd()", "area": None, "n": -1}, {"image": "a,b", "area": 0.5, "n": 2}]) == (
        'image,area,n\n\'=cmd(),,-1\n"a,b",0.5,2\n'
    )
    assert to_csv([]) == ""
