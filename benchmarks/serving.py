"""Prefect's server and workers as `make` starts them, for tests and measurements: on a free port, dead when done."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

ROOT = Path(__file__).parents[1]
MAKE = ["make", "READY=", f"ENV={sys.prefix}"]  # with this environment, whatever the lock file says
MARK = "GLIAFLOW_SERVED"  # a variable that every descendant inherits, flow runs in sessions of their own too
START = 120.0  # seconds that a server has to answer: a first start makes a database
GRACE = 15.0  # seconds that a process has to end after SIGTERM
T = TypeVar("T")


@dataclass(frozen=True)
class Server:
    """A Prefect server under way.

    api : its address, as PREFECT_API_URL wants it
    environment : what clients, workers and `python -m flows` need to reach it; nothing of the caller's own Prefect
    auth : user:password, where it asks for one
    log : what it writes
    """

    api: str
    environment: dict[str, str]
    auth: str | None
    log: Path

    def client(self) -> "SyncPrefectClient":
        """A client, as a context manager."""
        from prefect.client.orchestration import SyncPrefectClient

        return SyncPrefectClient(self.api, auth_string=self.auth)

    def prefect(self, *arguments: str, cwd: Path = ROOT) -> str:
        """What `prefect ARGUMENTS` prints; raises `RuntimeError` with it where the command fails."""
        return self._run([sys.executable, "-m", "prefect", "--no-prompt", *arguments], cwd)

    def make(self, *arguments: str) -> str:
        """What `make ARGUMENTS` prints, such as "deploy", "DATA=DIR"; raises `RuntimeError` where that fails."""
        return self._run([*MAKE, *arguments], ROOT)

    def _run(self, command: list[str], cwd: Path) -> str:
        done = subprocess.run(command, cwd=cwd, env=self.environment, capture_output=True, text=True, timeout=300)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout


@dataclass(frozen=True)
class Worker:
    """A worker under way: its process (a flow run is a child of it, in a session of its own) and what it writes."""

    process: "subprocess.Popen[bytes]"
    log: Path


@contextmanager
def serve(
    folder: Path, *, database: str | None = None, auth: str | None = None, settings: dict[str, str] | None = None
) -> Iterator[Server]:
    """Within this context `make server` runs with its home in `folder`.

    database : such as postgresql://user@host/name; by default SQLite in `folder`
    auth : user:password that it asks for
    settings : more variables, for the server and all that reach it
    """
    port = free_port()
    api = f"http://127.0.0.1:{port}/api"
    environment = _environment(folder) | (settings or {})
    of_server = environment | ({"DATABASE": database} if database else {}) | ({"AUTH": auth} if auth else {})
    of_clients = environment | {"PREFECT_API_URL": api} | ({"PREFECT_API_AUTH_STRING": auth} if auth else {})
    server = Server(api, of_clients, auth, folder / "server.log")
    with running([*MAKE, "server", f"PORT={port}"], of_server, server.log, ROOT) as process:
        wait_for(lambda: _answers(server, process), f"an answer of {api} (see {server.log})", START)
        yield server


@contextmanager
def work(server: Server, pool: str | None, *options: str, cwd: Path, name: str = "worker") -> Iterator[Worker]:
    """Within this context a worker takes runs from `pool`, a work pool of type process that is made if it is not there.

    pool : None for what `make worker` does
    cwd : where the worker stands, and its log is; flows run where their deployment says
    options : more of `prefect worker start`, such as "--work-queue", "training"
    """
    log = cwd / f"{name}.log"
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", str(pool), "--type", "process"]
    if pool is None:
        command, cwd = [*MAKE, "worker", f"OPTIONS={' '.join(options)}"], ROOT
    else:
        command += ["--name", name, *options]
    with running(command, server.environment, log, cwd) as process:
        wait_for(lambda: b"started!" in log.read_bytes() or _ended(process, log), f"a worker of {pool}", START)
        yield Worker(process, log)


def wait_for(look: Callable[[], T | None], what: str, seconds: float, every: float = 0.2) -> T:
    """What `look` gives as soon as it is true; raises `TimeoutError` where that takes longer than `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come within {seconds:.0f} s")
        time.sleep(every)
    return found


def alive(mark: str) -> list[int]:
    """The ids of the living processes that carry `mark`."""
    wanted, found = f"{MARK}={mark}".encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # another user's, or gone
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


@contextmanager
def running(
    command: list[str], environment: dict[str, str], log: Path, cwd: Path, *, user: str | None = None
) -> "Iterator[subprocess.Popen[bytes]]":
    """Within this context `command` runs, as `user` where named; afterwards it and all its descendants are dead."""
    mark = uuid.uuid4().hex
    with log.open("ab") as out:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment | {MARK: mark},
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,  # else Ctrl-C ends it before we have done with it
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)  # make passes no signal on
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
        while left := alive(mark):
            for number in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)
            process.poll()  # else it stays as a zombie
            time.sleep(0.05)
        process.wait()


def _environment(folder: Path) -> dict[str, str]:
    """Ours without any Prefect of the caller's; the code of this checkout first."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "MAKE"))}
    lines = (ROOT / "deploy" / "prefect.env").read_text(encoding="utf-8").splitlines()
    return {
        **kept,
        **dict(line.split("=", 1) for line in lines if line and not line.startswith("#")),
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_WORKER_QUERY_SECONDS": "1",  # how often a worker asks for runs; the default is 10
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")]),
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(server: Server, process: "subprocess.Popen[bytes]") -> bool:
    _ended(process, server.log)
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{server.api}/health", timeout=5) as answer:
        return bool(answer.status == 200)
    return False


def _ended(process: "subprocess.Popen[bytes]", log: Path) -> None:
    if process.poll() is not None:
        raise RuntimeError(f"It ended with {process.returncode}:\n{log.read_text()[-3000:]}")
