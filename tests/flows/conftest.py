"""Runs of the flow on tiny patients, under Prefect's test harness; nothing touches the user's Prefect."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gliaflow.store.runs import read_runs
from gliaflow.store.shared import open_store


@dataclass(frozen=True)
class Outcome:
    """What a run left: its record, and where."""

    record: dict[str, Any]
    report: Path
    artifacts: Path

    @property
    def stages(self) -> dict[str, dict[str, Any]]:
        return {stage["stage"]: stage for stage in self.record["stages"]}

    @property
    def ran(self) -> list[str]:
        """The stages that were not reused, in order."""
        return [stage["stage"] for stage in self.record["stages"] if not stage["cached"]]

    def folder(self, stage: str) -> Path:
        return self.artifacts / self.stages[stage]["path"]


@pytest.fixture(scope="session")
def prefect_harness() -> Iterator[None]:
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture(scope="session")
def run_train(prefect_harness: None, recipe: Path) -> Callable[..., Outcome]:
    """`run_train(data, artifacts, epochs=…, …)` runs the flow with the tiny recipe."""

    def run(data: Path | str, artifacts: Path | str, **changes: Any) -> Outcome:
        from flows.train import train
        from tasks.settings import EvaluateSettings, IntakeSettings, PrepareSettings, SplitSettings, TrainSettings

        store = open_store(artifacts)
        before = {run.name for run in read_runs(store)}
        report = train(
            data=str(data),
            artifacts=str(artifacts),
            intake=IntakeSettings(reject_limit=changes.pop("reject_limit", 0.1)),
            preparing=PrepareSettings(size=32),
            splitting=SplitSettings(protocol=changes.pop("protocol", "patient")),
            training=TrainSettings(recipe=str(recipe), epochs=changes.pop("epochs", None)),
            evaluating=EvaluateSettings(resamples=100),
            to_registry=changes.pop("register", False),
        )
        assert not changes, f"unknown options {changes}"
        (name,) = {run.name for run in read_runs(store)} - before
        record = json.loads(store.read(f"runs/{name}/run.json"))
        return Outcome(record, Path(report), Path(artifacts))

    return run


@pytest.fixture(scope="session")
def first(
    run_train: Callable[..., Outcome], write_patient: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Outcome, Path]:
    """A finished run on six tiny patients, and the folder with its data and artifacts; tests work on copies."""
    base = tmp_path_factory.mktemp("first")
    for i, site in enumerate(("CS", "DU", "HT", "CS", "DU", "HT"), start=1):
        write_patient(base / "data", f"TCGA_{site}_{i:04d}_20000101")
    return run_train(base / "data", base / "artifacts"), base


@pytest.fixture
def copy(first: tuple[Outcome, Path], tmp_path: Path) -> tuple[Path, Path]:
    """Copies of the first run's data and artifacts: (data, artifacts)."""
    shutil.copytree(first[1], tmp_path / "copy")
    return tmp_path / "copy" / "data", tmp_path / "copy" / "artifacts"


@pytest.fixture(scope="session")
def contents() -> Callable[..., dict[str, str]]:
    """`contents(artifacts, stage)`: sha256 of every file of a stage's results (all stages by default).

    Manifests, which hold times, and logs are left out.
    """

    def read(artifacts: Path, stage: str = "[a-z]*") -> dict[str, str]:
        return {
            str(path.relative_to(artifacts)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(artifacts.glob(f"{stage}/*/**/*"))
            if path.is_file() and path.name not in ("manifest.json", "run.json", "uses") and "logs" not in path.parts
        }

    return read
