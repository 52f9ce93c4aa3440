"""Pairing mask files of two folders: which names meet, and what is said where one stays alone."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from gliaflow.evaluation.folders import Key, UnusableMasks, match_maps, match_masks


def fill(folder: Path, *paths: str) -> Path:
    """A folder with these pictures, all black."""
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(folder / path), np.zeros((8, 8), np.uint8))
    return folder


def test_masks_meet_by_patient_and_slice_whatever_their_folders_and_formats(tmp_path):
    truth = fill(tmp_path / "truth", "TCGA_CS_0001_20000101/TCGA_CS_0001_20000101_1.tif",
                 "TCGA_CS_0001_20000101/TCGA_CS_0001_20000101_1_mask.tif", "b/2_mask.png", "b/10_mask.png")  # fmt: skip
    found = fill(tmp_path / "found", "masks/tcga_cs_0001_20000101_1.png", "masks/b_2.bmp", "masks/b_10.png",
                 "overlays/b_10.png")  # fmt: skip
    matched = match_masks(found, truth)
    assert list(matched.truth) == [Key("TCGA_CS_0001_20000101", 1), Key("b", 2), Key("b", 10)]
    assert [path.relative_to(found).as_posix() for path in matched.predictions.values()] == [
        "masks/tcga_cs_0001_20000101_1.png", "masks/b_2.bmp", "masks/b_10.png",
    ]  # fmt: skip
    assert matched.truth[Key("b", 2)] == truth / "b" / "2_mask.png"
    assert (matched.only_predicted, matched.only_true) == ([], [])


def test_folders_of_masks_alone_need_no_mask_in_their_names(tmp_path):
    matched = match_masks(fill(tmp_path / "a", "p_1.png", "._p_1.png"), fill(tmp_path / "b", "deep/p_1.tif"))
    assert list(matched.truth) == [Key("p", 1)]


def test_a_mask_alone_is_an_error_that_names_it(tmp_path):
    found, truth = fill(tmp_path / "a", "p_1.png", "q_7.png"), fill(tmp_path / "b", "p_1.png", "p_2.png", "p_3.png")
    with pytest.raises(UnusableMasks) as failure:
        match_masks(found, truth)
    assert str(failure.value) == (
        "Every mask needs its partner, by patient and slice number: 2 true masks have none (p_2.png, p_3.png); 1 "
        "predicted masks have none (q_7.png). Add them (all black where there is no tumour), or leave these slices out "
        "with --allow-missing."
    )
    matched = match_masks(found, truth, allow_missing=True)
    assert list(matched.predictions) == [Key("p", 1)]
    assert (matched.only_predicted, matched.only_true) == (["q_7.png"], ["p_2.png", "p_3.png"])


def test_no_partners_at_all_is_an_error_even_then(tmp_path):
    with pytest.raises(UnusableMasks, match=r"No mask in .* has a partner .* found p_1\.png and q_1\.png"):
        match_masks(fill(tmp_path / "a", "p_1.png"), fill(tmp_path / "b", "q_1.png"), allow_missing=True)


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["p_1.png", "again/p_1.tif"], r"A slice has one file; p slice 1 has two in .*: again/p_1\.tif and p_1\.png"),
        (["p_1.png", "lesion.png"], r"must tell patient and slice number.* 1 in .* don't \(lesion\.png\)"),
        ([], "needs pictures"),
    ],
)
def test_folders_that_cant_be_paired(tmp_path, paths, message):
    (tmp_path / "found").mkdir()
    with pytest.raises(UnusableMasks, match=message):
        match_masks(fill(tmp_path / "found", *paths), fill(tmp_path / "truth", "p_1.png"))


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(UnusableMasks, match="Masks are read from a folder; .*nowhere is none"):
        match_masks(tmp_path / "nowhere", tmp_path)


def test_maps_are_found_beside_other_pictures(tmp_path):
    maps = fill(tmp_path / "maps", "p_1_prob.png", "p_2.png", "p_3.png", "legend.png")
    keys = [Key("p", 1), Key("p", 2)]
    assert match_maps(maps, keys) == {keys[0]: maps / "p_1_prob.png", keys[1]: maps / "p_2.png"}
    with pytest.raises(UnusableMasks, match=r"needs its probability map; 1 have none in .* \(p slice 4\)"):
        match_maps(maps, [*keys, Key("p", 4)])
