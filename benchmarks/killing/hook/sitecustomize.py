"""Put on PYTHONPATH of a run under test: watches what it does to files, or kills it at one such moment.

Python imports a module of this name at start-up, in the flow and in every child of it, so the code under test needs no
hook of its own. What to do stands as JSON in the environment variable GLIAFLOW_KILLING:

root   : the artifact folder; nothing outside it is watched
trace  : file that gets a JSON line for every moment (what, path, nth, bytes, time), or
point  : the moment to kill at: {"what", "path", "nth", "bytes"}, and
hit    : file that gets a JSON line just before the kill
alone  : kill the main process alone instead of its group

Moments (`what`): `write`, a file opened for writing (killed when more than `bytes` bytes are written), `flush` (before
fsync), `rename` and `renamed` (before and after), `remove` (before). `path` is relative to `root`, random parts as `*`;
`nth` counts this moment of this path in this process, from 1.
"""

import builtins
import io
import json
import os
import re
import signal
import threading
import time
from collections import Counter
from typing import Any

RANDOM = [
    (re.compile(r"^(\.work/\w+-[0-9a-f]{16})-[0-9a-f]{8}"), r"\1-*"),
    (re.compile(r"^runs/[^/]+"), "runs/*"),
    (re.compile(r"/\.(run\.json|uses|model\.keras)\.[0-9a-f]+"), r"/.\1.*"),
    (re.compile(r"(/\.[^/]+\.json)\.\w{8}$"), r"\1.*"),
    (re.compile(r"^(\.unpacked/\.[0-9a-f]{64})-\w{8}"), r"\1-*"),
    (re.compile(r"(tfevents)\..*"), r"\1.*"),
]


class Watch:
    """Counts moments; notes each, or kills at the planned one."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.root = os.path.realpath(plan["root"]) + os.sep
        self.trace, self.point, self.hit = plan.get("trace"), plan.get("point"), plan.get("hit")
        self.alone = plan.get("alone", False)
        self.seen: Counter[tuple[str, str]] = Counter()
        self.lock = threading.Lock()

    def name(self, path: Any, dir_fd: int | None = None) -> str | None:
        """`path` (or an open file's number) relative to the root, its random parts as `*`; None if not below it."""
        try:
            if isinstance(path, int):
                path = os.readlink(f"/proc/self/fd/{path}")
            elif dir_fd is not None:
                path = os.path.join(os.readlink(f"/proc/self/fd/{dir_fd}"), os.fspath(path))
            whole = os.path.abspath(os.fspath(path))
        except (OSError, TypeError, ValueError):
            return None
        if not isinstance(whole, str) or not whole.startswith(self.root):
            return None
        name = whole[len(self.root) :]
        for pattern, replacement in RANDOM:
            name = pattern.sub(replacement, name)
        return name

    def moment(self, what: str, name: str | None) -> int:
        """The moment has come: kill if it is the planned one, else return its number."""
        if name is None:
            return 0
        with self.lock:
            self.seen[what, name] += 1
            nth = self.seen[what, name]
        if self.trace and what != "write":
            self.note({"what": what, "path": name, "nth": nth, "bytes": 0})
        if what != "write" and self.planned(what, name, nth):
            self.kill()
        return nth

    def planned(self, what: str, name: str, nth: int) -> bool:
        return self.point is not None and (what, name, nth) == tuple(self.point[k] for k in ("what", "path", "nth"))

    def note(self, moment: dict[str, Any], file: str | None = None) -> None:
        """Append a JSON line in one system call, so that several processes may."""
        handle = os.open(file or self.trace, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.write(handle, (json.dumps({**moment, "time": time.time(), "pid": os.getpid()}) + "\n").encode())
        os.close(handle)

    def kill(self) -> None:
        self.note(self.point, self.hit)
        leader = os.getpgid(0)
        if self.alone:
            os.kill(leader, signal.SIGKILL)
            while True:  # a child: it has to die because its parent did, and not to get any further
                time.sleep(1)
        os.killpg(leader, signal.SIGKILL)


class WatchedFile(io.FileIO):
    """A file open for writing that counts its bytes, and stops in the middle of a write if that is planned."""

    watch: Watch
    about: tuple[str, int]
    begun: float
    written = 0

    def write(self, data: Any) -> int:
        content = memoryview(data).cast("B")
        name, nth = self.about
        if self.watch.planned("write", name, nth) and self.written + len(content) > self.watch.point["bytes"]:
            super().write(content[: max(0, self.watch.point["bytes"] - self.written)])
            self.watch.kill()
        count = super().write(content) or 0
        self.written += count
        return count

    def close(self) -> None:
        if not self.closed and self.watch.trace:
            name, nth = self.about
            self.watch.note({"what": "write", "path": name, "nth": nth, "bytes": self.written, "begun": self.begun})
        super().close()


def install(watch: Watch) -> None:
    """Wrap what opens, flushes, renames and removes files."""
    plain_open = io.open

    def watched_open(file: Any, mode: str = "r", buffering: int = -1, *more: Any, **options: Any) -> Any:
        if not set(mode) & {"w", "x"} or buffering == 0:
            return plain_open(file, mode, buffering, *more, **options)
        name = watch.name(file)
        if name is None:
            return plain_open(file, mode, buffering, *more, **options)
        names = ("encoding", "errors", "newline", "closefd", "opener")
        options |= dict(zip(names, more, strict=False))
        closefd, opener = options.pop("closefd", True), options.pop("opener", None)
        raw = WatchedFile(file, mode.replace("b", "").replace("t", ""), closefd, opener)
        raw.watch, raw.about, raw.begun = watch, (name, watch.moment("write", name)), time.time()
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        if "b" in mode:
            return buffered
        text = io.TextIOWrapper(buffered, **options)
        text.mode = mode
        return text

    builtins.open = io.open = watched_open

    def wrap(what: str, function_name: str, after: str | None = None) -> None:
        function = getattr(os, function_name)

        def watched(path: Any, *more: Any, **options: Any) -> Any:
            place = more[0] if what == "rename" else path
            name = watch.name(place, options.get("dir_fd"))
            watch.moment(what, name)
            result = function(path, *more, **options)
            if after:
                watch.moment(after, name)
            return result

        setattr(os, function_name, watched)

    wrap("rename", "replace", after="renamed")
    wrap("rename", "rename", after="renamed")
    wrap("flush", "fsync")
    wrap("remove", "unlink")
    wrap("remove", "remove")
    wrap("remove", "rmdir")


if "GLIAFLOW_KILLING" in os.environ:
    install(Watch(json.loads(os.environ["GLIAFLOW_KILLING"])))
