"""What a run tells: one line a stage, and the events of a child process."""

import logging

from gliaflow.store.runs import StageRecord
from tasks.console import progress, tell_stage


def test_a_stage_is_one_line_with_what_why_and_seconds(caplog):
    caplog.set_level(logging.INFO, logger="gliaflow.run")
    tell_stage(StageRecord("train", "k", "c", "train/k", False, "parameter recipe.epochs 2 -> 1", 12.34))
    tell_stage(StageRecord("label", "k", "c", "label/k", True, "nothing it depends on has changed", 0.01))
    tell_stage(StageRecord("train", "k", "c", "train/k", False, "first run", 12.34, within="fold 3"))
    assert [record.getMessage() for record in caplog.records] == [
        "train     ran       12.3 s  parameter recipe.epochs 2 -> 1",
        "label     cached     0.0 s  nothing it depends on has changed",
        "fold 3 train    ran       12.3 s  first run",
    ]


def test_a_childs_log_lines_are_passed_on_and_no_bar_is_drawn_in_a_file(caplog, capsys):
    caplog.set_level(logging.INFO, logger="gliaflow.run")
    with progress("train", "steps") as bar:
        bar.on_event({"event": "progress", "done": 1, "total": 2})
        bar.on_event({"event": "log", "level": "info", "message": "epoch 1 of 2"})
        bar.on_event({"event": "done"})
    assert [record.getMessage() for record in caplog.records] == ["epoch 1 of 2"]
    assert capsys.readouterr().err == ""
