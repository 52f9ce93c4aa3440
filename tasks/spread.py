"""Run one task for many batches of patients, on threads of this machine or on a Dask cluster."""

import logging
import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import Context, copy_context
from itertools import chain, islice
from queue import SimpleQueue
from typing import Any, TypeVar

from prefect import Task
from prefect.client.orchestration import get_client
from prefect.futures import PrefectFuture
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from gliaflow.errors import GliaflowError
from tasks.settings import SpreadSettings

logger = logging.getLogger("gliaflow.run")

R = TypeVar("R")

AHEAD = 256  # calls that are given out and not yet done, so that memory does not grow with their number


class NoCluster(GliaflowError):
    """The Dask cluster that a run is to use is not there, or its workers die of what they are given."""


def spread(task: Task[..., R], calls: Iterable[dict[str, Any]], settings: SpreadSettings) -> Generator[R, None, None]:
    """The result of `task` for each of `calls` (its keyword arguments, all of them), as they come.

    What travels between machines is small: references and settings, never arrays or frames. Of many calls only some are
    given out at a time, and made when it is their turn; without calls nothing is started. Raises what the first call
    that fails raises, and gives up those that have not begun; `NoCluster` where Dask is not installed, the cluster does
    not answer, or one batch has killed several workers.
    """
    workers = settings.workers or os.cpu_count() or 1
    turns = iter(calls)
    first = list(islice(turns, workers))
    if not first:
        return
    # A runner of its own, not the flow's: a run that finds all results in the store starts no cluster.
    chosen = _threads(len(first)) if settings.runner == "threads" else _dask(settings.scheduler, len(first))
    done: SimpleQueue[PrefectFuture[R]] = SimpleQueue()
    out = 0
    with chosen as engine, _telling_the_server() as context:
        for call in chain(first, turns):
            context.run(engine.submit, task, call).add_done_callback(done.put)
            out += 1
            while out == AHEAD or (out and not done.empty()):
                yield done.get().result()
                out -= 1
        for _ in range(out):
            yield done.get().result()


@contextmanager
def _telling_the_server() -> Iterator[Context]:
    """A context in which Prefect's settings name the server of this run: Dask's workers are given the settings.

    Workers that aren't told of a server that the run has started for itself would each start another.
    """
    context, held = copy_context(), ExitStack()
    server = str(get_client(sync_client=True).api_url).rstrip("/")
    context.run(held.enter_context, temporary_settings({PREFECT_API_URL: server}))  # once: it takes some 30 ms
    try:
        yield context
    finally:
        context.run(held.close)


@contextmanager
def _threads(workers: int) -> Iterator[TaskRunner[Any]]:
    runner: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=workers)
    with runner as engine:
        yield engine


@contextmanager
def _dask(scheduler: str | None, workers: int) -> Iterator[TaskRunner[Any]]:
    """The cluster at the address `scheduler`; without one, a cluster of processes on this machine, gone afterwards."""
    try:
        from distributed import KilledWorker
        from prefect_dask.task_runners import DaskTaskRunner
    except ModuleNotFoundError as missing:
        raise NoCluster(
            f"The runner `dask` needs the package {missing.name}, which is not installed. Install it with "
            "`pip install prefect-dask==0.3.7` (the extra `dask`), or leave --runner out."
        ) from None
    if scheduler and not PREFECT_API_URL.value():
        raise NoCluster(
            "The workers of a cluster report to a Prefect server that they can reach, and PREFECT_API_URL names none. "
            "Start one with `prefect server start`, and set it to http://HOST:4200/api."
        )
    here = {
        "n_workers": workers,
        "threads_per_worker": 1,  # one batch at a time, which has a child process of its own
        "memory_limit": None,  # Dask sees the memory of its workers, not of their children
        "dashboard_address": "127.0.0.1:0",  # its usual port may be taken
    }
    with DaskTaskRunner(address=scheduler) if scheduler else DaskTaskRunner(cluster_kwargs=here) as engine:
        try:
            known = engine.client.nthreads()
        except OSError as error:
            raise NoCluster(
                f"No Dask scheduler answers at {scheduler} ({error}). Start one with `dask scheduler`, mend "
                "--scheduler, or leave it out to use this machine."
            ) from error
        if not known:
            logger.warning("The Dask cluster at %s has no worker yet: waiting for the first", scheduler)
        try:
            yield engine
        except KilledWorker as killed:
            raise NoCluster(
                "Several Dask workers died one after another of the same batch of patients, the last at "
                f"{killed.last_worker.address}. They may have run out of memory. Start again: what is done is kept."
            ) from killed
