"""A past run is told: what ran, what was reused, and the very thing that differed, old beside new."""

import pytest

from gliaflow.store.artifacts import Store
from gliaflow.store.explain import UnknownRun, explain_run
from gliaflow.store.manifests import Difference, Provenance
from gliaflow.store.runs import Run
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
