"""What is tried again, after growing pauses: only what may be gone by itself a moment later.

A stage is not. The same data, settings and code fail alike the second time; a retry would only keep the message from
whoever can do something about it. What can pass has its second try where it happens: the bucket's requests in
`gliaflow.store.bucket`, a child that the system killed in `tasks.patients` and `tasks.train`.
"""

from typing import Any

import httpx
from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

PAUSES = [2.0, 10.0, 30.0]  # seconds before each further try; a server that is restarted is back by then
REFUSED = range(400, 500)  # what the server does not take now, it does not take later


def is_passing(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:
    """Whether a task failed because Prefect's server was away, overloaded or in trouble: the condition of a retry.

    The client itself waits where the server says so (429, 502, 503) or the connection breaks; a server that can't be
    reached, or fails within (its SQLite database is locked), is left to us.
    """
    error = state.data
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code not in REFUSED
    return isinstance(error, httpx.TransportError)


# Not cached: what is shown belongs to this run's page, whether or not this run made it. Tried again where Prefect's
# server is in trouble: the work of hours is done, and the server may be back in a moment.
PUBLISHING: dict[str, Any] = {
    "cache_policy": NO_CACHE,
    "persist_result": False,
    "retries": len(PAUSES),
    "retry_delay_seconds": PAUSES,
    "retry_condition_fn": is_passing,
}
"""Options of a task that shows something on the run's page."""
