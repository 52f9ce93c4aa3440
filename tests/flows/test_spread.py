"""Patients are prepared by the workers of a Dask cluster, and come out as they would without."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from gliaflow.store.manifests import read_manifest
from tasks.settings import PrepareSettings, SpreadSettings

pytest.importorskip("prefect_dask", reason="the extra `dask` is not installed")

ROOT = Path(__file__).parents[2]
DEADLINE = 120.0

# For the children of workers: once its images are written, a volume stays half-made as long as a file is there.
HALFWAY = """
import os, time
import numpy
save = numpy.save
def save_and_wait(path, *arguments, **options):
    save(path, *arguments, **options)
    while str(path).endswith("images.npy") and os.path.exists(os.environ["HALFWAY"]):
        time.sleep(0.02)
numpy.save = save_and_wait
"""


@dataclass
class Cluster:
    """A Dask scheduler and its workers, each a process of its own."""

    address: str
    workers: list["subprocess.Popen[bytes]"] = field(default_factory=list)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Cluster]]:
    """`start(workers, **environment)`: a scheduler and `workers` workers, which are gone after the test."""
    running: list[subprocess.Popen[bytes]] = []

    def run(part: str, *options: str, **environment: str) -> "subprocess.Popen[bytes]":
        path = os.pathsep.join([*environment.pop("first", "").split(), str(ROOT), str(ROOT / "src")])
        with (tmp_path / f"{part}{len(running)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.dask_{part}", *options, "--dashboard-address", "127.0.0.1:0"],
                cwd=tmp_path,  # a worker finds the code by its path, not because it stands in the checkout
                env={**os.environ, **environment, "PYTHONPATH": path},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        running.append(process)
        return process

    def begin(workers: int, **environment: str) -> Cluster:
        told = tmp_path / "scheduler.json"
        run("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(told))
        wait_for(lambda: told.exists() and told.read_text().endswith("}"))
        cluster = Cluster(json.loads(told.read_text())["address"])
        for _ in range(workers):
            options = [cluster.address, "--nthreads", "1", "--no-nanny", "--host", "127.0.0.1"]
            cluster.workers.append(run("worker", *options, **environment))
        return cluster

    yield begin
    for process in running:
        process.kill()
    for process in running:
        process.wait()


@pytest.fixture
def prepare_on(prefect_harness: None, tmp_path: Path) -> Callable[..., Path]:
    """`prepare_on(data, name or address, **spreading)`: a run that ends with `prepare`; the folder of its artifacts."""
    from prefect import flow

    from flows.steps import open_run
    from tasks.pair import pair
    from tasks.prepare import prepare
    from tasks.scan import open_data, scan
    from tasks.settings import IntakeSettings

    @flow(name="prepare-alone")
    def prepare_alone(data: str, artifacts: str, spreading: SpreadSettings) -> list[str]:
        run = open_run(data, artifacts)
        with run.under_way():
            root = open_data(run, data)
            slices = pair(run, IntakeSettings(), files=scan(run, root), root=root)
            return list(prepare(run, PrepareSettings(size=32), slices, root=root, spreading=spreading).volumes)

    def run(data: Path, name: str, **spreading: Any) -> Path:
        artifacts = name if "://" in name else str(tmp_path / name)
        prepare_alone(str(data), artifacts, SpreadSettings(**spreading))
        return Path(artifacts)

    return run


def wait_for(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + DEADLINE
    while not (value := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return value


def children(pid: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == pid:
            found.append(int(folder.name))
    return found


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="finds child processes through /proc")
def test_a_worker_killed_in_the_middle_costs_no_volume(start, prepare_on, kaggle, contents, tmp_path):
    data = kaggle(9)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(HALFWAY)
    halfway = tmp_path / "halfway"
    halfway.touch()
    cluster = start(2, first=str(tmp_path / "site"), HALFWAY=str(halfway))
    building = tmp_path / "on dask" / ".work"
    seen: dict[str, Any] = {}

    def kill() -> None:
        try:
            wait_for(lambda: len(list(building.glob("volume-*/images.npy"))) == 2)  # each worker is at one
            seen["work"] = children(cluster.workers[0].pid)
            cluster.workers[0].send_signal(signal.SIGKILL)
            seen["orphans gone"] = wait_for(lambda: not any(map(is_alive, seen["work"])))
            seen["half-made"] = len(list(building.glob("volume-*/images.npy")))
        finally:
            halfway.unlink()

    killer = Thread(target=kill)
    killer.start()
    made = prepare_on(data, "on dask", runner="dask", scheduler=cluster.address, batch=2)
    killer.join()
    assert len(seen["work"]) == 1 and seen["orphans gone"], "the child of a dead worker dies with it"
    assert seen["half-made"] == 2, "it was killed in the middle of a volume"
    assert cluster.workers[1].poll() is None

    alone = prepare_on(data, "on threads", batch=4)
    assert len(list(made.glob("volume/*"))) == 9
    assert contents(made, "volume") == contents(alone, "volume")
    assert contents(made, "prepare") == contents(alone, "prepare")
    assert list(building.iterdir()) == [], "what was half-made is cleared away"
    for folder in made.glob("volume/*"):
        read_manifest(folder).check(folder, "volume", folder.name)


def test_machines_that_share_a_bucket_need_no_folder(start, prepare_on, kaggle, contents, bucket, tmp_path):
    """The worker has copies of its own of what it reads, like another machine."""
    cluster = start(1, GLIAFLOW_CACHE=str(tmp_path / "elsewhere"))
    data = kaggle(3)
    prepare_on(data, bucket, runner="dask", scheduler=cluster.address)
    alone = contents(prepare_on(data, "alone"), "volume")
    (elsewhere,) = (tmp_path / "elsewhere").iterdir()
    assert contents(elsewhere, "volume") == alone and len(alone) == 3 * 4
    (here,) = (tmp_path / "copies").iterdir()
    assert contents(here, "volume") == alone, "fetched to be listed"


def test_a_cluster_on_this_machine_is_started_only_for_what_is_missing(prepare_on, kaggle, contents):
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import TaskRunFilter, TaskRunFilterName
    from prefect.client.schemas.sorting import TaskRunSort

    batches = TaskRunFilter(name=TaskRunFilterName(like_="prepare-volumes"))

    def completed() -> set[Any]:
        """The last ones: the server that tests share tells of 200 at a time."""
        with get_client(sync_client=True) as client:
            runs = client.read_task_runs(task_run_filter=batches, sort=TaskRunSort.EXPECTED_START_TIME_DESC)
        return {run.id for run in runs if run.state_name == "Completed"}

    data, before = kaggle(4), completed()
    made = prepare_on(data, "a", runner="dask", workers=2, batch=1)
    wait_for(lambda: len(completed() - before) == 4)  # the workers tell the server of this run
    assert contents(made, "volume") == contents(prepare_on(data, "b"), "volume")
    prepare_on(data, "a", runner="dask", scheduler="tcp://127.0.0.1:9")  # where nobody answers


def test_workers_that_die_of_a_batch_end_the_run_in_words(prefect_harness):
    import dask
    from prefect import task

    from tasks.spread import NoCluster, spread

    @task(name="deadly", persist_result=False)
    def deadly(patients: list[str]) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),  # 3 take long to start
        pytest.raises(NoCluster, match=r"Several Dask workers died .* batch of patients, the last at tcp://127\.0\.0"),
    ):
        list(spread(deadly, [{"patients": ["a"]}], SpreadSettings(runner="dask")))


def test_a_cluster_that_is_not_there_is_told(prefect_harness, monkeypatch):
    import dask
    from prefect import task
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from tasks.spread import NoCluster, spread

    @task(name="idle", persist_result=False)
    def idle(number: int) -> int:
        return number

    def share(**settings: Any) -> list[int]:
        return list(spread(idle, [{"number": 1}], SpreadSettings(**settings)))

    away = {"runner": "dask", "scheduler": "tcp://127.0.0.1:9"}
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "200ms"}),
        pytest.raises(NoCluster, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:9 .*mend --scheduler"),
    ):
        share(**away)
    with temporary_settings({PREFECT_API_URL: ""}), pytest.raises(NoCluster, match="PREFECT_API_URL names none"):
        share(**away)
    monkeypatch.setitem(sys.modules, "prefect_dask.task_runners", None)
    with pytest.raises(NoCluster, match="`dask` needs the package prefect_dask.*pip install prefect-dask"):
        share(runner="dask")


def test_of_many_calls_only_some_are_given_out_at_a_time(prefect_harness, monkeypatch):
    from prefect import flow, task

    import tasks.spread
    from tasks.spread import spread

    monkeypatch.setattr(tasks.spread, "AHEAD", 3)
    made: list[int] = []

    @task(name="double", persist_result=False)
    def double(number: int) -> int:
        return 2 * number

    def calls() -> Iterator[dict[str, int]]:
        for number in range(20):
            made.append(number)
            yield {"number": number}

    @flow
    def many() -> list[tuple[int, int]]:
        results = spread(double, calls(), SpreadSettings(workers=2))
        return [(result, len(made) - done) for done, result in enumerate(results)]

    given = many()
    assert sorted(result for result, _ in given) == list(range(0, 40, 2))
    assert max(out for _, out in given) <= 3
