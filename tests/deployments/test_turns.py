"""Trainings of one server take turns, whatever began them: a deployment, a look, a command in a terminal."""

import subprocess
import sys
import time

import pytest

from benchmarks.serving import wait_for
from deploy.pool import require_limit
from tasks.turns import LIMIT

TRAINING = """
import logging, sys, time
from tasks.turns import turn
logging.basicConfig(level=logging.INFO, format="%(message)s")
for kept in logging.getLogger("httpx"), logging.getLogger("httpcore"): kept.setLevel(logging.WARNING)
with turn():
    print("in", flush=True)
    sys.stdin.readline()
print("out", flush=True)
"""
BETWEEN = 60  # seconds that someone who waits may let pass between two questions


@pytest.fixture
def start(server, forget_limit, tmp_path):
    """`start(name)` starts a process that asks for its turn, prints "in", and ends at a line on its input."""
    processes = []

    def begin(name):
        command = [sys.executable, "-c", TRAINING]
        with (tmp_path / name).open("wb") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, env=server.environment
            )
        processes.append(process)
        return process

    forget_limit()
    yield begin
    for process in processes:
        process.kill()
        process.wait()
        process.stdin.close()
    forget_limit()


def test_a_training_waits_for_the_one_under_way_where_the_server_has_the_limit(server, start, tmp_path):
    def says(name, words):
        wait_for(lambda: words in (tmp_path / name).read_text(), f"{words!r} of {name}", 60)

    def end(process):
        process.stdin.write(b"\n")
        process.stdin.flush()
        assert process.wait(30) == 0

    free = [start("free-1"), start("free-2")]
    for name in ("free-1", "free-2"):
        says(name, "in")
        assert (tmp_path / name).read_text() == "in\n", "without a limit none waits, and nothing is said"
    for process in free:
        end(process)
    with server.client() as client:
        require_limit(client, LIMIT)

    first = start("first")
    says("first", "in")
    second = start("second")
    says("second", "Another training is under way: waiting for it")
    time.sleep(3)
    assert "in\n" not in (tmp_path / "second").read_text()
    end(first)
    wait_for(lambda: "in\n" in (tmp_path / "second").read_text(), "the turn of the second", BETWEEN)
    end(second)
