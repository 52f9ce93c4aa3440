"""Every rule by which a path tells patient, slice, site, case and role."""

import pytest

from gliaflow.ingest.names import SliceName, parse_name, role_of

KAGGLE = "TCGA_CS_4941_19960909"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"{KAGGLE}/{KAGGLE}_1.tif", SliceName(KAGGLE, 1, "CS", "TCGA_CS_4941", "image")),
        (f"{KAGGLE}/{KAGGLE}_12_mask.tif", SliceName(KAGGLE, 12, "CS", "TCGA_CS_4941", "mask")),
        ("a/b/TCGA_DU_A5TP_19970614_7.TIF", SliceName("TCGA_DU_A5TP_19970614", 7, "DU", "TCGA_DU_A5TP", "image")),
        ("tcga_ht_a61a_20000127_3_Mask.tif", SliceName("TCGA_HT_A61A_20000127", 3, "HT", "TCGA_HT_A61A", "mask")),
        (f"{KAGGLE} slice 5.tif", SliceName(KAGGLE, 5, "CS", "TCGA_CS_4941", "image")),
        (f"{KAGGLE}/slice_5.tif", SliceName(KAGGLE, 5, "CS", "TCGA_CS_4941", "image")),
        (f"masks/{KAGGLE}_5.tif", SliceName(KAGGLE, 5, "CS", "TCGA_CS_4941", "mask")),
    ],
)
def test_names_of_kaggle_3m_tell_patient_slice_site_and_case(path: str, expected: SliceName) -> None:
    assert parse_name(path) == expected


@pytest.mark.parametrize(
    ("path", "patient", "number", "role"),
    [
        ("images/p07_012.png", "p07", 12, "image"),
        ("masks/p07_012.png", "p07", 12, "mask"),
        ("Masks/deep/p07-12.jpeg", "p07", 12, "mask"),
        ("labels/p07_12.bmp", "p07", 12, "mask"),
        ("p07_12-mask.png", "p07", 12, "mask"),
        ("p07_12_SEG.tiff", "p07", 12, "mask"),
        ("case_3_t1_0004.png", "case_3_t1", 4, "image"),
        ("p07_slice_012.png", "p07", 12, "image"),
        ("p07_slice012.png", "p07", 12, "image"),
        ("p07_mri_img-3.png", "p07", 3, "image"),
        ("p07/images/slice_3.png", "p07", 3, "image"),
        ("p07/masks/slice_3.png", "p07", 3, "mask"),
        ("set/p07/3.png", "p07", 3, "image"),
        ("set/p07/z3.png", "p07", 3, "image"),
        ("images/3.png", "unnamed", 3, "image"),
        ("masks/3.png", "unnamed", 3, "mask"),
        ("3.png", "unnamed", 3, "image"),
        ("brain scan 3.png", "brain", 3, "image"),
        ("p07_000.png", "p07", 0, "image"),
    ],
)
def test_generic_names_tell_patient_and_slice(path: str, patient: str, number: int, role: str) -> None:
    assert parse_name(path) == SliceName(patient, number, None, None, role)  # type: ignore[arg-type]


def test_composed_and_decomposed_letters_are_one_patient() -> None:
    composed, decomposed = parse_name("J\u00f6rg_1.png"), parse_name("Jo\u0308rg_1_mask.png")
    assert composed is not None and decomposed is not None
    assert composed.patient == decomposed.patient == "J\u00f6rg"


@pytest.mark.parametrize(
    "path",
    [
        "overview.png",
        "patient7.png",
        "p07_12a.png",
        "p_mask.tif",
        "_mask.tif",
        ".png",
        "p_1234567890123.png",
        "p07_²",
        "p_-1.png",
        "-3.png",
        "p -3_mask.png",
        f"{KAGGLE}_-1.tif",
    ],
)
def test_odd_names_are_none(path: str) -> None:
    assert parse_name(path) is None


def test_only_images_have_a_role() -> None:
    assert role_of("notes/p_1.txt") is None
    assert role_of("p_1.nii.gz") is None
    assert role_of("unmasked/p_1.png") == "image"
    assert role_of("mask/p_1.PNG") == "mask"
    assert role_of("p_1_mask.png") == "mask"
    assert role_of("masked_1.png") == "image"
