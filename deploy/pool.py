"""Make the work pool, the queues and the limit of trainings, if they are not there; `make deploy` calls this.

What is there stays as it is, so a limit that was changed in the dashboard holds. `prefect work-pool create` is not
used: it makes the server fetch a list of pool types from GitHub.
"""

import sys
from pathlib import Path

import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, WorkPoolCreate
from prefect.exceptions import ObjectNotFound
from prefect.workers.process import ProcessWorker

LIMITS = {"training": 1}  # at a time: runs of the queue, and trainings; a queue that is not here has no limit
FILE = Path(__file__).parents[1] / "prefect.yaml"


def main() -> None:
    """Make what is missing, and say what was made."""
    pools = [deployment["work_pool"] for deployment in yaml.safe_load(FILE.read_text(encoding="utf-8"))["deployments"]]
    with get_client(sync_client=True) as client:
        for name in sorted({pool["name"] for pool in pools}):
            require_pool(client, name)
        for pool, queue in sorted({(pool["name"], pool.get("work_queue_name", "default")) for pool in pools}):
            require_queue(client, pool, queue)
        require_limit(client, "training")


def require_pool(client: SyncPrefectClient, name: str) -> None:
    """The work pool `name` is there afterwards, of type process unless it was there before."""
    try:
        client.read_work_pool(name)
    except ObjectNotFound:
        template = ProcessWorker.get_default_base_job_template()
        client.create_work_pool(WorkPoolCreate(name=name, type="process", base_job_template=template))
        sys.stdout.write(f"Made the work pool {name}, of type process\n")


def require_queue(client: SyncPrefectClient, pool: str, name: str) -> None:
    """The queue `name` of `pool` is there afterwards, with its limit of `LIMITS` unless it was there before."""
    try:
        client.read_work_queue_by_name(name, work_pool_name=pool)
    except ObjectNotFound:
        client.create_work_queue(name, work_pool_name=pool, concurrency_limit=LIMITS.get(name))
        sys.stdout.write(f"Made its queue {name}, which runs {LIMITS.get(name, 'any number')} at a time\n")


def require_limit(client: SyncPrefectClient, name: str) -> None:
    """The limit `name`, for which each training waits, whatever began it, is there afterwards: see `tasks.turns`."""
    try:
        client.read_global_concurrency_limit_by_name(name)
    except ObjectNotFound:
        client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=name, limit=LIMITS[name]))
        sys.stdout.write(f"Made the limit {name}, of {LIMITS[name]} at a time\n")


if __name__ == "__main__":
    main()
