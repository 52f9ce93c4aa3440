"""A past run is told: what ran, what was reused, and the very thing that differed, old beside new."""

import json

import pytest

from gliaflow.store.artifacts import Store
from gliaflow.store.explain import UnknownRun, explain_run
from gliaflow.store.manifests import Difference, Provenance
from gliaflow.store.runs import Run, read_runs
from gliaflow.store.why import Why, why_run


@pytest.fixture
def store(tmp_path):
    """Two runs: in the second the data changed, so label ran again; the recipe too, so train did."""
    store = Store(tmp_path)
    for number, (digest, epochs) in enumerate((("a" * 64, 5), ("b" * 64, 9)), start=1):
        with Run(f"run{number}", store, {"data": "/lab/kaggle_3m"}).under_way() as run:
            label = step(run, Provenance("label", {"files": digest}, {}, {}, {}), f"labels {digest}")
            code, libraries = {"gliaflow.model.unet": "c" * 64}, {"keras": f"3.{number}"}
            step(run, Provenance("train", {"labels": label}, {"epochs": epochs}, code, libraries), f"{epochs}")
    return store


def step(run: Run, provenance: Provenance, text: str) -> str:
    why = why_run(run.store, provenance)
    made = run.store.obtain(provenance, lambda folder: (folder / "result").write_text(text) and None)
    run.record(made, cached=False, why=why, seconds=2.5)
    return made.content


def test_a_run_is_told_a_line_a_stage(store):
    lines = explain_run(store, "run2")
    assert lines[0].startswith("Run run2 (number 2, 20") and lines[0].endswith(" UTC) of /lab/kaggle_3m")
    assert lines[2] == "label     ran        2.5 s  input files changed"
    assert lines[3].startswith(
        "train     ran        2.5 s  parameter epochs 5 -> 9; input labels changed; library keras"
    )
    assert len(lines) == 4
    assert explain_run(store) == explain_run(store, "last") == lines


def test_a_stage_is_told_with_old_beside_new_and_where_an_input_came_from(store):
    run2 = explain_run(store, "run2", "train")
    assert "  parameter  epochs  5 -> 9" in run2
    assert "  library    keras   3.1 -> 3.2" in run2
    (labels,) = (line for line in run2 if line.startswith("  input      labels"))
    assert labels.endswith("(left by label)") and " -> " in labels
    assert any(line.startswith("  compared with train/") and line.endswith("by run run1") for line in run2)
    assert "  input      files  aaaaaaaa -> bbbbbbbb" in explain_run(store, "run2", "label")


def test_files_are_told_by_path_and_new_and_gone_ones_as_such(store):
    with Run("run3", store, {"data": "d"}).under_way() as run:
        changes = [Difference("file", "p/1.tif", None, "d" * 64), Difference("file", "p/2.tif", "e" * 64, None)]
        made = store.obtain(Provenance("scan", {}, {}, {}, {}), lambda folder: (folder / "f").write_text("") and None)
        run.record(made, cached=False, why=Why("looked at", None, changes), seconds=0.1)
    told = explain_run(store, "run3", "scan")
    assert "  file       p/1.tif  new: dddddddd" in told
    assert "  file       p/2.tif  gone: eeeeeeee" in told


def test_a_run_that_was_killed_is_told_as_interrupted(store):
    record = store.read("runs/run2/run.json").replace(b'"state": "completed"', b'"state": "running"')
    store.write("runs/run2/run.json", record)
    assert ", interrupted) of " in explain_run(store, "run2")[0]


def test_unknown_runs_and_stages_are_told(store, tmp_path):
    with pytest.raises(UnknownRun, match=r"no run 'run9' in .*The last runs: run1, run2\."):
        explain_run(store, "run9")
    with pytest.raises(UnknownRun, match="run2 has no stage 'predict'; its stages: label, train"):
        explain_run(store, "run2", "predict")
    with pytest.raises(UnknownRun, match="No run has left a record"):
        explain_run(Store(tmp_path / "empty"))


def test_the_stages_of_a_runs_parts_are_told_apart(store):
    with Run("run3", store, {"data": "d"}).under_way() as run:
        for fold in (0, 1):
            with run.within(f"fold {fold}"):
                parts = step(run, Provenance("split", {}, {"fold": fold}, {}, {}), f"parts {fold}")
                step(run, Provenance("train", {"parts": parts}, {"epochs": 9}, {}, {}), f"model {fold}")
        step(run, Provenance("pool", {}, {}, {}, {}), "all")
    lines = explain_run(store, "run3")
    assert [line[:13].rstrip() for line in lines[2:]] == [
        "fold 0 split",
        "fold 0 train",
        "fold 1 split",
        "fold 1 train",
        "pool",
    ]
    assert lines[4] == "fold 1 split ran        2.5 s  parameter fold 0 -> 1"
    assert [stage.within for stage in read_runs(store)[-1].stages] == ["fold 0", "fold 0", "fold 1", "fold 1", ""]
    (one,) = (line for line in explain_run(store, "run3", "fold 1 train") if line.startswith("  input      parts"))
    assert one.endswith("(left by fold 1 split)")
    both = explain_run(store, "run3", "train")
    assert [line[:12] for line in both if line.startswith("fold")] == ["fold 0 train", "fold 1 train"]
    assert sum(line.startswith("  result train/") for line in both) == 2
    with pytest.raises(UnknownRun, match="its stages: fold 0 split, fold 0 train, fold 1 split, fold 1 train, pool"):
        explain_run(store, "run3", "fold 2 train")


def test_a_record_without_parts_is_read(store):
    record = json.loads(store.read("runs/run2/run.json"))
    for stage in record["stages"]:
        del stage["within"]
    store.write("runs/run2/run.json", json.dumps(record).encode())
    assert explain_run(store, "run2")[2].startswith("label     ran ")
