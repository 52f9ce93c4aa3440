"""What is tried again, after growing pauses: only what may be gone by itself a moment later.

A stage is not. The same data, settings and code fail alike the second time; a retry would only keep the message from
whoever can do something about it. What can pass has its second try where it happens: the bucket's requests in
`gliaflow.store.bucket`, a child that the system killed in `tasks.prepare` and `tasks.train`.
"""

from typing import Any

import httpx
from prefect import Task
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
