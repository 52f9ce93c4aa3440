"""Findings about files, from folders that hold just that fault."""

import os
import shutil
from pathlib import Path

import pytest

from gliaflow.ingest.clinical import gather_clinical
from gliaflow.ingest.doctor.examine import examine
from gliaflow.ingest.doctor.files import copies, other_files, unusable_files
from gliaflow.ingest.doctor.findings import Finding
from gliaflow.ingest.doctor.mask_folders import empty_mask_folders
from gliaflow.ingest.pair import pair_slices
from gliaflow.ingest.reasons import REASONS
from gliaflow.ingest.scan import scan_folder


def found_in(root: Path) -> dict[str, Finding]:
    files = scan_folder(root)
    _, rejected = pair_slices(files)
    unusable = unusable_files(files, rejected, table_left=False)
    return {finding.code: finding for finding in (*unusable, *copies(files, rejected))}


def test_a_sound_folder_has_no_findings(kaggle) -> None:
    root = kaggle()
    assert found_in(root) == {}
    assert other_files(scan_folder(root)) == []
    assert empty_mask_folders(root) == []


def test_orphans_and_empty_files_with_the_rule_and_the_remedy_of_a_run(kaggle) -> None:
    root = kaggle(1)
    home = next(root.iterdir())
    (home / f"{home.name}_1_mask.tif").unlink()
    (home / f"{home.name}_2.tif").unlink()
    (home / f"{home.name}_3.tif").write_bytes(b"")
    found = found_in(root)
    assert list(found) == ["empty_file", "image_without_mask", "mask_without_image", "partner_unusable"]
    orphan = found["image_without_mask"]
    assert (orphan.severity, orphan.unit, orphan.title) == ("rejected", "file", "Image without mask")
    assert (orphan.what, orphan.remedy) == (REASONS["image_without_mask"].rule, REASONS["image_without_mask"].remedy)
    assert orphan.action == "Leaves the file out, and the slice with it."
    assert [case.path for case in orphan.cases] == [f"{home.name}/{home.name}_1.tif"]
    assert found["empty_file"].cases[0].found == "0 bytes"


def test_clinical_tables_are_told_apart_from_slices(kaggle) -> None:
    root = kaggle()
    (root / "data.csv").write_text("")
    (root / "again").mkdir()
    (root / "again" / "data.csv").write_text("Patient\nA\n")
    found = found_in(root)
    (clinical,) = found.values()
    assert clinical.title == "Empty file (clinical table)"
    assert clinical.action == "Goes on without the clinical table."
    assert [case.path for case in clinical.cases] == ["data.csv"]
    (root / "data.csv").write_text("Patient\nB\n")
    files = scan_folder(root)
    (fault,) = unusable_files(files, gather_clinical(root, files)[1], table_left=False)
    assert fault.code == "conflicting_files_clinical"
    assert fault.what == "There is one data.csv, or all of them say the same."
    assert [case.path for case in fault.cases] == ["again/data.csv", "data.csv"]


@pytest.mark.parametrize("spoilt", [b"", b"PK\x03\x04 no table"])
def test_a_spoilt_table_beside_a_sound_one_leaves_that_in_use(kaggle, spoilt: bytes) -> None:
    root = kaggle(1)
    (root / "data.csv").write_text("Patient\nA\n")
    (root / "old").mkdir()
    (root / "old" / "data.csv").write_bytes(spoilt)
    (fault,) = [finding for finding in examine(root).findings if finding.severity == "rejected"]
    assert [case.path for case in fault.cases] == ["old/data.csv"]
    assert fault.action == "Leaves the file out, and uses another data.csv, which is sound."


def test_a_single_copy_is_a_note(kaggle) -> None:
    root = kaggle(1)
    home = next(root.iterdir())
    shutil.copy(home / f"{home.name}_1.tif", home / f"{home.name}_01.tif")
    (copy,) = found_in(root).values()
    assert (copy.code, copy.severity, copy.count) == ("duplicate_copy", "note", 1)
    assert copy.cases[0].found.startswith("same as ")


def test_a_doubled_data_set_is_told_as_a_folder(kaggle, tmp_path: Path) -> None:
    root = kaggle()
    shutil.copytree(root, tmp_path / "copy")
    shutil.move(tmp_path / "copy", root / "lgg" / "kaggle_3m")
    (doubled,) = found_in(root).values()
    assert (doubled.code, doubled.severity, doubled.unit, doubled.count) == ("doubled_data_set", "note", "folder", 1)
    assert doubled.cases[0].path == "lgg/kaggle_3m"
    assert doubled.cases[0].found == "24 files of 3 patients that are also in the data root"


def test_a_patient_under_two_names(kaggle) -> None:
    root = kaggle()
    home = root / "TCGA_CS_0001_20000101"
    other = root / "TCGA_HT_0009_20000101"
    other.mkdir()
    for path in home.iterdir():
        shutil.copy(path, other / path.name.replace(home.name, other.name))
    (renamed,) = found_in(root).values()
    assert (renamed.code, renamed.severity, renamed.count) == ("patient_under_two_names", "warning", 1)
    assert renamed.action.endswith("the name that lies nearest to the data root; of equals, the first by name.")
    assert renamed.cases[0].patient == other.name
    assert renamed.cases[0].found == f"the same 8 files as {home.name}"


def test_files_that_are_no_data(kaggle) -> None:
    root = kaggle(1)
    for name in (".DS_Store", "Thumbs.db", "notes.txt", "scan.nii.gz", "slice.DCM", "P1_t2.nii.gz"):
        (root / name).write_bytes(b"x")
    unread, system, other = other_files(scan_folder(root))
    assert (unread.code, unread.severity) == ("unread_format", "warning")
    assert [case.path for case in unread.cases] == ["scan.nii.gz", "slice.DCM"]
    assert (system.severity, [case.path for case in system.cases]) == ("note", [".DS_Store", "Thumbs.db"])
    assert (other.severity, [case.path for case in other.cases]) == ("note", ["P1_t2.nii.gz", "notes.txt"])


def test_an_empty_folder_of_masks(tmp_path: Path) -> None:
    for name in ("P1/masks", "P2/Masks", "P3/masks/deep", ".git/masks"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "P2" / "Masks" / "notes.txt").write_text("none yet")
    (tmp_path / "P3" / "masks" / "deep" / "P3_1.tif").write_bytes(b"x")
    (finding,) = empty_mask_folders(tmp_path)
    assert [(case.path, case.found) for case in finding.cases] == [
        ("P1/masks", "holds nothing"),
        ("P2/Masks", "holds 1 other file"),
    ]


def test_a_folder_of_masks_with_nothing_but_folders_in_it(tmp_path: Path) -> None:
    for name in ("masks/p1", "masks/labels", "label/p2", "deep/mask/p1"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "label" / "p2" / "notes.txt").write_text("none yet")
    (tmp_path / "kept").mkdir()
    (tmp_path / "deep" / "mask" / "p1" / "p2").symlink_to(tmp_path / "kept")
    (finding,) = empty_mask_folders(tmp_path)
    assert [(case.path, case.found) for case in finding.cases] == [
        ("label", "holds 1 other file and 1 folder without images"),
        ("masks", "holds 2 folders without images"),
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_closed_files_are_told(kaggle) -> None:
    root = kaggle(1)
    home = next(root.iterdir())
    (home / f"{home.name}_1.tif").chmod(0)
    assert set(found_in(root)) == {"no_permission", "partner_unusable"}
