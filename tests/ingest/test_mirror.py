"""Data in a bucket: fetched once, brought up to what lies there, and never out of their folder."""

import boto3
import pytest

from gliaflow.ingest.archives import Limits
from gliaflow.ingest.reasons import UnusableSource
from gliaflow.ingest.scan import scan_folder
from gliaflow.ingest.sources import open_source, source_name
from gliaflow.store.bucket import Bucket


@pytest.fixture
def upload(s3, bucket):
    """`upload(name, content)` puts a file below s3://…/data, and removes it where the content is None."""
    client = boto3.client("s3", endpoint_url=s3)

    def put(name, content):
        where = {"Bucket": bucket.removeprefix("s3://"), "Key": f"data/{name}"}
        if content is None:
            client.delete_object(**where)
        else:
            client.put_object(**where, Body=content)

    return put


@pytest.fixture
def fetched(monkeypatch):
    """The names of the files that were fetched, in the order in which they were."""
    names = []
    fetch = Bucket.fetch

    def listen(self, below, folder, wanted):
        names.extend(wanted)
        fetch(self, below, folder, wanted)

    monkeypatch.setattr(Bucket, "fetch", listen)
    return names


def test_only_what_is_new_or_changed_is_fetched_and_what_is_gone_goes(bucket, upload, fetched, tmp_path):
    for name in ("p/p_1.tif", "p/p_1_mask.tif", "data.csv", "notes.txt"):
        upload(name, name.encode())
    folder = open_source(f"{bucket}/data", tmp_path / "unpacked")
    assert fetched == ["data.csv", "p/p_1.tif", "p/p_1_mask.tif"], "what is no data stays where it is"
    assert (folder / "p" / "p_1.tif").read_bytes() == b"p/p_1.tif"
    files = scan_folder(folder)
    assert list(files["role"]) == ["clinical", "image", "mask"]

    fetched.clear()
    assert open_source(f"{bucket}/data/", tmp_path / "unpacked") == folder and fetched == []
    upload("p/p_1.tif", b"p/p_1.TIF")  # of the same size
    upload("p/p_2.tif", b"new")
    upload("data.csv", None)
    open_source(f"{bucket}/data", tmp_path / "unpacked")
    assert fetched == ["p/p_1.tif", "p/p_2.tif"]
    assert (folder / "p" / "p_1.tif").read_bytes() == b"p/p_1.TIF" and not (folder / "data.csv").exists()

    fetched.clear()
    (folder / "p" / "p_2.tif").write_bytes(b"ne")
    (tmp_path / "unpacked" / f"{folder.name}.json").write_text("{")
    open_source(f"{bucket}/data", tmp_path / "unpacked")
    assert fetched == ["p/p_1.tif", "p/p_1_mask.tif", "p/p_2.tif"], "without an index nothing is trusted"
    assert (folder / "p" / "p_2.tif").read_bytes() == b"new"
    assert source_name(f"{bucket}/data") == "data"


def test_a_fetch_that_ends_early_is_taken_up_again(bucket, upload, monkeypatch, tmp_path):
    upload("p_1.tif", b"whole")
    fetch = Bucket.fetch

    def die(self, below, folder, names):
        (folder / names[0]).write_bytes(b"wh")
        raise KeyboardInterrupt

    monkeypatch.setattr(Bucket, "fetch", die)
    with pytest.raises(KeyboardInterrupt):
        open_source(f"{bucket}/data", tmp_path)
    monkeypatch.setattr(Bucket, "fetch", fetch)
    assert (open_source(f"{bucket}/data", tmp_path) / "p_1.tif").read_bytes() == b"whole"


def test_names_that_lead_elsewhere_are_left_out_and_too_much_and_nothing_refused(bucket, upload, tmp_path, caplog):
    with pytest.raises(UnusableSource, match="is empty"):
        open_source(f"{bucket}/data", tmp_path)
    upload("p_1.tif", b"1")
    upload("p_2.tif", b"2")
    with pytest.raises(UnusableSource, match=r"holds 2 files of 0.0 GB; at most 1 of"):
        open_source(f"{bucket}/data", tmp_path, Limits(members=1))
    for name in ("../../p_3.tif", "a//p_4.tif"):
        upload(name, b"3")
    folder = open_source(f"{bucket}/data", tmp_path)
    assert sorted(path.name for path in folder.rglob("*.tif")) == ["p_1.tif", "p_2.tif"]
    assert not list(tmp_path.parent.glob("p_3.tif"))
    assert "leads elsewhere, and is left out: '../../p_3.tif'" in caplog.text
