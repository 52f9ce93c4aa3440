"""A run that is killed where no worker sees it: `recover` finds it, sets it to Crashed, and its retry goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.__main__ import main
from flows.home import PREFECT
from gliaflow.store.runs import Run, read_runs
from gliaflow.store.shared import open_store

ROOT = Path(__file__).parents[2]
EPOCHS = 30  # enough to be killed among them

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kills a process and waits for its child's end")


@pytest.fixture
def environment(prefect_harness, tmp_path) -> dict[str, str]:
    """Ours, with the tests' Prefect server, which spares the run one of its own."""
    from prefect.settings import PREFECT_API_URL

    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return {
        **os.environ,
        "PREFECT_API_URL": PREFECT_API_URL.value(),
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PYTHONPATH": paths,
    }


def killed(data: Path, artifacts: Path, recipe: Path, environment: dict[str, str], log: Path) -> Run:
    """A run that is killed after an epoch of its training; its record."""
    work = artifacts / ".work"
    where = ["--data", data, "--artifacts", artifacts, "--recipe", recipe, "--size", 32, "--resamples", 100]
    options = [sys.executable, "-m", "flows", "train", *map(str, where), "--epochs", str(EPOCHS)]
    with log.open("ab") as file:
        started = subprocess.Popen(options, cwd=ROOT, env=environment, stdout=file, stderr=file)
        while not list(work.glob("train-*.resume/epoch-0001.npz")):
            assert started.poll() is None, log.read_text()
            time.sleep(0.05)
        started.send_signal(signal.SIGKILL)
        started.wait()
    return read_runs(open_store(artifacts))[-1]


@pytest.mark.timeout(600)
def test_recover_finds_a_killed_run_and_its_retry_goes_on(copy, recipe, environment, tmp_path, monkeypatch, capsys):
    for name, value in PREFECT.items():  # else the command sets them, for all tests that follow
        monkeypatch.setenv(name, os.environ.get(name, value))
    data, artifacts = copy
    run = killed(data, artifacts, recipe, environment, tmp_path / "log.txt")
    where = ["--artifacts", str(artifacts)]
    shown = f"{run.name} (number 2) of {data} was killed, and Prefect shows it as Running. To be set: Crashed.\n"
    retry = ["prefect", "flow-run", "retry", run.flow_run, "--entrypoint", "flows/train.py:train"]

    assert main(["recover", *where]) == 0
    assert capsys.readouterr().out == f"{shown}Say --yes to set this.\nNothing was set.\n"
    assert main(["recover", *where, "--yes"]) == 0
    assert capsys.readouterr().out == f"{shown}{run.name} is now Crashed. To go on with it: {' '.join(retry)}\n"
    assert main(["recover", *where]) == 0
    assert capsys.readouterr().out == "Prefect shows no run that has ended.\n"

    retry[0] = str(Path(sys.executable).with_name("prefect"))
    done = subprocess.run(retry, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    again = read_runs(open_store(artifacts))[-1]
    assert (again.flow_run, again.attempt, again.state) == (run.flow_run, 2, "completed")
    assert [stage.stage for stage in again.stages if stage.cached] == ["pair", "prepare", "label", "split"]


def test_a_run_that_was_cancelled_and_went_on_to_its_end_is_completed(copy, run_train, monkeypatch, capsys):
    """The dashboard's button reaches runs of workers alone: another goes on, and Prefect shows it as cancelling."""
    from prefect.client.orchestration import get_client
    from prefect.states import Cancelling

    data, artifacts = copy
    run = run_train(data, artifacts).record
    for name, value in PREFECT.items():
        monkeypatch.setenv(name, os.environ.get(name, value))
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run["flow_run"], Cancelling(), force=True)
    assert main(["recover", "--artifacts", str(artifacts), "--yes"]) == 0
    shown = (
        f"{run['run']} (number 2) of {data} has completed, and Prefect shows it as Cancelling. To be set: Completed."
    )
    assert capsys.readouterr().out == f"{shown}\n{run['run']} is now Completed.\n"
    with get_client(sync_client=True) as client:
        assert client.read_flow_run(run["flow_run"]).state.is_completed()


def test_a_server_that_is_not_there_is_told(prefect_harness, tmp_path, monkeypatch, capsys):
    from prefect.settings import PREFECT_API_URL, temporary_settings

    for name, value in PREFECT.items():
        monkeypatch.setenv(name, os.environ.get(name, value))
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        assert main(["recover", "--artifacts", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert told.startswith("Prefect's server at http://127.0.0.1:9/api does not answer (")
    assert told.endswith("Start it, or name another with PREFECT_API_URL.\n")
