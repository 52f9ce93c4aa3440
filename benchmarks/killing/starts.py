"""One start of the flow in processes of its own: left alone, or killed with SIGKILL at a planned moment."""

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .compare import runs_of, stages_of
from .points import Point

HOOK = Path(__file__).parent / "hook"
MARK = "GLIAFLOW_KILLED_RUN"  # an environment variable that every descendant of a start inherits: tells what is ours
LOOK = 0.01  # seconds between looks at a run
GRACE = 10.0  # seconds that processes have to die with the run
SERVER_GRACE = 2.0  # and Prefect's server alone


@dataclass(frozen=True)
class Flow:
    """A command under test: `python -m flows train OPTIONS`, run in the checkout `code`.

    folder : gets artifacts/, prefect/ (Prefect's home) and log.txt
    environment : variables besides our own
    """

    code: Path
    options: tuple[str, ...]
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"


@dataclass(frozen=True)
class End:
    """How a start ended.

    state : killed (by us), finished, failed (of itself, with an error) or hung (killed at the time limit)
    stage : the stage under way; "end" if all were on record
    at : what the run was killed at, as it happened; "late" if it had got past the planned point
    outlived : command lines of its processes, Prefect's server apart, that were alive `GRACE` seconds later
    servers : Prefect's servers that were, and were ended by their id
    """

    state: str
    seconds: float
    stage: str
    at: dict[str, Any]
    ran: list[str]
    outlived: list[str]
    servers: int


def start(
    flow: Flow,
    *,
    point: Point | None = None,
    trace: Path | None = None,
    alone: bool = False,
    limit: float = 900,
) -> End:
    """Start `flow`, kill it at `point` (see `points`) or write its moments to `trace`, and wait for its end.

    alone : kill the main process alone; otherwise its process group
    limit : seconds after which a run has hung
    """
    flow.folder.mkdir(parents=True, exist_ok=True)
    hit = flow.folder / "hit.json"
    hit.unlink(missing_ok=True)
    environment, mark = _environment(flow), f"{flow.folder}#{uuid.uuid4().hex}"
    environment[MARK] = mark
    plan: dict[str, Any] = {"root": str(flow.artifacts), "hit": str(hit), "alone": alone}
    if trace is not None:
        plan["trace"] = str(trace)
    elif point is not None and point["what"] != "time":
        plan["point"] = {name: point[name] for name in ("what", "path", "nth", "bytes")}
    if "trace" in plan or "point" in plan:
        environment["PYTHONPATH"] = os.pathsep.join([str(HOOK), environment["PYTHONPATH"]])
        environment["GLIAFLOW_KILLING"] = json.dumps(plan)
    before, clock = runs_of(flow.artifacts), time.monotonic()
    command = [sys.executable, "-m", "flows", "train", *flow.options, "--artifacts", str(flow.artifacts)]
    with flow.log.open("ab") as log:
        log.write(f"--- {point and point['about'] or 'to the end'}\n".encode())
        log.flush()
        process = subprocess.Popen(
            command,
            cwd=flow.code,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            at = _watch(process, flow, before, point, alone, clock + limit)
        finally:
            if process.poll() is None:  # we are interrupted
                os.killpg(process.pid, signal.SIGKILL)
    seconds = time.monotonic() - clock
    recorded = _recorded(flow, before)
    outlived, servers = _end_survivors(mark)
    if hit.exists() and not at.get("hung"):
        at = {name: value for name, value in json.loads(hit.read_text()).items() if name != "time"}
    if at.get("hung"):
        state = "hung"
    elif at and process.returncode == -signal.SIGKILL:
        state = "killed"
    else:
        state = "finished" if process.returncode == 0 else "failed"
    return End(
        state=state,
        seconds=round(seconds, 2),
        stage=_under_way(recorded),
        at=at,
        ran=[stage for stage, cached in recorded if not cached],
        outlived=outlived,
        servers=servers,
    )


def end_processes(folder: Path) -> None:
    """End what still runs of earlier starts in `folder`, by the ids of those that carry our mark."""
    _kill(_alive(f"{folder}#"))


def _environment(flow: Flow) -> dict[str, str]:
    """Ours, with the code under test first on the path, and with a Prefect of the run's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "GLIAFLOW_"))}
    path = [str(flow.code / "src"), str(flow.code)]
    ours = {
        "PYTHONPATH": os.pathsep.join(path),
        "PREFECT_HOME": str(flow.folder / "prefect"),
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    return {**kept, **ours, **flow.environment}


def _watch(
    process: "subprocess.Popen[bytes]",
    flow: Flow,
    before: set[str],
    point: Point | None,
    alone: bool,
    deadline: float,
) -> dict[str, Any]:
    """Wait for the end of `process`; kill it some seconds after what `point` names, or where `point` is over.

    An exact point is for the hook within the run: here it is only seen that the run got past it.

    Returns what it was killed at; nothing if it ended otherwise.
    """
    begun, started = None, time.time()
    while process.poll() is None:
        now = time.monotonic()
        if now > deadline:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return {"hung": True}
        if point is not None:
            done = len(_recorded(flow, before))
            timed = point["what"] == "time" and done >= point["after"]
            if begun is None and timed and _is_saved(flow, point["checkpoint"], started):
                begun = now
            late = done >= point.get("over", math.inf)
            if late or (begun is not None and now - begun >= point["seconds"]):
                (os.kill if alone else os.killpg)(process.pid, signal.SIGKILL)
                process.wait()
                work = sorted(path.name for path in (flow.artifacts / ".work").glob("*"))
                since = None if begun is None else round(now - begun, 3)
                return {"what": "time", "seconds": since, "late": late, "work": work}
        time.sleep(LOOK)
    return {}


def _is_saved(flow: Flow, checkpoint: str, started: float) -> bool:
    """Whether this checkpoint, or a later one, was written since `started`; "" stands for none."""
    if not checkpoint:
        return True
    for path in flow.artifacts.glob(".work/train-*.resume/epoch-*.npz"):
        with contextlib.suppress(FileNotFoundError):
            if path.name >= checkpoint and path.stat().st_mtime >= started:
                return True
    return False


def _recorded(flow: Flow, before: set[str]) -> list[tuple[str, bool]]:
    """The stages that this start has recorded."""
    new = runs_of(flow.artifacts) - before
    return stages_of(flow.artifacts, new.pop()) if new else []


ORDER = ["scan", "pair", "prepare", "label", "split", "train", "evaluate", "predict", "release", "report", "publish"]


def _under_way(recorded: list[tuple[str, bool]]) -> str:
    """The stage after the last one on record; before the first, "start"."""
    if not recorded:
        return "start"
    return ORDER[ORDER.index(recorded[-1][0]) + 1]


def _end_survivors(mark: str) -> tuple[list[str], int]:
    """Wait until a start's processes are dead; end others by their ids. Returns these: (our own, Prefect's servers)."""
    began = time.monotonic()
    while (alive := _alive(mark)) and (waited := time.monotonic() - began) < GRACE:
        if waited > SERVER_GRACE and all("uvicorn" in line for line in alive.values()):
            break  # nothing tells Prefect's server that the flow it serves is dead
        time.sleep(0.05)
    _kill(alive)
    others = [line for line in alive.values() if "uvicorn" not in line]
    return others, len(alive) - len(others)


def _kill(processes: Iterable[int]) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def _alive(mark: str) -> dict[int, str]:
    """Process id -> command line of every living process whose mark begins with `mark`."""
    wanted, found = f"{MARK}={mark}".encode(), {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if any(value.startswith(wanted) for value in (folder / "environ").read_bytes().split(b"\0")):
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
        except OSError:  # another user's, or gone
            continue
    return found
