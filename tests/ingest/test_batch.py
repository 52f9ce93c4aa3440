"""Volumes made in a child process; what could not be read for a passing reason is tried again by the next run."""

import errno
import os
from dataclasses import asdict
from pathlib import Path

import pytest

from gliaflow.ingest import prepare, volume_slices
from gliaflow.ingest.batch import make_volume
from gliaflow.ingest.pair import pair_slices
from gliaflow.ingest.scan import scan_folder
from gliaflow.ingest.volumes import load_volume
from gliaflow.process import ChildFailed, run_child
from gliaflow.store.artifacts import Store
from gliaflow.store.manifests import Provenance
from gliaflow.store.tables import write_table

PROVENANCE = Provenance("volume", {"p": "1"}, {}, {}, {})


@pytest.fixture
def slices(kaggle):
    root = kaggle(2)
    return root, pair_slices(scan_folder(root))[0]


def test_a_child_makes_a_volume_a_patient_and_tells_its_key(slices, tmp_path):
    root, table = slices
    write_table(table, tmp_path / "slices.parquet")
    patients = {name: Provenance("volume", {name: "rows"}, {}, {}, {}) for name in table["patient"].unique()}
    spec = {"store": str(tmp_path / "a"), "slices": str(tmp_path / "slices.parquet"), "root": str(root), "size": 32}
    events: list[dict] = []
    run_child("gliaflow.ingest.batch", {**spec, "patients": {n: asdict(p) for n, p in patients.items()}}, events.append)
    assert [(event["event"], event["patient"]) for event in events] == [("prepared", name) for name in patients]
    for event in events:
        assert event["key"] == patients[event["patient"]].key
        facts = load_volume(tmp_path / "a" / "volume" / event["key"]).facts
        assert list(facts["patient"]) == [event["patient"]] * 4


def test_a_child_that_can_not_write_says_so_plainly(slices, tmp_path):
    root, table = slices
    write_table(table, tmp_path / "slices.parquet")
    (tmp_path / "a").write_text("a file where the store should be")
    spec = {"store": str(tmp_path / "a"), "slices": str(tmp_path / "slices.parquet"), "root": str(root), "size": 32}
    with pytest.raises(ChildFailed, match=r"^Results can't be written to .*/a: it is not a folder\."):
        run_child("gliaflow.ingest.batch", {**spec, "patients": {"p": asdict(PROVENANCE)}}, print)


def fail_to_read(path: Path, sha256: str) -> bytes:
    raise volume_slices.UnusableFile("read_error", "the system could not read it (Input/output error)")


def test_a_file_that_could_not_be_read_is_tried_again(slices, tmp_path, monkeypatch):
    root, table = slices
    rows = table[table["patient"] == table["patient"].iloc[0]]
    store = Store(tmp_path / "a")
    with monkeypatch.context() as patch:
        patch.setattr(volume_slices, "read_unchanged", fail_to_read)
        first = make_volume(store, root, rows, 32, PROVENANCE)
    rejected = load_volume(store.folder(first)).rejected
    assert set(rejected["reason"]) == {"read_error"} and len(rejected) == 8
    assert first.key != PROVENANCE.key and store.find("volume", PROVENANCE.key) is None
    second = make_volume(store, root, rows, 32, PROVENANCE)
    assert second.key == PROVENANCE.key
    assert load_volume(store.folder(second)).rejected.empty


def test_a_lasting_fault_is_remembered(slices, tmp_path):
    root, table = slices
    rows = table[table["patient"] == table["patient"].iloc[0]].copy()
    (root / rows["image_path"].iloc[0]).write_bytes(b"no image")
    rows.loc[rows.index[0], "image_sha256"] = scan_folder(root).set_index("path")["sha256"][rows["image_path"].iloc[0]]
    made = make_volume(Store(tmp_path / "a"), root, rows, 32, PROVENANCE)
    assert made.key == PROVENANCE.key
    assert set(load_volume(tmp_path / "a" / made.path).rejected["reason"]) == {"unknown_format", "partner_unusable"}


def test_what_the_system_can_not_read_is_a_passing_fault(slices, tmp_path, monkeypatch):
    root, table = slices

    def broken(*arguments: object, **options: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "open", broken)
    volume = prepare.prepare_volume(root, table.head(1), 32)
    assert volume.rejected["reason"].unique().tolist() == ["read_error"]
    assert volume.rejected["found"].iloc[0] == "the system could not read it (Input/output error)"
