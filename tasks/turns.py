"""One training at a time: each waits for its turn, where the server has a limit for them (`make deploy` makes one).

The queue of the deployments keeps whole runs apart, before a process starts. This keeps trainings apart that no queue
knows: the challenger that a look trains, and runs that somebody starts by hand.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from prefect.client.orchestration import get_client
from prefect.client.schemas.responses import GlobalConcurrencyLimitResponse
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL

logger = logging.getLogger("gliaflow.run")

LIMIT = "training"  # the server's concurrency limit, adjustable in its dashboard
LEASE = 60.0  # seconds: as long a killed training keeps its turn, of which the living renew theirs


@contextmanager
def turn() -> Iterator[None]:
    """Within this context one of the server's trainings at a time is under way; says so where it waits.

    Without a server, or without the limit there, it is entered at once. A training whose turn can't be renewed, as the
    server is gone, goes on.
    """
    limit = _read_limit()
    if limit is None:
        yield
        return
    if limit.active and limit.active_slots >= limit.limit:
        logger.info(
            'Another training is under way: waiting for it (the limit "%s" of Prefect is %d)', LIMIT, limit.limit
        )
    with concurrency(LIMIT, lease_duration=LEASE, raise_on_lease_renewal_failure=False):
        yield


def _read_limit() -> GlobalConcurrencyLimitResponse | None:
    if not PREFECT_API_URL.value():  # the run has a server of its own, that no other training knows
        return None
    with get_client(sync_client=True) as client:
        try:
            return client.read_global_concurrency_limit_by_name(LIMIT)
        except ObjectNotFound:
            return None
