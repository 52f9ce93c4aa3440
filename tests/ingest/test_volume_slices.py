import hashlib
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd
import pytest

from gliaflow.ingest.doctor.examine import examine
from gliaflow.ingest.gather import gather_images
from gliaflow.ingest.images import prepare_images
from gliaflow.ingest.names import parse_name, slice_path, volume_of
from gliaflow.ingest.pair import pair_slices
from gliaflow.ingest.prepare import prepare_volume
from gliaflow.ingest.scan import scan_folder
from gliaflow.ingest.studies import nifti_files
from gliaflow.ingest.studies.files import list_files
from gliaflow.ingest.studies.opening import open_studies
from schemas.ingest import FileTable, SliceTable

AFFINE = np.diag([-7.0, -7, 5, 1])
ENDS = ("t1", "flair", "t1ce", "t2", "seg")


def voxels(end: str, seed: int = 0, shape: tuple[int, ...] = (32, 36, 8)) -> np.ndarray:
    """A head with a bright tumour in FLAIR; of "seg" the labels of BraTS."""
    rng = np.random.default_rng([seed, len(end)])
    i, j, _ = np.indices(shape)
    inside = (i - 16) ** 2 + (j - 18) ** 2 < 14**2
    labels = np.zeros(shape, np.uint8)
    labels[8:14, 12:20, 2:6] = 2
    labels[9:11, 14:18, 3:5] = 4
    labels[11:12, 14:18, 3:5] = 1
    if end == "seg":
        return labels
    made = inside * rng.integers(200, 400, shape)
    made[labels > 0] = 900 if end == "flair" else 450
    return made.astype(np.int16)


def write(path: Path, array: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(array, affine), path)
    return path


@pytest.fixture
def brats(tmp_path: Path) -> Path:
    """Two patients as BraTS has them."""
    for seed in (1, 2):
        case = f"BraTS20_Training_00{seed}"
        for end in ENDS:
            write(tmp_path / "brats" / case / f"{case}_{end}.nii.gz", voxels(end, seed))
    return tmp_path / "brats"


def test_a_folder_of_brats_is_slices_with_masks(brats: Path) -> None:
    files = scan_folder(brats)
    FileTable.validate(files)
    slices, rejected = pair_slices(files)
    SliceTable.validate(slices)

    assert len(rejected) == 0 and slices.groupby("patient").size().to_dict() == {
        "BraTS20_Training_001": 8, "BraTS20_Training_002": 8,
    }  # fmt: skip
    assert slices.iloc[0]["image_path"] == (
        "BraTS20_Training_001/BraTS20_Training_001_flair.nii.gz/BraTS20_Training_001_1.slice"
    )
    assert slices.iloc[0]["mask_path"] == (
        "BraTS20_Training_001/BraTS20_Training_001_seg.nii.gz/BraTS20_Training_001_1_mask.slice"
    )
    left = files[~files["path"].str.endswith(".slice")]
    assert left["path"].tolist() == [f"BraTS20_Training_00{n}/BraTS20_Training_00{n}_t2.nii.gz" for n in (1, 2)]
    assert (left["role"] == "other").all()


def test_what_is_learnt_from_is_what_is_predicted(brats: Path, tmp_path: Path) -> None:
    slices, _ = pair_slices(scan_folder(brats))
    mine = slices[slices["patient"] == "BraTS20_Training_001"]
    volume = prepare_volume(brats, mine, 36)

    (study,) = [
        s for s in open_studies(list_files([str(brats / "BraTS20_Training_001")], tmp_path)) if hasattr(s, "images")
    ]
    images = np.stack(study.images)
    assert images.shape == (8, 36, 32, 3)  # of 32 columns, padded to a square of 36
    assert np.array_equal(volume.images[:, :, 2:34], images) and not volume.images[:, :, :2].any()
    labels = voxels("seg").transpose(2, 1, 0) > 0
    assert np.array_equal(volume.masks[:, :, 2:34], labels)
    assert volume.facts["tumor_pixels"].tolist() == labels.sum(axis=(1, 2)).tolist()
    assert volume.facts[["height", "width"]].drop_duplicates().to_numpy().tolist() == [[36, 36]]
    assert volume.facts["missing"].tolist() == [""] * 8


def test_each_file_of_a_patient_is_decoded_once(brats: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decode, decoded = nifti_files._decode, []

    def counted(*arguments: Any) -> Any:
        decoded.append(arguments)
        return decode(*arguments)

    monkeypatch.setattr(nifti_files, "_decode", counted)
    slices, _ = pair_slices(scan_folder(brats))
    volume = prepare_volume(brats, slices[slices["patient"] == "BraTS20_Training_002"], 32)
    assert len(volume.images) == 8 and len(decoded) == 4  # FLAIR, T1, T1 after contrast, labels


def test_a_new_scan_of_the_same_volumes_gives_the_same_digests_and_a_changed_one_others(brats: Path) -> None:
    before = scan_folder(brats).set_index("path")["sha256"]
    pd.testing.assert_series_equal(before, scan_folder(brats).set_index("path")["sha256"])

    case = brats / "BraTS20_Training_001"
    write(case / "BraTS20_Training_001_t1.nii.gz", voxels("t1", 9))
    after = scan_folder(brats).set_index("path")["sha256"]
    changed = before.index[(before != after) & before.notna()]
    assert len(changed) == 8 and changed.str.contains("001_flair.nii.gz/").all()


def test_a_volume_that_changed_after_the_scan_is_not_used(brats: Path) -> None:
    slices, _ = pair_slices(scan_folder(brats))
    mine = slices[slices["patient"] == "BraTS20_Training_001"]
    write(brats / "BraTS20_Training_001" / "BraTS20_Training_001_t1.nii.gz", voxels("t1", 9))
    volume = prepare_volume(brats, mine, 32)

    assert len(volume.images) == 0
    assert volume.rejected["reason"].value_counts().to_dict() == {"changed_since_scan": 8, "partner_unusable": 8}


def test_a_copy_of_a_patient_counts_once(brats: Path) -> None:
    for end in ENDS:
        source = brats / "BraTS20_Training_001" / f"BraTS20_Training_001_{end}.nii.gz"
        (brats / "again").mkdir(exist_ok=True)
        (brats / "again" / f"other_{end}.nii.gz").write_bytes(source.read_bytes())
    slices, rejected = pair_slices(scan_folder(brats))

    assert sorted(set(slices["patient"])) == ["BraTS20_Training_001", "BraTS20_Training_002"]
    assert set(rejected["reason"]) == {"duplicate_copy"}


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("imagesTr/p7_0000.nii.gz", "labelsTr/p7.nii.gz"),
        ("images/p7.nii", "masks/p7.nii"),
        ("p7.nii", "masks/p7_seg.nii"),
        ("p7.nii.gz", "p7_seg.nii.gz"),
        ("p7/flair.nii.gz", "p7/seg.nii.gz"),
        ("p7-t2f.nii.gz", "p7-seg.nii.gz"),
        ("p7_FLAIR.nii.gz", "p7_tumor_segmentation.nii.gz"),
    ],
)
def test_masks_are_found_in_the_layouts_that_are_common(image: str, mask: str, tmp_path: Path) -> None:
    write(tmp_path / "data" / image, voxels("flair"))
    write(tmp_path / "data" / mask, voxels("seg"))
    slices, rejected = pair_slices(scan_folder(tmp_path / "data"))

    assert len(rejected) == 0 and slices["patient"].unique().tolist() == ["p7"]
    volume = prepare_volume(tmp_path / "data", slices, 36)
    assert volume.facts["tumor_pixels"].sum() == (voxels("seg") > 0).sum()
    assert volume.facts["missing"].iloc[3] == "pre,post"


def test_of_two_masks_the_one_that_a_person_corrected_is_used(tmp_path: Path) -> None:
    write(tmp_path / "d" / "TCGA-02-0006_1996.08.23_flair.nii.gz", voxels("flair"))
    write(tmp_path / "d" / "TCGA-02-0006_1996.08.23_GlistrBoost.nii.gz", voxels("seg") * 0)
    write(tmp_path / "d" / "TCGA-02-0006_1996.08.23_GlistrBoost_ManuallyCorrected.nii.gz", voxels("seg"))
    slices, rejected = pair_slices(scan_folder(tmp_path / "d"))

    assert len(rejected) == 0 and len(slices) == 8 and slices["patient"].iloc[0] == "TCGA-02-0006_1996.08.23"
    assert prepare_volume(tmp_path / "d", slices, 32).masks.any()


def test_a_mask_in_another_orientation_is_laid_over_its_flair(tmp_path: Path) -> None:
    write(tmp_path / "d" / "p_flair.nii", voxels("flair"))
    turned = np.array([[0.0, 0, 7, -7 * 31], [0, -7, 0, 0], [5, 0, 0, 0], [0, 0, 0, 1]])
    write(tmp_path / "d" / "p_seg.nii", voxels("seg").transpose(2, 1, 0)[:, :, ::-1], turned)
    slices, _ = pair_slices(scan_folder(tmp_path / "d"))

    masks = prepare_volume(tmp_path / "d", slices, 36).masks
    assert np.array_equal(masks[:, :, 2:34], voxels("seg").transpose(2, 1, 0) > 0)


def test_flair_without_a_mask_waits_or_is_predicted(tmp_path: Path) -> None:
    write(tmp_path / "d" / "p_flair.nii", voxels("flair"))
    files = scan_folder(tmp_path / "d")

    assert set(pair_slices(files)[1]["reason"]) == {"image_without_mask"}
    assert set(pair_slices(files, wait=True)[1]["reason"]) == {"awaiting_masks"}
    images, _ = gather_images(files)
    prepared = prepare_images(tmp_path / "d", images, 36)
    assert prepared.images.shape == (8, 36, 36, 3) and prepared.slices["slice"].tolist() == list(range(1, 9))


def test_what_can_not_be_used_is_rejected_with_its_reason(tmp_path: Path) -> None:
    root = tmp_path / "d"
    good = write(root / "good" / "a_flair.nii", voxels("flair"))
    write(root / "good" / "a_seg.nii", voxels("seg"))
    write(root / "only_t1" / "b_t1.nii", voxels("t1"))
    write(root / "twice" / "c_flair.nii", voxels("flair"))
    write(root / "twice" / "c_flair.nii.gz", voxels("flair"))
    write(root / "series" / "d.nii", np.zeros((8, 8, 8, 5), np.int16))
    write(root / "alone" / "e_seg.nii", voxels("seg"))
    (root / "cut").mkdir()
    (root / "cut" / "f_flair.nii").write_bytes(good.read_bytes()[:-9])
    write(root / "cut" / "f_seg.nii", voxels("seg"))
    write(root / "odd" / "g_flair.nii", voxels("flair") + 1)
    write(root / "odd" / "g_seg.nii", voxels("seg") * 0.3)
    (root / "notes.nii").write_text("no volume at all")
    (root / "empty.nii").touch()
    files = scan_folder(root)
    FileTable.validate(files)
    slices, rejected = pair_slices(files)

    assert dict(zip(rejected["path"], rejected["reason"], strict=True)) == {
        "only_t1/b_t1.nii": "no_flair",
        "twice/c_flair.nii": "conflicting_files",
        "twice/c_flair.nii.gz": "conflicting_files",
        "series/d.nii": "wrong_channels",
        "alone/e_seg.nii": "mask_without_image",
    }
    faults = {}
    for patient, rows in slices.groupby("patient"):
        volume = prepare_volume(root, rows, 32)
        faults[patient] = set(volume.rejected["reason"])
    assert faults == {
        "a": set(), "f": {"truncated", "partner_unusable"}, "g": {"non_binary_mask", "partner_unusable"},
    }  # fmt: skip
    assert files.set_index("path").loc[["notes.nii", "empty.nii"], "role"].tolist() == ["other", "other"]


def test_a_patient_whose_other_sequence_is_damaged_is_not_learnt_from_by_halves(brats: Path) -> None:
    path = brats / "BraTS20_Training_001" / "BraTS20_Training_001_t1ce.nii.gz"
    path.write_bytes(path.read_bytes()[:-50])
    slices, _ = pair_slices(scan_folder(brats))
    volume = prepare_volume(brats, slices[slices["patient"] == "BraTS20_Training_001"], 32)

    assert len(volume.images) == 0
    fault = volume.rejected[volume.rejected["reason"] == "truncated"].iloc[0]
    assert fault["found"].startswith("BraTS20_Training_001/BraTS20_Training_001_t1ce.nii.gz: packed data")


def test_the_doctor_examines_volumes(brats: Path) -> None:
    examination = examine(brats, workers=1)
    assert (examination.patients, examination.slices, examination.tumor_slices, examination.rejected) == (2, 16, 8, 0)


def test_names_of_slices_of_volumes() -> None:
    path = slice_path("a/TCGA_CS_4941_19960909_flair.nii.gz", "TCGA_CS_4941_19960909", 12, "mask")
    name = parse_name(path)

    assert path == "a/TCGA_CS_4941_19960909_flair.nii.gz/TCGA_CS_4941_19960909_12_mask.slice"
    assert volume_of(path) == ("a/TCGA_CS_4941_19960909_flair.nii.gz", 12)
    assert name is not None
    assert (name.patient, name.slice, name.site, name.case, name.role) == (
        "TCGA_CS_4941_19960909", 12, "CS", "TCGA_CS_4941", "mask",
    )  # fmt: skip
    assert volume_of("a/b_1.tif") is None and volume_of("a.nii/b_1.tif") is None and volume_of("a/b_1.slice") is None


def test_digests_are_of_all_sequences(brats: Path) -> None:
    row = scan_folder(brats).iloc[0]
    case = brats / "BraTS20_Training_001"
    parts = [
        f"{name} {hashlib.sha256((case / f'BraTS20_Training_001_{end}.nii.gz').read_bytes()).hexdigest()}"
        for name, end in (("pre", "t1"), ("flair", "flair"), ("post", "t1ce"))
    ]
    content = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    assert row["sha256"] == hashlib.sha256(f"{content} slice 1".encode()).hexdigest()
