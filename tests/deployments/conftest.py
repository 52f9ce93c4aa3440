"""A real Prefect server, real workers and deployments of this checkout. This room mirrors no source but `prefect.yaml`.

    pool = make_pool(server)                    a work pool of this test's own
    start_worker(server, pool)                  a worker of it, until the test ends
    id = deploy(server, "train", pool, tiny(artifacts))    a deployment of flows/train.py:train
    run = start_run(server, id)                 what "Run" does in the dashboard
    await_state(server, run, "COMPLETED")       waits, and fails with the run's log where it ends otherwise

The server is one a session; what its processes do is in `benchmarks/serving.py`. No process outlives its test.
"""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from prefect.exceptions import ObjectNotFound

from benchmarks.postgres import database, programs
from benchmarks.serving import Server, Worker, serve, wait_for, work
from tasks.turns import LIMIT

FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


@pytest.fixture
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """`start_server(database=None, auth=None, settings=None)` starts a server that lives to the end of the test."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(serve(tmp_path_factory.mktemp("server"), **options))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server that tests share: on SQLite, without authentication. Give each test a pool and names of its own."""
    with serve(tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture(scope="session")
def forget_limit(server: Server) -> Callable[[], None]:
    """`forget_limit()`: the server that tests share has no limit of trainings, for which others would wait."""

    def forget() -> None:
        with server.client() as client, suppress(ObjectNotFound):
            client.delete_global_concurrency_limit_by_name(LIMIT)

    return forget


@pytest.fixture
def postgres() -> Iterator[str]:
    """The address of an empty database of a PostgreSQL of our own, with a password."""
    if programs() is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    with database() as address:
        yield address


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """`start_worker(server, pool, *options, name="worker")` starts a worker that lives to the end of the test.

    It stands in an empty folder, not in the checkout: flows run where their deployment says. `pool` may be None: the
    worker is that of `make worker`.
    """
    with ExitStack() as stack:

        def start(server: Server, pool: str | None, *options: str, name: str = "worker") -> Worker:
            (tmp_path / "elsewhere").mkdir(exist_ok=True)
            return stack.enter_context(work(server, pool, *options, cwd=tmp_path / "elsewhere", name=name))

        yield start


@pytest.fixture(scope="session")
def make_pool() -> Callable[[Server], str]:
    """`make_pool(server)` makes a work pool of type process that nothing else uses; gives its name."""

    def make(server: Server) -> str:
        name = f"pool-{uuid.uuid4().hex[:8]}"
        server.prefect("work-pool", "create", name, "--type", "process")
        return name

    return make


@pytest.fixture(scope="session")
def tiny(
    tmp_path_factory: pytest.TempPathFactory, write_patient: Callable[..., Path], recipe: Path
) -> Callable[..., dict[str, Any]]:
    """`tiny(artifacts)`: the parameters of a run of seconds, as a deployment holds them: six patients, tiny recipe.

    The patients are shared: `tiny(artifacts, data=DIR)` takes others.
    """
    base = tmp_path_factory.mktemp("tiny")
    for i, site in enumerate(("CS", "DU", "HT", "CS", "DU", "HT"), start=1):
        write_patient(base / "data", f"TCGA_{site}_{i:04d}_20000101")

    def parameters(artifacts: Path | str, data: Path | str = base / "data") -> dict[str, Any]:
        return {
            "data": str(data),
            "artifacts": str(artifacts),
            "preparing": {"size": 32},
            "training": {"recipe": str(recipe)},
            "evaluating": {"resamples": 100},
        }

    return parameters


@pytest.fixture(scope="session")
def deploy() -> Callable[..., str]:
    """`deploy(server, "train", pool, parameters, *options)` deploys a flow of this checkout; gives the deployment's id.

    `options` are more of `prefect deploy`, such as "--interval", "10".
    """

    def make(server: Server, flow: str, pool: str, parameters: dict[str, Any], *options: str) -> str:
        name = f"{flow}-{uuid.uuid4().hex[:8]}"
        given = ("--name", name, "--pool", pool, "--params", json.dumps(parameters), *options)
        server.prefect("deploy", f"flows/{flow}.py:{flow}", *given)
        with server.client() as client:
            return str(client.read_deployment_by_name(f"{flow}/{name}").id)

    return make


@pytest.fixture(scope="session")
def start_run() -> Callable[..., str]:
    """`start_run(server, deployment, parameters=None)` asks for a run of a deployment now; gives the flow run's id."""

    def start(server: Server, deployment: str, parameters: dict[str, Any] | None = None) -> str:
        with server.client() as client:
            run = client.create_flow_run_from_deployment(uuid.UUID(deployment), parameters=parameters)
        return str(run.id)

    return start


@pytest.fixture(scope="session")
def await_state() -> Callable[..., Any]:
    """`await_state(server, run, "COMPLETED", seconds=180)` waits until a flow run is of that type of state; gives it.

    Fails with the run's log where it ends in another.
    """

    def wait(server: Server, run: str, state: str, seconds: float = 180) -> Any:
        def look() -> Any:
            with server.client() as client:
                found = client.read_flow_run(uuid.UUID(run))
            assert found.state is not None
            if found.state.type != state and found.state.type in FINAL:
                pytest.fail(f"{found.name} is {found.state}:\n{read_log(server, run)}")
            return found if found.state.type == state else None

        return wait_for(look, f"the state {state} of the flow run {run}", seconds)

    return wait


def read_log(server: Server, run: str) -> str:
    """The log of a flow run, as the dashboard shows it."""
    from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId

    with server.client() as client:
        lines = client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[uuid.UUID(run)])), limit=200)
    return "\n".join(line.message for line in lines)
