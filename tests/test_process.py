"""A child process tells how it goes, says why it failed, and dies with its parent."""

import os
import signal
import subprocess
import sys
import time

import pytest

from gliaflow.process import ChildFailed, run_child


@pytest.fixture
def child(tmp_path, monkeypatch):
    """Make the module `childmodule` from source, importable by children."""

    def write(source: str) -> str:
        (tmp_path / "childmodule.py").write_text(
            "import json, sys, os, time\nspec = json.load(open(sys.argv[1]))\n" + source
        )
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
        return "childmodule"

    return write


def test_events_arrive_in_order_and_noise_is_passed_over(child):
    events = []
    source = "print('library noise')\nfor i in range(spec['n']): print(json.dumps({'event': 'progress', 'done': i}))"
    run_child(child(source), {"n": 3}, events.append)
    assert [event["done"] for event in events] == [0, 1, 2]


def test_a_failing_child_says_why(child):
    with pytest.raises(ChildFailed, match=r"(?s)ended with status 1.*ValueError: the loss is nan"):
        run_child(child("raise ValueError('the loss is nan')"), {}, print)


def test_a_killed_child_is_told_as_such(child):
    with pytest.raises(ChildFailed, match="killed by SIGKILL. It may have run out of memory"):
        run_child(child("os.kill(os.getpid(), 9)"), {}, print)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_the_child_dies_with_a_killed_parent(child, tmp_path):
    name = child("open(spec['pid'], 'w').write(str(os.getpid()))\ntime.sleep(120)")
    pid_file = tmp_path / "pid"
    code = f"from gliaflow.process import run_child; run_child({name!r}, {{'pid': {str(pid_file)!r}}}, print)"
    parent = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 30
    while not (pid_file.exists() and pid_file.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    pid = int(pid_file.read_text())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
