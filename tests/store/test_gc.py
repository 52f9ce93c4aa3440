"""gc removes what no kept run names, shows it first, and leaves alone what a running flow uses."""

import json
from pathlib import Path

import pytest

from gliaflow.store.artifacts import Store
from gliaflow.store.gc import plan_removal, remove
from gliaflow.store.registry import Frozen, Registry
from gliaflow.store.runs import Run
from gliaflow.store.watched import Watched
from gliaflow.store.why import Why


@pytest.fixture
def run(put, tmp_path):
    """`run(name, epochs)` is a finished run with a label result that all share and a model of its own."""

    def finish(name: str, epochs: int) -> dict[str, str]:
        store = Store(tmp_path)
        with Run(name, store, {"data": "d"}).under_way() as under_way:
            made = {"label": put(store, "label"), "train": put(store, "train", {"model": "w" * 1000}, epochs=epochs)}
            under_way.use(artifact.path for artifact in made.values())
            for artifact in made.values():
                under_way.record(artifact, cached=False, why=Why("first run"), seconds=1.0)
        return {stage: artifact.path for stage, artifact in made.items()}

    return finish


def there(root: Path) -> set[str]:
    return {path.parent.relative_to(root).as_posix() for path in root.glob("*/*/manifest.json")}


def test_what_only_old_runs_named_goes_and_what_kept_ones_share_stays(run, tmp_path):
    first, second, third = run("first", 1), run("second", 2), run("third", 3)
    store = Store(tmp_path)
    plan = plan_removal(store, keep=2)
    assert (plan.runs, plan.kept, plan.running) == (["first"], ["second", "third"], [])
    assert plan.folders.keys() == {first["train"]}
    assert plan.size == sum(path.stat().st_size for path in (tmp_path / first["train"]).iterdir()) > 1000
    assert there(tmp_path) == {first["label"], first["train"], second["train"], third["train"]}, "planning removes none"
    assert remove(store, plan) == plan.size
    assert there(tmp_path) == {first["label"], second["train"], third["train"]}
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["second", "third"]
    assert list((tmp_path / ".work").iterdir()) == []


def test_failed_runs_do_not_push_out_the_last_good_one(run, tmp_path):
    good = run("good", 1)
    for name in ("bad1", "bad2"):
        with pytest.raises(RuntimeError), Run(name, Store(tmp_path), {"data": "d"}).under_way():
            raise RuntimeError("no")
    plan = plan_removal(Store(tmp_path), keep=1)
    assert plan.kept == ["good", "bad1", "bad2"]
    assert good["train"] not in plan.folders


def test_a_running_flow_keeps_what_it_uses_and_what_it_is_about_to_use(run, put, tmp_path):
    old, _ = run("old", 1), run("new", 2)
    store = Store(tmp_path)
    with Run("live", store, {"data": "d"}).under_way() as live:
        unnamed = put(store, "volume")
        assert plan_removal(store, keep=1).folders.keys() == {old["train"]}, (
            "what no record names may be the live run's"
        )
        plan = plan_removal(store, keep=1)
        live.use([old["train"]])  # after the plan was made
        assert plan_removal(store, keep=1).folders == {}
        assert remove(store, plan) == 0
        assert old["train"] in there(tmp_path)
    assert unnamed.path in plan_removal(store, keep=1).folders


def test_what_killed_attempts_left_goes_and_what_is_being_made_stays(run, put, tmp_path):
    run("one", 1)
    (tmp_path / ".work" / "label-0123456789abcdef-dead0000").mkdir(parents=True)
    checkpoints = tmp_path / ".work" / "train-0123456789abcdef.resume"
    checkpoints.mkdir()
    (checkpoints / "epoch-0001.npz").write_bytes(b"w" * 500)
    (tmp_path / ".unpacked" / "ab12").mkdir(parents=True)
    (tmp_path / ".unpacked" / "ab12.json").write_text("{}")
    (tmp_path / "runs" / "one" / ".run.json.1234abcd").write_text("{")
    (tmp_path / ".scan").mkdir()
    (tmp_path / ".scan" / ".ab.json.x7").write_text("{")
    records = tmp_path / ".records"
    records.mkdir()
    (records / "stale").write_text(json.dumps({"result": json.dumps({"stage": "label", "key": "gone", "content": ""})}))
    store = Store(tmp_path)
    plan = plan_removal(store, keep=1)
    assert plan.folders == {
        ".work/train-0123456789abcdef.resume": 500,
        ".unpacked/ab12": 0,
        ".work/label-0123456789abcdef-dead0000": 0,
    }
    remove(store, plan)
    assert list((tmp_path / ".work").iterdir()) == []
    assert list((tmp_path / ".unpacked").iterdir()) == []
    assert list(records.iterdir()) == list((tmp_path / ".scan").iterdir()) == []
    assert sorted(path.name for path in (tmp_path / "runs" / "one").iterdir()) == ["run.json", "uses"]

    def meanwhile(folder: Path) -> None:
        (folder / "half").write_text("half")
        remove(store, plan_removal(store, keep=1))
        assert (folder / "half").exists(), "somebody is at work there"

    from gliaflow.store.manifests import Provenance

    store.obtain(Provenance("split", {}, {}, {}, {}), meanwhile)


def test_checkpoints_of_a_kept_run_stay(tmp_path):
    store = Store(tmp_path)
    folder = tmp_path / ".work" / "train-0123456789abcdef.resume"
    folder.mkdir(parents=True)
    with pytest.raises(KeyboardInterrupt), Run("stopped", store, {"data": "d"}).under_way() as run:
        run.use(["train/0123456789abcdef"])
        raise KeyboardInterrupt
    assert plan_removal(store, keep=1).folders == {}


def test_the_order_of_runs_does_not_hang_on_the_clock(run, tmp_path):
    first, _ = run("first", 1), run("second", 2)
    record = tmp_path / "runs" / "first" / "run.json"
    value = json.loads(record.read_text())
    record.write_text(json.dumps({**value, "started": "2099-01-01T00:00:00.000+00:00"}))
    assert plan_removal(Store(tmp_path), keep=1).folders.keys() == {first["train"]}


def test_at_least_one_run_is_kept(tmp_path):
    with pytest.raises(ValueError, match="At least one run is kept, not 0"):
        plan_removal(Store(tmp_path), keep=0)


def test_a_flow_that_runs_often_pushes_out_no_run_of_another(put, tmp_path):
    store = Store(tmp_path)
    made = {}
    for name, flow in [("train1", "train"), ("train2", "train"), *[(f"watch{n}", "watch") for n in range(5)]]:
        with Run(name, store, {"data": "d"}, flow=flow).under_way() as run:
            made[name] = put(store, flow, run=name)
            run.use([made[name].path])
    plan = plan_removal(store, keep=2)
    assert plan.runs == ["watch0", "watch1", "watch2"]
    assert plan.folders.keys() == {made[name].path for name in plan.runs}


def test_what_a_roll_back_needs_stays(run, put, tmp_path):
    store = Store(tmp_path)
    registry = Registry(store)
    releases = [put(store, "release", number=number) for number in range(3)]
    tested = Frozen(("p",), ("p",), ())
    about = {"run": "r", "data": "d", "metrics": [], "lineage": {}, "patients": ["p"], "tested": tested, "trained": []}
    versions = [registry.register({"release": release}, **about) for release in releases]
    registry.judge(versions[0], None, promote=True, why="first")
    registry.judge(versions[1], registry.current(), promote=False, why="worse")
    registry.judge(versions[2], registry.current(), promote=True, why="better")
    run("only", 1)
    plan = plan_removal(store, keep=1)
    assert plan.folders.keys() == {releases[1].path}, "of a version that never was current"


def test_masks_of_patients_who_came_into_a_watched_folder_stay(put, run, tmp_path):
    store = Store(tmp_path)
    old, new, other = (put(store, "prediction", number=number) for number in range(3))
    for data, predictions in (("d", {"p": old.path}), ("d", {"p": new.path}), ("e", {"p": other.path})):
        watched = Watched(store, data)
        watched.add(watched.look(run="r", files="f", model="v1", predictions=predictions))
    run("only", 1)
    assert plan_removal(store, keep=1).folders.keys() == {old.path}, "the one before, of a patient whose images changed"
