"""What goes wrong around a run, and how it ends: in plain words, with nothing false left, and the next run goes on."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gliaflow.process import ChildFailed, run_child
from gliaflow.store.failures import StoreFailed
from gliaflow.store.tables import read_table

ROOT = Path(__file__).parents[2]
BATCH = "gliaflow.ingest.batch"


@pytest.fixture
def disk(tmp_path):
    """`disk(size)` is a disk of so many bytes, `disk(size, "ro")` the same disk with other options."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(size: int, *options: str) -> Path:
        again = ["remount"] if os.path.ismount(folder) else []
        told = ",".join([*again, f"size={size}", *options])
        made = subprocess.run(["mount", "-t", "tmpfs", "-o", told, "tmpfs", folder], capture_output=True, text=True)
        if made.returncode:
            pytest.skip(f"a small disk can't be mounted here: {made.stderr.strip()}")
        return folder

    yield mount
    if os.path.ismount(folder):
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize(("size", "stage"), [(100_000, "volume"), (420_000, "train"), (1_500_000, "report")])
def test_a_full_disk_is_told_and_with_more_room_the_run_goes_on(first, run_train, disk, contents, size, stage):
    folder = disk(size)
    with pytest.raises(StoreFailed, match=r"The disk that holds .*disk is full .*gc --artifacts.*same command"):
        run_train(first[1] / "data", folder)
    undisturbed = contents(first[0].artifacts)
    left = contents(folder)
    assert {path: digest for path, digest in undisturbed.items() if path in left} == left, "half-written is not there"
    before = {"volume": "pair", "train": "split", "report": "predict"}[stage]
    assert list(folder.glob(f"{before}/*")), f"it filled up before {stage}"
    assert len(list(folder.glob(f"{stage}/*"))) < len(list(first[0].artifacts.glob(f"{stage}/*"))), f"or after {stage}"
    disk(64_000_000)
    run = run_train(first[1] / "data", folder)
    assert contents(folder) == undisturbed
    assert list((folder / ".work").iterdir()) == []
    assert stage in run.ran or stage == "volume"


def test_a_full_disk_under_prefects_own_state_is_told(disk, tmp_path):
    home = disk(5_000_000) / "prefect"
    command = [sys.executable, "-m", "flows", "train", "--data", str(tmp_path), "--artifacts", str(tmp_path / "a")]
    run = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PREFECT_HOME": str(home)}, capture_output=True, text=True
    )
    assert run.returncode == 1
    assert f"The run stopped: The disk that holds {home} is full (5.0 MB are free)." in run.stderr
    assert "Traceback" not in run.stderr


def test_a_read_only_artifact_folder_is_told(first, run_train, disk, contents):
    folder = disk(64_000_000)
    with pytest.raises(StoreFailed, match=r"can't be written to .*disk: the file system is read-only\. .*--artifacts"):
        disk(64_000_000, "ro")
        run_train(first[1] / "data", folder)
    disk(64_000_000, "rw")
    run_train(first[1] / "data", folder)
    assert contents(folder) == contents(first[0].artifacts)


def test_a_clock_set_back_by_a_year_changes_nothing(copy, run_train, contents):
    """The same as files, results and records from a year ahead."""
    data, artifacts = copy
    before = contents(artifacts)
    year = 365 * 86400
    for path in [*data.rglob("*"), *artifacts.rglob("*")]:
        os.utime(path, (path.stat().st_atime + year, path.stat().st_mtime + year))
    for manifest in artifacts.glob("*/*/manifest.json"):
        value = json.loads(manifest.read_text())
        manifest.write_text(json.dumps({**value, "started": value["started"].replace("20", "21", 1)}))
    assert run_train(data, artifacts).ran == ["scan"]
    assert contents(artifacts) == before
    other = run_train(data, artifacts, epochs=1)
    assert other.stages["train"]["why"] == "parameter recipe.epochs 2 -> 1"
    assert other.record["number"] == 3


def test_a_file_that_changes_after_the_scan_is_noticed(copy, run_train, monkeypatch):
    import flows.steps

    data, artifacts = copy
    shutil.rmtree(artifacts)
    victim = sorted(data.rglob("*_2.tif"))[0]
    sound, prepare = victim.read_bytes(), flows.steps.prepare

    def after_a_change(*arguments, **options):
        victim.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
        return prepare(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(flows.steps, "prepare", after_a_change)
        run = run_train(data, artifacts, reject_limit=0.5, epochs=1)
    rejected = read_table(run.folder("label") / "rejected.parquet").set_index("path")
    name = victim.relative_to(data).as_posix()
    assert rejected.loc[name, "reason"] == "changed_since_scan"
    victim.write_bytes(sound)
    again = run_train(data, artifacts, reject_limit=0.5, epochs=1)
    assert "prepare" in again.ran, "what was left out for a passing reason is tried again"
    assert read_table(again.folder("label") / "rejected.parquet").empty


@pytest.mark.skipif(sys.platform != "linux", reason="finds child processes through /proc")
def test_a_killed_worker_does_not_end_the_run(copy, run_train, contents, monkeypatch):
    import tasks.patients

    data, artifacts = copy
    before = contents(artifacts)
    shutil.rmtree(artifacts)
    killed = []

    def killed_once(module, spec, on_event):
        def tell(event):
            on_event(event)
            if not killed:
                killed.extend(_children(BATCH))
                for pid in killed:
                    os.kill(pid, signal.SIGKILL)

        run_child(module, spec, tell)

    monkeypatch.setattr(tasks.patients, "run_child", killed_once)
    run_train(data, artifacts)
    assert len(killed) == 1
    assert contents(artifacts) == before


def test_a_patient_that_kills_its_worker_every_time_is_named(copy, run_train, monkeypatch):
    import tasks.patients
    import tasks.prepare

    data, artifacts = copy
    shutil.rmtree(artifacts)
    killed = []

    def killed_by_one(module, spec, on_event):
        if "TCGA_DU_0002_20000101" in spec["patients"]:
            killed.append(len(spec["patients"]))
            failure = ChildFailed("The process running it was killed by SIGKILL.")
            failure.killed = True
            raise failure
        run_child(module, spec, on_event)

    monkeypatch.setattr(tasks.patients, "run_child", killed_by_one)
    at_once = tasks.prepare.make_volumes.with_options(retry_delay_seconds=0)
    monkeypatch.setattr(tasks.prepare, "make_volumes", at_once)
    with pytest.raises(ChildFailed, match=r"Patient TCGA_DU_0002_20000101 could not be prepared\. .*SIGKILL"):
        run_train(data, artifacts)
    assert killed == [6, 1, 6, 1], "with the others and alone, and once more a little later"


def _children(module: str) -> list[int]:
    """This process's children that run `module`."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            command = (folder / "cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == os.getpid() and module.encode() in command:
            found.append(int(folder.name))
    return found


def test_two_runs_of_the_same_work_at_once_share_it(first, prefect_harness, recipe, contents, tmp_path):
    from prefect.settings import PREFECT_API_URL

    command = [
        sys.executable,
        "-m",
        "flows",
        "train",
        "--data",
        str(first[1] / "data"),
        "--artifacts",
        str(tmp_path / "a"),
    ]
    command += ["--artifacts", str(tmp_path / "a"), "--recipe", str(recipe), "--size", "32", "--resamples", "100"]
    environment = {**os.environ, "PREFECT_API_URL": PREFECT_API_URL.value()}
    runs = [
        subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [run.communicate(timeout=200) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    assert said[0][0] == said[1][0], "the same report"
    assert sum("epoch 1 of 2" in errors for _, errors in said) == 1, "one trains, the other waits"
    assert sum("train is being made by another run: waiting for it" in errors for _, errors in said) == 1
    assert contents(tmp_path / "a") == contents(first[0].artifacts)
    assert list((tmp_path / "a" / ".work").iterdir()) == []
