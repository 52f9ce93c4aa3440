"""What gc must leave alone whatever happens between its plan and its deeds; records that can't be read."""

import json
import threading

import pytest

from gliaflow.store.artifacts import Store
from gliaflow.store.gc import plan_removal, remove
from gliaflow.store.runs import Run, read_runs
from gliaflow.store.why import Why


def finish(put, root, name, epochs):
    store = Store(root)
    with Run(name, store, {"data": "d"}).under_way() as run:
        made = put(store, "train", epochs=epochs)
        run.use([made.path])
        run.record(made, cached=False, why=Why("first run"), seconds=1.0)
    return made


def test_a_run_that_began_and_ended_since_the_plan_keeps_its_results(put, tmp_path):
    old, _ = finish(put, tmp_path, "old", 1), finish(put, tmp_path, "mid", 2)
    plan = plan_removal(Store(tmp_path), keep=1)
    assert plan.folders.keys() == {old.path}
    finish(put, tmp_path, "newest", 1)
    assert remove(Store(tmp_path), plan) == 0
    assert Store(tmp_path).find("train", old.key) == old


@pytest.mark.parametrize("record", ["", "{", json.dumps({"run": "two", "parameters": {}, "stages": []})])
def test_a_run_whose_record_cannot_be_read_keeps_its_results(put, tmp_path, record):
    """Cut short, or of an earlier version."""
    finish(put, tmp_path, "one", 1)
    two = finish(put, tmp_path, "two", 2)
    (tmp_path / "runs" / "two" / "run.json").write_text(record)
    (tmp_path / "runs" / "two" / "uses").write_bytes(b"\xff\n")
    plan = plan_removal(Store(tmp_path), keep=5)
    assert (plan.unread, plan.folders) == (["two"], {})
    remove(Store(tmp_path), plan)
    assert Store(tmp_path).find("train", two.key) == two


def test_every_byte_of_a_manifest_may_be_damaged(put, tmp_path):
    made = put(Store(tmp_path), "label")
    path = tmp_path / made.path / "manifest.json"
    sound = path.read_bytes()
    for place in range(len(sound)):
        path.write_bytes(sound[:place] + bytes([sound[place] ^ 1]) + sound[place + 1 :])
        assert Store(tmp_path).find("label", made.key) in (None, made)


def test_runs_and_removals_at_once_harm_nobody(put, tmp_path):
    failures, stop = [], threading.Event()

    def clear():
        while not stop.is_set():
            try:
                remove(Store(tmp_path), plan_removal(Store(tmp_path), keep=1))
            except Exception as error:  # kept for the assertion
                failures.append(error)

    clearers = [threading.Thread(target=clear) for _ in range(2)]
    for thread in clearers:
        thread.start()
    try:
        for number in range(40):
            made = finish(put, tmp_path, f"run{number}", number % 5)
    finally:
        stop.set()
        for thread in clearers:
            thread.join()
    assert failures == []
    assert Store(tmp_path).find("train", made.key) == made
    assert read_runs(Store(tmp_path))[-1].name == "run39"
