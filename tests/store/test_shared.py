"""A store on a bucket: the same promises as in a folder, and plain words when the network fails."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest

from gliaflow.store.artifacts import Store
from gliaflow.store.failures import StoreFailed
from gliaflow.store.gc import plan_removal, remove
from gliaflow.store.manifests import Provenance
from gliaflow.store.runs import Run, read_runs
from gliaflow.store.shared import COPIES, open_store
from gliaflow.store.why import Why, why_run

FILES = {"labels.txt": "labels", "deep/er/more.txt": "more"}


@pytest.fixture
def client(s3):
    return boto3.client("s3", endpoint_url=s3)


def objects(client, bucket: str) -> list[str]:
    return [entry["Key"] for entry in client.list_objects_v2(Bucket=bucket.removeprefix("s3://")).get("Contents", [])]


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """`elsewhere()` goes to another machine: one without a copy."""
    machines = iter(range(100))

    def move() -> None:
        monkeypatch.setenv(COPIES, str(tmp_path / f"machine-{next(machines)}"))

    return move


def refuse(folder: Path) -> None:
    raise AssertionError("it is there, so it is not made")


def test_an_address_opens_a_bucket_and_a_path_a_folder(bucket, tmp_path):
    assert open_store(f"{bucket}/lab/").address == f"{bucket}/lab"
    assert open_store(tmp_path / "a").address == str(tmp_path / "a")
    assert open_store(bucket).place("report/1/report.html") == f"{bucket}/report/1/report.html"


def test_a_result_made_on_one_machine_is_found_and_fetched_on_another(bucket, put, client, elsewhere):
    made = put(open_store(f"{bucket}/lab"), "label", FILES)
    assert objects(client, bucket) == [
        f"lab/{made.path}/{name}" for name in ("deep/er/more.txt", "labels.txt", "manifest.json")
    ]
    elsewhere()
    there = open_store(f"{bucket}/lab")
    assert there.find("label", made.key) == made == there.obtain(Provenance("label", {}, {}, {}, {}), refuse)
    assert there.find_all("label", [made.key, "0" * 16]) == {made.key: made}
    assert not (there.root / made.path).exists(), "what is not opened is not fetched"
    assert (there.folder(made) / "deep" / "er" / "more.txt").read_text() == "more"
    assert list((there.root / ".work").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "damage"),
    [
        ("labels.txt", b"labelz", "labels.txt was changed"),
        ("labels.txt", None, "labels.txt is missing"),
        ("manifest.json", None, "its manifest is missing"),
        ("manifest.json", b"{", "its manifest can't be read"),
    ],
)
def test_what_is_damaged_in_the_bucket_is_told_and_mended(bucket, put, client, elsewhere, name, content, damage):
    made = put(open_store(bucket), "label", FILES)
    harm = {"Bucket": bucket.removeprefix("s3://"), "Key": f"{made.path}/{name}"}
    if content is None:
        client.delete_object(**harm)
    else:
        client.put_object(**harm, Body=content)
    elsewhere()
    store = open_store(bucket)
    assert store.find("label", made.key) is None
    assert store.damage("label", made.key) == damage
    assert put(store, "label", FILES) == made
    elsewhere()
    assert open_store(bucket).find("label", made.key) == made


def test_a_whole_copy_mends_the_bucket_without_the_work_being_done_again(bucket, put, client):
    made = put(open_store(bucket), "label", FILES)
    client.delete_object(Bucket=bucket.removeprefix("s3://"), Key=f"{made.path}/labels.txt")
    store = open_store(bucket)
    assert store.find("label", made.key) is None
    assert store.obtain(Provenance("label", {}, {}, {}, {}), refuse) == made
    assert f"{made.path}/labels.txt" in objects(client, bucket)


def test_a_damaged_copy_is_fetched_again(bucket, put):
    made = put(open_store(bucket), "label", FILES)
    copy = open_store(bucket).root / made.path / "labels.txt"
    copy.write_text("labelz")
    assert (open_store(bucket).folder(made) / "labels.txt").read_text() == "labels"


def test_files_without_a_manifest_are_no_result(bucket, put, client):
    client.put_object(Bucket=bucket.removeprefix("s3://"), Key="label/0123456789abcdef/labels.txt", Body=b"half")
    store = open_store(bucket)
    assert store.find("label", "0123456789abcdef") is None
    assert store.damage("label", "0123456789abcdef") == "its manifest is missing"


def test_a_manifest_cannot_write_outside_its_folder(bucket, put, client, elsewhere):
    made = put(open_store(bucket), "label", FILES)
    key = f"{made.path}/manifest.json"
    manifest = client.get_object(Bucket=bucket.removeprefix("s3://"), Key=key)["Body"].read().decode()
    client.put_object(Bucket=bucket.removeprefix("s3://"), Key=key, Body=manifest.replace("labels.txt", "../x.txt"))
    elsewhere()
    store = open_store(bucket)
    assert store.find("label", made.key) is None
    assert store.damage("label", made.key) == "its manifest names files elsewhere"


def test_runs_why_and_gc_work_on_a_bucket(bucket, put, client, elsewhere):
    for number in (1, 2):
        store = open_store(bucket)
        with Run(f"run{number}", store, {"data": "d"}).under_way() as run:
            made = put(store, "train", epochs=number)
            run.use([made.path])
            run.record(made, cached=False, why=Why("first run"), seconds=1.0)
    elsewhere()
    store = open_store(bucket)
    assert [(run.name, run.number, run.state) for run in read_runs(store)] == [
        ("run1", 1, "completed"),
        ("run2", 2, "completed"),
    ]
    assert why_run(store, Provenance("train", {}, {"epochs": 3}, {}, {})).words in (
        "parameter epochs 2 -> 3",
        "parameter epochs 1 -> 3",
    )
    plan = plan_removal(store, keep=1)
    assert plan.runs == ["run1"] and len(plan.folders) == 1
    assert remove(store, plan) == plan.size > 0
    assert {name.split("/")[0] + "/" + name.split("/")[1] for name in objects(client, bucket)} == {
        made.path,
        "runs/run2",
    }


def test_a_flow_on_another_machine_keeps_what_it_uses(bucket, put, monkeypatch):
    store = open_store(bucket)
    old, new = put(store, "train", epochs=1), put(store, "train", epochs=2)
    for name, made in (("old", old), ("new", new)):
        with Run(name, store, {"data": "d"}).under_way() as run:
            run.record(made, cached=False, why=Why("first run"), seconds=1.0)
    theirs = Run("theirs", store, {"data": "d"}, number=3, machine="another")
    theirs.started = read_runs(store)[-1].started
    theirs.use([old.path])
    theirs._write()
    assert plan_removal(open_store(bucket), keep=1).running == ["theirs"]
    assert plan_removal(open_store(bucket), keep=1).folders == {}


class _Failing(BaseHTTPRequestHandler):
    """Answers 503 a number of times, then says that there is nothing."""

    failures = 0
    asked = 0

    def do_GET(self) -> None:  # noqa: N802
        _Failing.asked += 1
        if _Failing.asked <= _Failing.failures:
            self.send_response(503)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = b'<?xml version="1.0"?><ListBucketResult><Name>b</Name><KeyCount>0</KeyCount></ListBucketResult>'
        self.send_response(200)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_HEAD(self) -> None:  # noqa: N802
        self.send_response(404)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def failing(monkeypatch, s3, tmp_path):
    """`failing(times)` is a store on a server that first refuses so many requests."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Failing)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv(COPIES, str(tmp_path / "copies"))

    def open_failing(times: int) -> Store:
        _Failing.failures, _Failing.asked = times, 0
        return open_store(f"s3://bucket{times}")

    yield open_failing
    server.shutdown()
    server.server_close()


def test_a_failing_network_is_tried_again(failing):
    store = failing(2)
    assert store.find("label", "0123456789abcdef") is None
    assert _Failing.asked > 2


def test_a_network_that_stays_down_is_told_in_plain_words(failing, monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    with pytest.raises(
        StoreFailed, match=r"(?s)s3://bucket1000 could not be listed: .*tried 2 times.*the same command"
    ):
        failing(1000).find("label", "0123456789abcdef")


def test_a_bucket_that_is_not_there_is_told_in_plain_words(s3, put, tmp_path, monkeypatch):
    monkeypatch.setenv(COPIES, str(tmp_path / "copies"))
    with pytest.raises(StoreFailed, match="s3://nobody-made-this could not be listed: .*bucket does not exist"):
        put(open_store("s3://nobody-made-this"), "label")


def test_an_address_of_an_unknown_kind_is_told():
    with pytest.raises(StoreFailed, match="can't be kept at gopher://hole"):
        open_store("gopher://hole/x")


def test_a_run_on_a_bucket_is_recorded_there(bucket, client):
    with Run("one", open_store(bucket), {"data": "d"}).under_way():
        pass
    record = client.get_object(Bucket=bucket.removeprefix("s3://"), Key="runs/one/run.json")["Body"].read()
    assert json.loads(record)["state"] == "completed"
