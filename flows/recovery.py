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
from flows.upkeep import add_command, agreed
from gliaflow.errors import GliaflowError
from gliaflow.store.runs import COMPLETED, RUNNING, Run, ended_runs, read_runs
from gliaflow.store.shared import open_store

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient


class PrefectUnreachable(GliaflowError):
    """Prefect's server does not answer, or not to us."""


@dataclass(frozen=True)
class Stuck:
    """A run that has ended though Prefect shows it as `shown`: the state that is right, and how to go on with it."""

    run: Run
    shown: str
    end: str
    retry: str


def add_recovery(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command `recover`; it sets `run`, a function of the options that gives the exit status."""
    about = (
        "find runs of this machine that ended or were killed though Prefect shows them as running, and set that right"
    )
    parser = add_command(commands, "recover", about, _recover)
    parser.add_argument("--yes", action="store_true", help="Set without asking.")


def _recover(options: argparse.Namespace) -> int:
    try:
        runs = ended_runs(read_runs(open_store(options.artifacts)))
        with prefect_set_up(), _prefect() as client:
            stuck = _find(client, runs)
            sys.stdout.write("\n".join(map(_tell, stuck)) + "\n" if stuck else "Prefect shows no run that has ended.\n")
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


def _find(client: "SyncPrefectClient", runs: dict[str, Run]) -> list[Stuck]:
    """Those of the `runs` that have ended, by flow run, which Prefect shows as running or cancelling.

    Where Prefect has started a run once more since (`attempt`), our record is of an earlier start and says nothing. A
    run that has said how it ended is left alone while it is shown as running: it may be about to tell Prefect too.
    """
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
    from prefect.client.schemas.objects import StateType

    alive = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING, StateType.CANCELLING]))
    found = []
    for shown in client.read_flow_runs(flow_run_filter=FlowRunFilter(state=alive)):
        run = runs.get(str(shown.id))
        if run is None or shown.run_count != run.attempt:
            continue
        cancelled = shown.state_type == StateType.CANCELLING
        if run.state != RUNNING and not cancelled:
            continue
        end = "Completed" if run.state == COMPLETED else "Cancelled" if cancelled else "Crashed"
        where = ""
        if shown.deployment_id is None:  # then no worker takes it
            flow = client.read_flow(shown.flow_id)
            where = f" --entrypoint flows/{flow.name}.py:{flow.name}"
        found.append(Stuck(run, str(shown.state_name), end, f"prefect flow-run retry {shown.id}{where}"))
    return sorted(found, key=lambda one: one.run.number)


def _tell(stuck: Stuck) -> str:
    run = stuck.run
    ended = "was killed" if run.state == RUNNING else f"has {run.state}"
    where = f"{run.name} (number {run.number}) of {run.parameters.get('data', 'unknown data')}"
    return f"{where} {ended}, and Prefect shows it as {stuck.shown}. To be set: {stuck.end}."


def _settle(client: "SyncPrefectClient", stuck: Stuck) -> None:
    """Set the state, unless that has changed since; by force, as Prefect would wait for the process."""
    from prefect import states

    if _find(client, {stuck.run.flow_run: stuck.run}) != [stuck]:
        sys.stdout.write(f"{stuck.run.name} has changed meanwhile and is left as it is.\n")
        return
    words = f"Set by python -m flows recover: its process on {stuck.run.machine} is gone."
    ends = {"Completed": states.Completed, "Cancelled": states.Cancelled, "Crashed": states.Crashed}
    client.set_flow_run_state(UUID(stuck.run.flow_run), ends[stuck.end](message=words), force=True)
    way_on = "" if stuck.end == "Completed" else f" To go on with it: {stuck.retry}"
    sys.stdout.write(f"{stuck.run.name} is now {stuck.end}.{way_on}\n")
