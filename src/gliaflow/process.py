"""Run a module in a child process that dies with its parent, for work that should have its own memory and seeds.

The child is told what to do by a JSON file and tells how it goes by JSON lines on its standard output
(`gliaflow.events`). What it writes to standard error is kept, and shown if it fails.
"""

import contextlib
import ctypes
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import IO, Any

from gliaflow.errors import GliaflowError
from gliaflow.events import emit

PR_SET_PDEATHSIG = 1  # from <linux/prctl.h>
FAILED = "failed"  # the event that tells why a child ended
GRACE = 20.0  # seconds that a child has to end after SIGTERM


class ChildFailed(GliaflowError):
    """A child process ended with an error, or was killed (`killed`)."""

    killed = False


def run_child(module: str, spec: dict[str, Any], on_event: Callable[[dict[str, Any]], None]) -> None:
    """Run `python -m module SPEC.json` in a process of its own and call `on_event` for each event that it tells.

    Raises `ChildFailed` if the child does not end well: with its message where it raised a `GliaflowError`, else with
    the end of its standard error; from an `OSError` where the system refused it something. When this process is
    interrupted, or killed (on Linux), the child ends too.
    """
    with tempfile.TemporaryDirectory(prefix="gliaflow-") as folder:
        path = Path(folder) / "spec.json"
        path.write_text(json.dumps(spec), encoding="utf-8")
        command = [sys.executable, "-m", "gliaflow.process", str(os.getpid()), module, str(path)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8")
        assert child.stdout is not None and child.stderr is not None
        complaints: deque[str] = deque(maxlen=20)
        failures: list[dict[str, Any]] = []
        listener = Thread(target=complaints.extend, args=(child.stderr,), daemon=True)
        listener.start()
        try:
            _listen(child.stdout, lambda e: failures.append(e) if e.get("event") == FAILED else on_event(e))
            code = child.wait()
        finally:
            _end(child)
            listener.join(timeout=5)
            child.stdout.close()
            child.stderr.close()
    if code != 0:
        raise _failure(module, code, "".join(complaints).strip(), failures)


def _failure(module: str, code: int, complaints: str, failures: list[dict[str, Any]]) -> ChildFailed:
    told: dict[str, Any] = failures[-1] if failures else {}
    if told.get("message"):
        return ChildFailed(told["message"])
    ended = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
    hint = " It may have run out of memory." if code == -signal.SIGKILL else ""
    failure = ChildFailed(f"The process running {module} {ended}.{hint} Its last words:\n{complaints}")
    failure.killed = code < 0
    if told.get("errno"):
        failure.__cause__ = OSError(told["errno"], os.strerror(told["errno"]), told["filename"])
    return failure


def _listen(lines: IO[str], on_event: Callable[[dict[str, Any]], None]) -> None:
    for line in lines:
        with contextlib.suppress(json.JSONDecodeError):  # a library that prints is not an event
            event = json.loads(line)
            if isinstance(event, dict):
                on_event(event)


def _end(child: "subprocess.Popen[str]") -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(GRACE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _die_with(parent: int) -> None:
    """Ask the kernel to kill this process when its parent dies; end at once if it is dead already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit("the parent process is gone")


if __name__ == "__main__":
    _, parent_id, name, *arguments = sys.argv
    _die_with(int(parent_id))
    sys.argv = [name, *arguments]
    try:
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    except GliaflowError as error:
        emit({"event": FAILED, "message": str(error)})
        raise SystemExit(1) from None
    except OSError as error:
        emit({"event": FAILED, "errno": error.errno, "filename": error.filename and str(error.filename)})
        raise
