"""DICOM series and segmentations to learn from."""

import importlib.util
from pathlib import Path

import numpy as np
import pydicom
import pytest

from gliaflow.ingest.pair import pair_slices
from gliaflow.ingest.prepare import prepare_volume
from gliaflow.ingest.scan import scan_folder
from gliaflow.ingest.studies.files import list_files
from gliaflow.ingest.studies.opening import open_studies
from schemas.ingest import FileTable, SliceTable

spec = importlib.util.spec_from_file_location("dicom_files_of_tests", Path(__file__).with_name("test_dicom.py"))
assert spec is not None and spec.loader is not None
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)


@pytest.fixture
def voxels() -> np.ndarray:
    """Ten slices uint16 [10, 12, 14]."""
    return np.random.default_rng(0).integers(20, 900, (10, 12, 14)).astype(np.uint16)


def with_suffix(folder: Path) -> Path:
    for path in folder.iterdir():
        path.rename(path.with_name(path.name + ".dcm"))
    return folder


def draw(patient: Path, given: Path, tmp_path: Path) -> np.ndarray:
    """Write a segmentation of the series `given` into the patient's folder; gives its masks [S, H, W]."""
    (study,) = (one for one in open_studies(list_files([str(given)], tmp_path / "u")) if hasattr(one, "images"))
    masks = np.zeros((10, 12, 14), np.uint8)
    masks[3:5, 2:6, 4:9] = 1
    (file,) = study.form.encode(list(masks), "somebody")
    (patient / "seg.dcm").write_bytes(file.content)
    return masks


@pytest.mark.parametrize("layout", ["series in folders", "all in one folder"])
def test_series_with_a_segmentation_are_slices_with_masks(layout: str, voxels: np.ndarray, tmp_path: Path) -> None:
    patient = tmp_path / "data" / "anna"
    if layout == "series in folders":
        flair = with_suffix(made.write_series(patient / "flair", voxels))
        with_suffix(made.write_series(patient / "t1", voxels[:, ::-1].copy(), series="2"))
    else:
        flair = with_suffix(made.write_series(patient, voxels, SeriesDescription="AX FLAIR"))
    masks = draw(patient, flair, tmp_path)
    files = scan_folder(tmp_path / "data")
    FileTable.validate(files)
    slices, rejected = pair_slices(files)
    SliceTable.validate(slices)

    assert len(rejected) == 0 and slices["patient"].tolist() == ["anna"] * 10
    volume = prepare_volume(tmp_path / "data", slices, 14)
    assert volume.facts["tumor_pixels"].sum() > 0 and len(volume.rejected) == 0
    (study,) = (one for one in open_studies(list_files([str(patient)], tmp_path / "u")) if hasattr(one, "images"))
    image = np.stack(study.images)  # of 10.8 x 11.2 mm: less than a row is lacking, so none is added
    plain = prepare_volume(tmp_path / "data", slices, 256)
    assert plain.facts[["height", "width"]].drop_duplicates().to_numpy().tolist() == [[12, 14]]
    assert image.shape == (10, 12, 14, 3)
    rows, columns = (np.arange(12) * 256 // 12 + 10, np.arange(14) * 256 // 14 + 9)
    assert np.array_equal(plain.masks[:, rows][:, :, columns], masks)
    assert volume.facts["missing"].iloc[0] == ("post" if layout == "series in folders" else "pre,post")


def test_nothing_of_the_patient_is_in_the_tables(voxels: np.ndarray, tmp_path: Path) -> None:
    flair = with_suffix(made.write_series(tmp_path / "data" / "anna", voxels, SeriesDescription="FLAIR DOE^JOHN"))
    draw(flair, flair, tmp_path)
    files = scan_folder(tmp_path / "data")
    slices, rejected = pair_slices(files)
    volume = prepare_volume(tmp_path / "data", slices, 32)

    told = "".join(table.to_csv() for table in (files, slices, rejected, volume.facts, volume.rejected))
    assert len(slices) == 10 and not any(secret in told for secret in made.SECRETS if secret != "1.75")
    assert made.STUDY not in told


def test_a_segmentation_of_another_place_is_rejected(voxels: np.ndarray, tmp_path: Path) -> None:
    flair = with_suffix(made.write_series(tmp_path / "data" / "anna", voxels))
    draw(flair, flair, tmp_path)
    data = pydicom.dcmread(flair / "seg.dcm")
    for group in data.PerFrameFunctionalGroupsSequence:
        group.PlanePositionSequence[0].ImagePositionPatient = [300.0, 0.0, 0.0]
    data.save_as(flair / "seg.dcm")
    slices, _ = pair_slices(scan_folder(tmp_path / "data"))
    volume = prepare_volume(tmp_path / "data", slices, 32)

    assert len(volume.images) == 0
    assert set(volume.rejected["reason"]) == {"mask_size_differs", "partner_unusable"}


def test_a_changed_slice_is_noticed(voxels: np.ndarray, tmp_path: Path) -> None:
    flair = with_suffix(made.write_series(tmp_path / "data" / "anna", voxels))
    draw(flair, flair, tmp_path)
    slices, _ = pair_slices(scan_folder(tmp_path / "data"))
    path = next(path for path in flair.iterdir() if path.name != "seg.dcm")
    path.write_bytes(path.read_bytes()[:-2] + b"zz")
    volume = prepare_volume(tmp_path / "data", slices, 32)

    assert set(volume.rejected["reason"]) == {"changed_since_scan", "partner_unusable"}
