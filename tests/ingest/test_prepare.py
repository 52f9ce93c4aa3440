"""From pairs to volumes: sizes, facts, and what becomes of pairs that can't be used."""

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
import scipy.fft
import tifffile

import schemas
from gliaflow.ingest import hashing
from gliaflow.ingest.clinical import gather_clinical
from gliaflow.ingest.labels import label_slices
from gliaflow.ingest.pair import pair_slices
from gliaflow.ingest.prepare import FACT_COLUMNS, missing_sequences, phash, prepare_volume, resize_image, resize_mask
from gliaflow.ingest.scan import scan_folder
from gliaflow.ingest.sources import open_source
from gliaflow.ingest.volumes import Volume

RNG = np.random.default_rng(0)


def write(root: Path, number: int, image: np.ndarray, mask: np.ndarray) -> None:
    root.mkdir(exist_ok=True)
    tifffile.imwrite(root / f"p_{number}.tif", image)
    tifffile.imwrite(root / f"p_{number}_mask.tif", mask)


def sound(root: Path, number: int, size: int = 32) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(number)
    image = rng.integers(1, 256, (size, size, 3), dtype=np.uint8)
    mask = (rng.random((size, size)) > 0.9) * np.uint8(255)
    write(root, number, image, mask)
    return image, mask


def slices_of(root: Path) -> pd.DataFrame:
    return pair_slices(scan_folder(root))[0]


def checked(volume: Volume) -> Volume:
    schemas.validate(volume.facts, schemas.FactTable, "facts")
    schemas.validate(volume.rejected, schemas.RejectedTable, "rejected table")
    assert len(volume.images) == len(volume.masks) == len(volume.facts)
    return volume


def refusals(volume: Volume) -> dict[str, tuple[str, str]]:
    assert (volume.rejected["stage"] == "prepare").all()
    return {path: (reason, found) for path, reason, found in volume.rejected[["path", "reason", "found"]].to_numpy()}


def test_a_volume_holds_the_slices_in_order_of_their_numbers(tmp_path: Path) -> None:
    root = tmp_path / "data"
    pairs = {number: sound(root, number) for number in (10, 2, 1)}
    slices = slices_of(root)
    volume = checked(prepare_volume(root, slices.iloc[::-1], size=32))
    assert volume.images.dtype == volume.masks.dtype == np.uint8
    assert volume.facts["slice"].tolist() == [1, 2, 10]
    assert volume.facts["index"].tolist() == [0, 1, 2]
    for index, number in enumerate((1, 2, 10)):
        np.testing.assert_array_equal(volume.images[index], pairs[number][0])
        np.testing.assert_array_equal(volume.masks[index] * 255, pairs[number][1])
    assert len(volume.rejected) == 0


def test_facts_are_of_the_prepared_slice_and_sizes_of_the_original(tmp_path: Path) -> None:
    image = np.zeros((64, 40, 3), np.uint8)
    image[:32, :, 1] = 100
    image[:, :, 2] = 10
    mask = np.zeros((64, 40), np.uint8)
    mask[:32, :20] = 255
    write(tmp_path / "data", 1, image, mask)
    volume = checked(prepare_volume(tmp_path / "data", slices_of(tmp_path / "data"), size=16))
    assert volume.facts.to_dict("records") == [
        {
            "patient": "p",
            "slice": 1,
            "index": 0,
            "height": 64,
            "width": 40,
            "tumor_pixels": 8 * 8,
            "brain_pixels": 8 * 16,
            "missing": "",
            "mean_pre": 0.0,
            "mean_flair": 50.0,
            "mean_post": 10.0,
            "phash": phash(volume.images[0, :, :, 1]),
        }
    ]


def test_shrinking_an_image_averages_areas() -> None:
    image = RNG.integers(0, 256, (64, 96, 3), dtype=np.uint8)
    means = image.reshape(32, 2, 32, 3, 3).mean(axis=(1, 3))  # (H, W, C) -> (32, 2, 32, 3, C) -> (32, 32, C)
    assert np.abs(resize_image(image, 32) - means).max() <= 0.5
    np.testing.assert_array_equal(resize_image(image[:32, :32], 32), image[:32, :32])


def test_enlarging_an_image_interpolates() -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    image[:, 4:] = 200
    enlarged = resize_image(image, 32)
    assert enlarged.shape == (32, 32, 3)
    assert enlarged[0, 12:20, 0].tolist() == [0, 0, 25, 75, 125, 175, 200, 200]  # no steps of four equal pixels


def test_a_side_may_shrink_while_the_other_grows() -> None:
    image = np.zeros((64, 8, 3), np.uint8)
    image[::2] = 100  # rows 100, 0, 100, 0 ... become 50 where they shrink
    assert np.unique(resize_image(image, 32)).tolist() == [50]


def test_masks_take_the_nearest_pixel() -> None:
    mask = (RNG.random((16, 16)) > 0.5).astype(np.uint8)
    np.testing.assert_array_equal(resize_mask(mask, 64), mask.repeat(4, axis=0).repeat(4, axis=1))
    np.testing.assert_array_equal(resize_mask(resize_mask(mask, 48), 16), mask)
    odd = (RNG.random((50, 70)) > 0.5).astype(np.uint8)
    rows, columns = ((np.arange(32) + 0.5) * side / 32 for side in odd.shape)
    np.testing.assert_array_equal(resize_mask(odd, 32), odd[np.ix_(rows.astype(int), columns.astype(int))])


def test_sequences_that_are_a_copy_of_flair_are_missing() -> None:
    image = RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    assert missing_sequences(image) == ""
    assert missing_sequences(image[:, :, [1, 1, 2]]) == "pre"
    assert missing_sequences(image[:, :, [0, 1, 1]]) == "post"
    assert missing_sequences(image[:, :, [1, 1, 1]]) == "pre,post"
    assert missing_sequences(image[:, :, [0, 1, 0]]) == ""  # pre == post says nothing of FLAIR
    assert missing_sequences(np.zeros_like(image)) == ""


def test_phash_is_what_scipy_makes_of_its_definition() -> None:
    flair = cv2.GaussianBlur(RNG.integers(0, 256, (256, 256), dtype=np.uint8), (0, 0), 8)
    small = flair.reshape(32, 8, 32, 8).mean(axis=(1, 3))  # (256, 256) -> (32, 8, 32, 8) -> (32, 32)
    waves = scipy.fft.dctn(small, norm="ortho")[:8, :8].ravel()
    bits = "".join("1" if k and wave > np.median(waves[1:]) else "0" for k, wave in enumerate(waves))
    assert phash(flair) == f"{int(bits, 2):016x}"


def test_phash_tells_near_duplicates_from_others() -> None:
    def bits(a: np.ndarray, b: np.ndarray) -> int:
        return (int(phash(a), 16) ^ int(phash(b), 16)).bit_count()

    one, other = (cv2.GaussianBlur(RNG.integers(0, 256, (256, 256), dtype=np.uint8), (0, 0), 20) for _ in range(2))
    one, other = (cv2.normalize(image, None, 0, 250, cv2.NORM_MINMAX) for image in (one, other))
    noisy = np.clip(one + RNG.normal(0, 3, one.shape), 0, 255).astype(np.uint8)
    assert bits(one, noisy) <= 6
    assert bits(one, other) >= 16
    assert phash(np.zeros((256, 256), np.uint8)) == phash(np.full((256, 256), 77, np.uint8)) == "0" * 16


def bad_pair(root: Path, kind: str) -> None:
    """Slice 1 with one fault; the others are sound."""
    image, mask = sound(root, 1)
    contents: dict[str, Any] = {
        "mask_size_differs": ("p_1_mask.tif", np.zeros((16, 32), np.uint8)),
        "non_binary_mask": ("p_1_mask.tif", np.arange(32 * 32, dtype=np.uint16).reshape(32, 32)),
        "wrong_channels": ("p_1.tif", np.zeros((32, 32, 5), np.uint8)),
        "several_pages": ("p_1.tif", np.zeros((3, 32, 32), np.uint8)),
        "not_finite": ("p_1.tif", np.full((32, 32), np.inf, np.float32)),
    }
    if kind in contents:
        name, array = contents[kind]
        options = {"photometric": "minisblack"} | ({"planarconfig": "contig"} if kind == "wrong_channels" else {})
        tifffile.imwrite(root / name, array, **options)
    elif kind == "truncated":
        (root / "p_1.tif").write_bytes((root / "p_1.tif").read_bytes()[:1000])
    elif kind == "unknown_format":
        (root / "p_1.tif").write_bytes(b"no image")


@pytest.mark.parametrize(
    ("kind", "fault", "found"),
    [
        ("mask_size_differs", "p_1_mask.tif", "a mask of 16 x 32 for an image of 32 x 32"),
        ("non_binary_mask", "p_1_mask.tif", "1023 values beside 0: 1, 2, 3, 4, 5, ..."),
        ("wrong_channels", "p_1.tif", "5 channels"),
        ("several_pages", "p_1.tif", "a TIFF of more than one page"),
        ("not_finite", "p_1.tif", "1024 values that are NaN or infinite"),
        ("truncated", "p_1.tif", "1000 bytes of a TIFF of at least 3344"),
        ("unknown_format", "p_1.tif", "text"),
    ],
)
def test_a_pair_that_cant_be_used_is_left_out(tmp_path: Path, kind: str, fault: str, found: str) -> None:
    root = tmp_path / "data"
    bad_pair(root, kind)
    sound(root, 2)
    sound(root, 3)
    volume = checked(prepare_volume(root, slices_of(root), size=32))
    assert volume.facts["slice"].tolist() == [2, 3]
    assert volume.facts["index"].tolist() == [0, 1]
    partner = ({"p_1.tif", "p_1_mask.tif"} - {fault}).pop()
    assert refusals(volume)[fault] == (kind, found)
    role = "mask" if fault.endswith("_mask.tif") else "image"
    assert refusals(volume)[partner] == ("partner_unusable", f"its {role} {fault} can't be used: {kind}")
    assert volume.rejected["counted"].tolist() == [True, True]


def test_both_files_of_a_pair_may_be_at_fault(tmp_path: Path) -> None:
    root = tmp_path / "data"
    bad_pair(root, "truncated")
    (root / "p_1_mask.tif").write_bytes(b"no image")
    volume = checked(prepare_volume(root, slices_of(root), size=32))
    assert {path: reason for path, (reason, _) in refusals(volume).items()} == {
        "p_1.tif": "truncated",
        "p_1_mask.tif": "unknown_format",
    }


def test_a_file_that_changed_since_the_scan_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "data"
    for number in range(1, 5):
        sound(root, number)
    slices = slices_of(root)
    tifffile.imwrite(root / "p_1.tif", np.zeros((32, 32, 3), np.uint8))
    (root / "p_2_mask.tif").unlink()
    system_open = os.open

    def guarded(path: Any, *arguments: Any) -> int:
        if str(path).endswith("p_3.tif"):
            raise PermissionError(13, "Permission denied")
        return system_open(path, *arguments)

    monkeypatch.setattr(os, "open", guarded)
    volume = checked(prepare_volume(root, slices, size=32))
    assert volume.facts["slice"].tolist() == [4]
    found = refusals(volume)
    assert found["p_1.tif"][0] == "changed_since_scan" and "another SHA-256" in found["p_1.tif"][1]
    assert found["p_2_mask.tif"] == ("changed_since_scan", "the file is gone")
    assert found["p_3.tif"][0] == "no_permission"


def test_a_file_that_became_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    root = tmp_path / "data"
    sound(root, 1)
    slices = slices_of(root)
    (root / "p_1.tif").unlink()
    os.mkfifo(root / "p_1.tif")
    found = refusals(checked(prepare_volume(root, slices, size=32)))
    assert found["p_1.tif"] == ("changed_since_scan", "a pipe, socket or device in place of the file")


def test_a_file_that_keeps_growing_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "data"
    sound(root, 1)
    slices = slices_of(root)
    with (root / "p_1.tif").open("ab") as file:
        file.write(bytes(10_000))
    monkeypatch.setattr(hashing, "MOST_BYTES", 5000)
    found = refusals(checked(prepare_volume(root, slices, size=32)))
    assert found["p_1.tif"] == ("changed_since_scan", "5001 bytes with another SHA-256")


def test_nothing_usable_is_an_empty_volume(tmp_path: Path) -> None:
    bad_pair(tmp_path / "data", "truncated")
    volume = checked(prepare_volume(tmp_path / "data", slices_of(tmp_path / "data"), size=32))
    assert volume.images.shape == (0, 32, 32, 3) and volume.masks.shape == (0, 32, 32)
    assert volume.facts.dtypes.astype(str).to_dict() == FACT_COLUMNS


def test_real_patients_are_prepared_and_labelled_whole(real_data: str, tmp_path: Path) -> None:
    root = open_source(real_data, tmp_path / "unpacked")
    files = scan_folder(root)
    slices, rejected = pair_slices(files)
    assert (len(slices), len(rejected), slices["patient"].nunique()) == (2053, 0, 60)
    few = slices["patient"].unique()[:3]
    volumes = [checked(prepare_volume(root, slices[slices["patient"] == patient])) for patient in few]
    assert all(len(volume.rejected) == 0 for volume in volumes)
    first = slices.iloc[0]
    np.testing.assert_array_equal(volumes[0].images[0], tifffile.imread(root / first["image_path"]))
    facts = pd.concat([volume.facts for volume in volumes], ignore_index=True)
    clinical = schemas.validate(gather_clinical(root, files)[0], schemas.ClinicalTable, "clinical table")
    labels = schemas.validate(label_slices(slices, facts, clinical), schemas.LabelTable, "label table")
    assert labels["patient"].nunique() == 3
    assert labels["has_tumor"].groupby(labels["patient"]).any().all()
    assert labels["age_at_initial_pathologic"].notna().all()
    assert slices["case"].isin(clinical["Patient"]).all()
