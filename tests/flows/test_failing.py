"""A run that can't go on says what is wrong, in words, and changes nothing of the user's."""

import hashlib

import pytest

from gliaflow.ingest.reasons import UnusableSource
from schemas import InvalidTable


def test_too_many_rejected_files_stop_the_run_with_counts(run_train, kaggle, tmp_path):
    data = kaggle(3)
    for mask in list(data.rglob("*_mask.tif"))[:6]:
        mask.unlink()
    with pytest.raises(UnusableSource, match=r"image_without_mask"):
        run_train(data, tmp_path / "artifacts")


def test_the_same_folder_runs_when_the_limit_allows_and_names_each_rejected_file(run_train, kaggle, tmp_path):
    from gliaflow.store.tables import read_table

    data = kaggle(5)
    before = {path: hashlib.sha256(path.read_bytes()).digest() for path in data.rglob("*.tif")}
    damaged = sorted(data.rglob("*_1.tif"))[0]
    damaged.write_bytes(damaged.read_bytes()[:100])
    before[damaged] = hashlib.sha256(damaged.read_bytes()).digest()
    run = run_train(data, tmp_path / "artifacts", reject_limit=0.5, epochs=1)
    rejected = read_table(run.folder("label") / "rejected.parquet").set_index("path")
    name = damaged.relative_to(data).as_posix()
    assert rejected.loc[name, "stage"] == "prepare"
    assert set(rejected.index) == {name, name.replace(".tif", "_mask.tif")}
    assert name in run.report.read_text()
    assert {path: hashlib.sha256(path.read_bytes()).digest() for path in data.rglob("*") if path.is_file()} == before


def test_an_invalid_clinical_table_lists_every_offending_row(run_train, kaggle, tmp_path):
    from gliaflow.ingest.clinical import CODES

    data = kaggle(3)
    good = ",".join("1" for _ in CODES)
    bad = good.removesuffix(",1") + ",7"  # death01 is 0 or 1
    lines = [",".join(["Patient", *CODES]), f"TCGA_CS_0001,{good}", f"TCGA_DU_0002,{bad}", f"TCGA_HT_0003,{bad}"]
    (data / "data.csv").write_text("\n".join(lines))
    with pytest.raises(InvalidTable) as failure:
        run_train(data, tmp_path / "artifacts")
    assert str(failure.value).startswith("The clinical table breaks its rules in 2 rows:")
    for row in ("row 1 (Patient TCGA_DU_0002)", "row 2 (Patient TCGA_HT_0003)"):
        assert f"{row}: death01 is 7.0; must be 0 or 1" in str(failure.value)
    assert "TCGA_CS_0001" not in str(failure.value)
