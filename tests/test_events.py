"""Events are lines of strict JSON, and progress does not flood."""

import json

import numpy as np
import pytest

from gliaflow.events import Event, Progress, emit


def test_an_event_is_one_line_of_strict_json(capsys: pytest.CaptureFixture[str]) -> None:
    emit(
        {
            "event": "log",
            "message": "two\nlines",
            "figures": {"loss": np.float32(0.5), "dice": float("nan"), "n": [np.int64(3)]},
        }
    )
    out = capsys.readouterr().out
    assert out.count("\n") == 1 and "NaN" not in out
    assert json.loads(out) == {
        "event": "log", "message": "two\nlines", "figures": {"loss": 0.5, "dice": None, "n": [3]},
    }  # fmt: skip


def test_progress_tells_the_first_and_last_and_few_between() -> None:
    told: list[Event] = []
    progress = Progress(told.append, 1000, per_second=5)
    for done in range(1, 1001):
        progress(done, about="epoch 1")
    assert told[0] == {"event": "progress", "done": 1, "total": 1000, "about": "epoch 1"}
    assert told[-1]["done"] == 1000
    assert len(told) < 10
