"""The whole examination: it says what a run would say, and nothing of a sound folder."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile

from gliaflow.ingest.doctor import Case, Examination, Finding, examine
from gliaflow.ingest.doctor.pictures import draw_pictures
from gliaflow.ingest.pair import TooManyRejected, check_usable, pair_slices
from gliaflow.ingest.scan import scan_folder

NO_TABLE = "no_clinical_table"  # which the made folders lack


def codes(examination: Examination) -> list[str]:
    return [finding.code for finding in examination.findings]


def test_a_sound_folder(kaggle) -> None:
    examination = examine(kaggle(6))
    assert codes(examination) == [NO_TABLE]
    assert (examination.verdict, examination.exit_status) == ("sound", 0)
    assert examination.sentence == "Nothing is wrong with this data set."
    counts = (examination.files, examination.patients, examination.slices, examination.tumor_slices)
    assert counts == (48, 6, 24, 12)
    assert (examination.source, examination.rejected) == ("kaggle_3m", 0)


def test_notes_alone_leave_it_sound(kaggle) -> None:
    root = kaggle(6)
    (root / "notes.txt").write_text("x")
    examination = examine(root, source="mine")
    assert (codes(examination), examination.exit_status, examination.source) == (["other_file", NO_TABLE], 0, "mine")


def test_a_mask_at_the_border_is_worth_a_look(kaggle) -> None:
    root = kaggle(6)
    home = root / "TCGA_CS_0001_20000101"
    mask = np.zeros((32, 32), np.uint8)
    mask[:6, 9:15] = 255
    tifffile.imwrite(home / f"{home.name}_2_mask.tif", mask)
    examination = examine(root)
    assert codes(examination) == ["mask_at_border", NO_TABLE]
    assert examination.findings[0].cases[0].name == f"{home.name}, slice 2"
    assert (examination.verdict, examination.exit_status) == ("findings", 1)
    assert examination.sentence == "A run would go through: it leaves nothing out; 1 thing is worth a look."


def test_rejected_files_are_those_of_a_run(kaggle) -> None:
    root = kaggle(6)
    home = root / "TCGA_CS_0001_20000101"
    (home / f"{home.name}_1.tif").write_bytes(b"no image")
    examination = examine(root)
    assert codes(examination) == ["unknown_format", "partner_unusable", NO_TABLE]
    assert (examination.rejected, examination.slices, examination.exit_status) == (2, 23, 1)


@pytest.mark.parametrize(("limit", "status"), [(0.0, 2), (1 / 49, 1)])
def test_the_limit_is_that_of_a_run(kaggle, limit: float, status: int) -> None:
    root = kaggle(6)
    shutil.copy(root / "TCGA_CS_0001_20000101" / "TCGA_CS_0001_20000101_1.tif", root / "TCGA_CS_0009_20000101_1.tif")
    examination = examine(root, reject_limit=limit)
    assert examination.exit_status == status
    slices, rejected = pair_slices(scan_folder(root))
    if status == 2:
        with pytest.raises(TooManyRejected) as stop:
            check_usable(rejected, len(slices), limit)
        assert examination.findings[0].code == "too_many_rejected"
        assert examination.findings[0].cases[0].found == str(stop.value)
        assert "raise the limit, with --reject-limit here" in examination.findings[0].remedy
        assert examination.sentence == "A run would stop: too many files are rejected."
    else:
        check_usable(rejected, len(slices), limit)


def test_nothing_left(tmp_path: Path) -> None:
    (tmp_path / "P_1.tif").write_bytes(b"x")
    examination = examine(tmp_path)
    assert codes(examination) == ["nothing_left", "image_without_mask", NO_TABLE]
    assert (examination.exit_status, examination.patients, examination.slices) == (2, 0, 0)


def test_too_few_patients(kaggle) -> None:
    examination = examine(kaggle(2))
    assert codes(examination) == ["too_few_patients", NO_TABLE]
    assert "needs at least 3 patients" in examination.findings[0].cases[0].found


def test_a_leak_of_the_default_split_stops_a_run(kaggle) -> None:
    root = kaggle(3)
    first, second = "TCGA_CS_0001_20000101", "TCGA_DU_0002_20000101"
    shutil.copy(root / first / f"{first}_3.tif", root / second / f"{second}_3.tif")  # each of three is a part
    examination = examine(root)
    assert codes(examination)[:2] == ["leak", "near_duplicate_patients"]
    audit, pair, remedy = (case.found for case in examination.findings[0].cases)
    assert audit.endswith("the audit found 0 patients, 1 pair of equal and 0 pairs of alike slices:")
    assert re.fullmatch(rf"{first} \(\w+\) and {second} \(\w+\): 1 pair of equal slices, such as 3 and 3", pair) or (
        re.fullmatch(rf"{second} \(\w+\) and {first} \(\w+\): 1 pair of equal slices, such as 3 and 3", pair)
    )
    assert remedy.startswith("The two of a pair are probably one person")
    assert examination.exit_status == 2


def test_a_faulty_clinical_table_stops_a_run(kaggle) -> None:
    root = kaggle(6)
    (root / "data.csv").write_text("Patient\nTCGA_CS_0001\n")
    examination = examine(root)
    assert codes(examination)[0] == "clinical_fault"
    assert examination.exit_status == 2


def test_whole_data_set_written_as_bgr(kaggle) -> None:
    root = kaggle(3)
    rng = np.random.default_rng(0)
    for path in sorted(root.glob("*/*[0-9].tif")):
        flair = rng.integers(60, 160, (32, 32))
        vessel = rng.random((32, 32)) < 0.1
        pre, post = flair * 0.8, np.where(vessel, 240, flair * 0.8)
        flair = np.where(vessel, 40, flair)
        pre = np.where(vessel, 40, pre)
        tifffile.imwrite(path, np.stack([post, flair, pre], axis=-1).astype(np.uint8))
    assert "channel_order_of_all" in codes(examine(root))
    for path in sorted(root.glob("*/*[0-9].tif")):
        tifffile.imwrite(path, tifffile.imread(path)[..., ::-1].copy(), photometric="rgb")
    assert "channel_order_of_all" not in codes(examine(root))


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_a_black_sequence_is_worth_a_look(kaggle, channel: int) -> None:
    root = kaggle(6)
    home = root / "TCGA_DU_0002_20000101"
    for path in home.glob("*[0-9].tif"):
        image = tifffile.imread(path)
        image[..., channel] = 0
        tifffile.imwrite(path, image, photometric="rgb")
    examination = examine(root)
    found = next(finding for finding in examination.findings if finding.code == "sequence_black")
    assert [case.patient for case in found.cases] == [home.name]
    assert ("tumor_on_black" in codes(examination)) == (channel == 1)
    assert len(draw_pictures(root, examination.pairs, found)) == 1


def test_a_tumor_on_a_black_image_is_worth_a_look(kaggle) -> None:
    root = kaggle(6)
    path = root / "TCGA_CS_0001_20000101" / "TCGA_CS_0001_20000101_2.tif"
    tifffile.imwrite(path, np.zeros((32, 32, 3), np.uint8))
    examination = examine(root)
    assert codes(examination) == ["tumor_on_black", NO_TABLE]
    assert len(draw_pictures(root, examination.pairs, examination.findings[0])) == 1


def test_first_slices_that_are_missing_and_a_stray_number(kaggle) -> None:
    root = kaggle(6, slices=8)
    home, other = root / "TCGA_CS_0001_20000101", root / "TCGA_DU_0002_20000101"
    for number in (1, 2):
        (home / f"{home.name}_{number}.tif").unlink()
        (home / f"{home.name}_{number}_mask.tif").unlink()
    shutil.copy(other / f"{other.name}_8.tif", other / f"{other.name}_900.tif")
    examination = examine(root)
    assert codes(examination) == ["image_without_mask", "tumor_cut_off", "late_start", NO_TABLE]
    assert [(case.patient, case.found) for case in examination.findings[2].cases] == [
        (home.name, "begins at 3, others at 1")
    ]


def test_names_of_cases() -> None:
    assert Case(path="a/b.tif", patient="P").name == "a/b.tif"
    assert Case(patient="P", slice=3).name == "P, slice 3"
    assert Case("found").name == ""


def test_gravest_first() -> None:
    from gliaflow.ingest.doctor.findings import in_order

    def finding(code: str, severity: str) -> Finding:
        return Finding(code, severity, "file", "", "", "", "", [])  # type: ignore[arg-type]

    mixed = [finding("a", "note"), finding("b", "warning"), finding("c", "unusable"), finding("d", "warning")]
    assert [each.code for each in in_order(mixed)] == ["c", "b", "d", "a"]
