"""A training whose process is killed goes on once; what would fail alike is not tried again."""

import logging
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from gliaflow.process import ChildFailed
from tasks import train


class Child:
    """Stands in for the child process: fails as often as it has failures left."""

    def __init__(self, *killed: bool):
        self.failures, self.starts = [self._failure(way) for way in killed], 0

    def __call__(self, module, spec, on_event):
        self.starts += 1
        if self.failures:
            raise self.failures.pop(0)

    @staticmethod
    def _failure(killed):
        failure = ChildFailed("killed by SIGKILL" if killed else "The training loss became nan in epoch 1.")
        failure.killed = killed
        return failure


@pytest.fixture
def start(monkeypatch):
    """`start(killed, …)` trains in a child that fails so often, each time killed or not; returns the starts."""
    pauses = []
    monkeypatch.setattr(train, "time", SimpleNamespace(sleep=pauses.append))

    def begin(*killed):
        child = Child(*killed)
        monkeypatch.setattr(train, "run_child", child)
        try:
            train.train_in_child({}, print)
        finally:
            begin.starts, begin.pauses = child.starts, pauses

    return begin


def test_a_killed_child_goes_on_once_after_a_pause_and_that_is_told(start, caplog):
    with caplog.at_level(logging.WARNING, logger="gliaflow.run"):
        start(True)
    assert (start.starts, start.pauses) == (2, [train.PAUSE])
    assert "may have run out of memory. It is tried once more" in caplog.text


def test_a_child_that_is_killed_again_has_failed(start):
    with pytest.raises(ChildFailed, match="killed by SIGKILL"):
        start(True, True)
    assert start.starts == 2


def test_a_loss_that_explodes_is_not_tried_again(start):
    with pytest.raises(ChildFailed, match="became nan"):
        start(False)
    assert (start.starts, start.pauses) == (1, [])


def test_each_try_has_its_turn_and_gives_it_back_in_the_pause(monkeypatch):
    told, child = [], Child(True)

    @contextmanager
    def turn():
        told.append("turn")
        try:
            yield
        finally:
            told.append("end")

    def run_child(*given):
        told.append("child")
        child(*given)

    monkeypatch.setattr(train, "turn", turn)
    monkeypatch.setattr(train, "run_child", run_child)
    monkeypatch.setattr(train, "time", SimpleNamespace(sleep=lambda _: told.append("pause")))
    train.train_in_child({}, print)
    assert told == ["turn", "child", "end", "pause", "turn", "child", "end"]
