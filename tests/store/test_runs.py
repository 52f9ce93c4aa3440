"""The record of a run: what it did, whether it is running, and none lost to another of the same name."""

import json

import pytest

from gliaflow.store.artifacts import Store
from gliaflow.store.runs import Run, ended_runs, read_named, read_runs


def test_a_run_is_running_until_it_ends_and_then_says_how(tmp_path):
    store = Store(tmp_path)
    with Run("one", store, {"data": "d"}).under_way():
        (seen,) = read_runs(Store(tmp_path))
        assert (seen.state, seen.is_running()) == ("running", True)
    with pytest.raises(ValueError, match="no"), Run("two", store, {"data": "d"}).under_way():
        raise ValueError("no")
    assert [(run.name, run.number, run.state, run.is_running()) for run in read_runs(store)] == [
        ("one", 1, "completed", False),
        ("two", 2, "failed", False),
    ]


def test_a_killed_run_is_not_running_whatever_its_record_says(tmp_path):
    store = Store(tmp_path)
    with Run("one", store, {"data": "d"}).under_way():
        record = store.read("runs/one/run.json")
    store.write("runs/one/run.json", record)
    (seen,) = read_runs(store)
    assert (seen.state, seen.is_running()) == ("running", False)


def test_runs_of_the_same_name_keep_their_records(tmp_path):
    store = Store(tmp_path)
    for _ in range(3):
        with Run("hazel-newt", store, {"data": "d"}).under_way() as run:
            run.use([f"train/{run.number}"])
    assert [run.name for run in read_runs(store)] == ["hazel-newt", "hazel-newt~2", "hazel-newt~3"]
    store.remove_run("hazel-newt")
    with Run("hazel-newt~2", store, {"data": "d"}).under_way() as run:
        assert run.name == "hazel-newt~2~2"
    assert read_named(store, read_runs(store))["hazel-newt~2"] == {"train/2"}
    assert json.loads(store.read("runs/hazel-newt~3/run.json"))["run"] == "hazel-newt~3"


def test_of_a_flow_runs_starts_the_last_tells_whether_and_how_it_ended(tmp_path):
    store = Store(tmp_path)

    def start(flow_run, attempt, *, killed):
        with Run(flow_run, store, {}, flow_run=flow_run, attempt=attempt).under_way() as run:
            record = store.read(f"runs/{run.name}/run.json")
        if killed:
            store.write(f"runs/{run.name}/run.json", record)

    def ended():
        return [(run.name, run.attempt, run.state) for run in ended_runs(read_runs(store)).values()]

    start("a", 1, killed=True)
    start("a", 2, killed=False)
    start("b", 1, killed=False)
    start("b", 2, killed=True)
    expected = [("a~2", 2, "completed"), ("b~2", 2, "running")]
    with Run("c", store, {}, flow_run="c", attempt=1).under_way():
        assert ended() == expected
    record = json.loads(store.read("runs/b~2/run.json")) | {"flow_run": "other"}
    store.write("runs/elsewhere/run.json", json.dumps(record | {"machine": "another"}).encode())
    del record["flow_run"], record["attempt"]  # as earlier versions left it
    store.write("runs/older/run.json", json.dumps(record).encode())
    assert ended() == [*expected, ("c", 1, "completed")]
    assert {"older", "elsewhere"} < {run.name for run in read_runs(store)}
