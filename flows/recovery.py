"""`python -m flows recover`: runs that Prefect takes for running although their process is gone.

Prefect learns how a run ended from the run or from its worker. Where both are gone (a run started by hand that was
killed, a machine that went down), the run stays "Running" for ever, and its retry is refused. Our own records know
better: a lock that the kernel frees tells whether a run lives.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from flows.home import prefect_set_up
from flows.upkeep import add_command, agreed, count
from gliaflow.errors import GliaflowError
from gliaflow.store.runs import Run, killed_runs, read_runs
from gliaflow.store.shared import open_store

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

ENDS = {"RUNNING": "Crashed", "CANCELLING": "Cancelled"}  # what a state becomes where nobody is left to leave it


class PrefectUnreachable(GliaflowError):
    """Prefect's server does not answer, or not to us."""


@dataclass(frozen=True)
class Stuck:
    """A killed run that Prefect takes for alive: the state that it shows, the one that it should, how to go on."""

    run: Run
    shown: str
    end: str
    retry: str


def add_recovery(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command `recover`; it sets `run`, a function of the options that gives the exit status."""
    about = "find runs of this machine that were killed though Prefect shows them as running, and set them to Crashed"
    parser = add_command(commands, "recover", about, _recover)
    parser.add_argument("--yes", action="store_true", help="Set without asking.")


def _recover(options: argparse.Namespace) -> int:
    try:
        killed = killed_runs(read_runs(open_store(options.artifacts)))
        if not killed:
            sys.stdout.write("No run of this machine was killed and left as it was.\n")
            return 0
        with prefect_set_up(), _prefect() as client:
            stuck = [found for run in killed if (found := _ask(client, run)) is not None]
            sys.stdout.write("\n".join(_tell(killed, stuck)) + "\n")
            if stuck and not options.yes and not agreed("set"):
                sys.stdout.write("Nothing was set.\n")
                return 0
            for one in stuck:
                _settle(client, one)
    except GliaflowError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


@contextmanager
def _prefect() -> "Iterator[SyncPrefectClient]":
    """A client of Prefect's server; raises `PrefectUnreachable`."""
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL

    where = PREFECT_API_URL.value() or "this machine"
    try:
        with get_client(sync_client=True) as client:
            yield client
    except httpx.HTTPStatusError as error:
        raise PrefectUnreachable(
            f"Prefect's server at {where} answered {error.response.status_code}. If it asks for a login, set "
            "PREFECT_API_AUTH_STRING as on the server; if it is of another version, use the one in requirements.lock."
        ) from error
    except httpx.TransportError as error:
        raise PrefectUnreachable(
            f"Prefect's server at {where} does not answer ({error}). Start it, or name another with PREFECT_API_URL."
        ) from error


def _ask(client: "SyncPrefectClient", run: Run) -> Stuck | None:
    """What Prefect says of a killed run, if that is wrong.

    Where it has started the run once more since (`attempt`), the record is of an earlier start and says nothing.
    """
    from prefect.exceptions import ObjectNotFound

    try:
        flow_run = client.read_flow_run(UUID(run.flow_run))
    except ObjectNotFound:  # known to another server, or removed from the history
        return None
    kind = str(flow_run.state_type.value) if flow_run.state_type else ""
    if kind not in ENDS or flow_run.run_count != run.attempt:
        return None
    where = ""
    if flow_run.deployment_id is None:  # then no worker takes it
        flow = client.read_flow(flow_run.flow_id)
        where = f" --entrypoint flows/{flow.name}.py:{flow.name}"
    return Stuck(run, str(flow_run.state_name), ENDS[kind], f"prefect flow-run retry {run.flow_run}{where}")


def _settle(client: "SyncPrefectClient", stuck: Stuck) -> None:
    """Set the state, unless that has changed since; by force, as Prefect would wait for the process."""
    from prefect import states

    if _ask(client, stuck.run) != stuck:
        sys.stdout.write(f"{stuck.run.name} has changed meanwhile and is left as it is.\n")
        return
    words = f"Its process on {stuck.run.machine} is gone (python -m flows recover)."
    end = states.Crashed if stuck.end == "Crashed" else states.Cancelled
    client.set_flow_run_state(UUID(stuck.run.flow_run), end(message=words), force=True)
    sys.stdout.write(f"{stuck.run.name} is now {stuck.end}. To go on with it: {stuck.retry}\n")


def _tell(killed: list[Run], stuck: list[Stuck]) -> list[str]:
    lines = [
        f"{one.run.name} (number {one.run.number}) of {one.run.parameters.get('data', 'unknown data')} was killed, and "
        f"Prefect shows it as {one.shown}. To be set: {one.end}."
        for one in stuck
    ]
    others = len(killed) - len(stuck)
    if others:
        lines.append(f"{count(range(others), 'killed run')} that Prefect does not take for running.")
    return lines
