"""On a schedule, as the README says: `make server`, `make worker`, and a run that nobody starts."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import PrefectHTTPStatusError

from benchmarks.serving import wait_for

STAGES = ["scan", "pair", "prepare", "label", "split", "train", "evaluate", "predict", "release", "report", "publish"]
LOOKED_AT = {"scan": "Completed", "publish": "Completed"}  # what every run does anew


@pytest.fixture
def outside() -> Iterator[tuple[dict[str, str], list[str]]]:
    """(settings, asked): with these settings all requests to other machines come here; `asked` is what they asked."""
    asked: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as door:
        address = f"http://127.0.0.1:{door.getsockname()[1]}"

        def listen() -> None:
            while True:
                try:
                    caller, _ = door.accept()
                except OSError:  # closed: the test is over
                    return
                with caller:
                    asked.append(caller.recv(4096).split(b"\r\n")[0].decode())

        threading.Thread(target=listen, daemon=True).start()
        names = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
        yield {**dict.fromkeys(names, address), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}, asked
        door.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory):
    """Shared by both servers, so that the second one's runs have nothing to train."""
    return tmp_path_factory.mktemp("scheduled") / "artifacts"


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("base", "auth"), [("sqlite", None), ("postgres", "someone:pass$word")])
def test_a_scheduled_run_completes_and_its_history_reads_back(
    base, auth, request, start_server, start_worker, deploy, tiny, artifacts, outside
):
    database = request.getfixturevalue("postgres") if base == "postgres" else None
    settings, asked = outside
    server = start_server(database=database, auth=auth, settings=settings)
    start_worker(server, None, "--limit", "1")
    parameters = tiny(artifacts)
    made_before = artifacts.exists()
    deployment = deploy(server, "train", "gliaflow", parameters, "--work-queue", "training", "--interval", "10")

    run = wait_for(lambda: first_completed(server, deployment), "a scheduled run that completed", 400, 1)
    with server.client() as client:
        client.pause_deployment(run.deployment_id)
    assert run.auto_scheduled and run.run_count == 1
    tasks = [(name, state) for name, state in read_tasks(server, run) if not name.startswith("prepare-volumes")]
    assert [name for name, _ in tasks] == STAGES
    assert dict(tasks) == dict.fromkeys(STAGES, "Cached" if made_before else "Completed") | LOOKED_AT
    keys = read_artifacts(server, run)
    assert "report" in keys and keys["report"].startswith("# ")
    (page,) = artifacts.glob("report/*/report.html")

    told = server.make(
        "run",
        f"DATA={parameters['data']}",
        f"ARTIFACTS={parameters['artifacts']}",
        f"OPTIONS=--recipe {parameters['training']['recipe']} --size 32 --resamples 100",
    )
    assert told.endswith(f"Report: {page}\n")
    with server.client() as client:
        (by_hand,) = [run for run in client.read_flow_runs() if run.deployment_id is None]
    assert by_hand.state_type == "COMPLETED"
    assert dict(read_tasks(server, by_hand)) == dict.fromkeys(STAGES, "Cached") | LOOKED_AT

    assert (Path(server.environment["PREFECT_HOME"]) / "prefect.db").exists() == (base == "sqlite")
    if auth:
        with pytest.raises(PrefectHTTPStatusError, match="401"), SyncPrefectClient(server.api) as client:
            client.read_flow_runs()
        stranger = {name: value for name, value in server.environment.items() if name != "PREFECT_API_AUTH_STRING"}
        for given, words in (({}, "asks for a password"), ({"AUTH": "someone:else"}, "asks for another user")):
            with pytest.raises(RuntimeError, match=words):
                replace(server, environment=stranger | given).make("worker")
    assert asked == [], "something was asked of another machine"


def first_completed(server, deployment):
    """The first run of a deployment, once it is completed."""
    of = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=[deployment]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=["COMPLETED", "FAILED", "CRASHED"])),
    )
    with server.client() as client:
        found = client.read_flow_runs(flow_run_filter=of, sort=FlowRunSort.START_TIME_ASC)
    assert all(run.state_type == "COMPLETED" for run in found), f"{found[0].name} is {found[0].state}"
    return found[0] if found else None


def read_tasks(server, run):
    """(name, state) of a flow run's task runs, in their order."""
    with server.client() as client:
        tasks = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run.id])))
    return [(task.name, task.state_name) for task in sorted(tasks, key=lambda task: task.start_time)]


def read_artifacts(server, run):
    """{key: data} of a flow run's artifacts."""
    with server.client() as client:
        found = client.read_artifacts(
            artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run.id]))
        )
    return {artifact.key: artifact.data for artifact in found}
