"""Images alone: one a patient and slice, masks passed over, and what can't be read left out with its reason."""

import shutil

import numpy as np
import pytest
import tifffile

import schemas
from gliaflow.ingest.gather import gather_images
from gliaflow.ingest.images import prepare_images
from gliaflow.ingest.pair import NothingLeft
from gliaflow.ingest.scan import scan_folder


def gather(root):
    images, rejected = gather_images(scan_folder(root))
    schemas.validate(images, schemas.ImageTable, "image table")
    schemas.validate(rejected, schemas.RejectedTable, "rejected table")
    return images, dict(zip(rejected["path"], rejected["reason"], strict=True))


def test_every_image_is_taken_with_or_without_its_mask(kaggle):
    root = kaggle(3)
    masks = sorted(root.rglob("*_mask.tif"))
    for mask in masks[:6]:
        mask.unlink()
    images, rejected = gather(root)
    assert rejected == {}
    assert images.groupby("patient").size().tolist() == [4, 4, 4]
    assert not images["image_path"].str.contains("mask").any()
    assert set(images["site"]) == {"CS", "DU", "HT"}


def test_copies_count_once_and_what_can_not_be_used_is_named(kaggle):
    root = kaggle(1)
    first, second, third, fourth = sorted(p for p in root.rglob("*.tif") if "_mask" not in p.name)
    (root / "copy").mkdir()
    shutil.copy(first, root / "copy" / first.name)
    tifffile.imwrite(root / "copy" / second.name, np.full((32, 32, 3), 7, np.uint8))
    third.write_bytes(b"")
    shutil.copy(fourth, root / "nameless.tif")
    images, rejected = gather(root)
    assert images["slice"].tolist() == [1, 4]
    names = {path.rpartition("/")[2] if "copy" not in path else path: reason for path, reason in rejected.items()}
    assert sorted(names.values()) == [
        "conflicting_files", "conflicting_files", "duplicate_copy", "empty_file", "odd_name",
    ]  # fmt: skip
    assert rejected["nameless.tif"] == "odd_name"


def test_a_folder_without_images_is_refused(kaggle):
    root = kaggle(1)
    for path in root.rglob("*.tif"):
        if "_mask" not in path.name:
            path.unlink()
    with pytest.raises(NothingLeft, match="No image can be predicted"):
        gather(root)


def test_a_patients_images_are_read_in_order_and_brought_to_size(kaggle):
    root = kaggle(1, size=48)
    table, _ = gather(root)
    broken = root / table.loc[1, "image_path"]
    broken.write_bytes(broken.read_bytes()[:200])
    images = prepare_images(root, table.sample(frac=1, random_state=0), 32)
    assert images.images.shape == (3, 32, 32, 3) and images.images.dtype == np.uint8
    assert images.slices["slice"].tolist() == [1, 3, 4]
    assert images.slices[["height", "width"]].to_numpy().tolist() == [[48, 48]] * 3
    assert images.slices["brain_pixels"].tolist() == [32 * 32] * 3
    assert images.rejected["reason"].tolist() == ["changed_since_scan"]
    nothing = prepare_images(root, table.iloc[1:2], 32)
    assert nothing.images.shape == (0, 32, 32, 3) and len(nothing.slices) == 0
