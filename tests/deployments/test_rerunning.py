"""A training that a worker runs is killed, runs out of memory, is cancelled: each time it can go on where it stopped.

One test, as every start of a flow costs seconds. What is retried of a run in which a stage fails is in
`tests/flows/test_retrying.py`.
"""

import os
import signal
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from benchmarks.serving import Server, wait_for
from gliaflow.store.runs import Run, read_runs
from gliaflow.store.shared import open_store

EPOCHS = 60  # more than pass until the training has been interrupted three times
CANCEL = 30.0  # seconds in which a training has to end that is cancelled
REUSED = ["pair", "prepare", "label", "split"]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")


def training_of(flow_run: str) -> tuple[int, int] | None:
    """The ids of the process that trains for a flow run, and of the flow's own."""
    wanted = f"PREFECT__FLOW_RUN_ID={flow_run}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if b"gliaflow.model.training" in words and wanted in (folder / "environ").read_bytes().split(b"\0"):
                return int(folder.name), int(words[words.index(b"gliaflow.process") + 1])
        except OSError:  # it has ended
            continue
    return None


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def epoch_of(artifacts: Path) -> int:
    """The last epoch that has been kept."""
    kept = [int(path.stem.removeprefix("epoch-")) for path in artifacts.glob(".work/train-*.resume/epoch-*.npz")]
    return max(kept, default=0)


def await_epoch(artifacts: Path, flow_run: str) -> tuple[int, int]:
    """Waits until a flow run's training has kept one more epoch; gives the ids of its process and its flow's."""
    before = epoch_of(artifacts)
    wait_for(lambda: epoch_of(artifacts) > before, f"an epoch after {before}", 180, every=0.02)
    found = training_of(flow_run)
    assert found is not None, f"the training ended after epoch {epoch_of(artifacts)}"
    return found


def set_state(server: Server, flow_run: str, state: Any, *, force: bool) -> None:
    with server.client() as client:
        client.set_flow_run_state(uuid.UUID(flow_run), state, force=force)


def last_record(artifacts: Path, flow_run: str) -> Run:
    run = read_runs(open_store(artifacts))[-1]
    assert run.flow_run == flow_run
    return run


def reused(run: Run) -> list[str]:
    return [stage.stage for stage in run.stages if stage.cached]


@pytest.mark.timeout(600)
def test_killed_out_of_memory_and_cancelled_it_goes_on_from_its_checkpoint(
    server, make_pool, start_worker, deploy, start_run, await_state, tiny, tmp_path
):
    from prefect.states import AwaitingRetry, Cancelling

    artifacts = tmp_path / "artifacts"
    pool = make_pool(server)
    worker = start_worker(server, pool)
    parameters = tiny(artifacts)
    parameters["training"] |= {"epochs": EPOCHS}
    deployment = deploy(server, "train", pool, parameters)

    run = start_run(server, deployment)
    training, flow = await_epoch(artifacts, run)
    os.kill(flow, signal.SIGKILL)
    await_state(server, run, "CRASHED")
    assert not is_alive(training), "a child does not outlive its flow"
    # Prefect's worker reports a crash twice, up to ten seconds apart: the second would end a retry begun in between.
    last = "prefect.flow_runs.worker - Check whether the flow run exceeded its memory"
    wait_for(lambda: last in worker.log.read_text(), "the worker's last word on the crash", 60)

    server.prefect("flow-run", "retry", run)
    training, flow = await_epoch(artifacts, run)
    os.kill(training, signal.SIGKILL)
    again = wait_for(lambda: (found := training_of(run)) and found[0] != training and found, "a second try", 60)
    os.kill(again[0], signal.SIGKILL)
    failed = await_state(server, run, "FAILED")
    assert "was killed by SIGKILL. It may have run out of memory." in failed.state.message
    assert reused(last_record(artifacts, run)) == REUSED

    set_state(server, run, AwaitingRetry(message="Retry from the UI"), force=True)  # the dashboard's button
    training, flow = await_epoch(artifacts, run)
    assert reused(last_record(artifacts, run)) == REUSED
    set_state(server, run, Cancelling(message="Cancelled from the UI"), force=False)
    wait_for(lambda: not is_alive(training), "the end of the training", CANCEL)
    await_state(server, run, "CANCELLED")
    wait_for(lambda: not is_alive(flow), "the end of the flow", CANCEL)

    words = f"going on after epoch {epoch_of(artifacts)} of {EPOCHS}, from its checkpoint"
    anew = start_run(server, deployment)
    wait_for(lambda: words in log_of(server, anew), f"the words: {words}", 180)
    assert reused(last_record(artifacts, anew)) == REUSED


def log_of(server: Server, flow_run: str) -> str:
    from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId

    with server.client() as client:
        lines = client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[uuid.UUID(flow_run)])), limit=200)
    return "\n".join(line.message for line in lines)
