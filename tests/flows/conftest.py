"""Runs of the flow on tiny patients, under Prefect's test harness; nothing touches the user's Prefect."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

TINY_RECIPE = {
    "work_size": 32,
    "filters": [4, 8],
    "dropouts": [0.1, 0.2],
    "epochs": 2,
    "batch_size": 4,
    "precision": "float32",
}


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
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "tiny.json"
    path.write_text(json.dumps(TINY_RECIPE))
    return path


@pytest.fixture(scope="session")
def run_train(prefect_harness: None, recipe: Path) -> Callable[..., Outcome]:
    """`run_train(data, artifacts, epochs=…, …)` runs the flow with the tiny recipe."""

    def run(data: Path | str, artifacts: Path, **changes: Any) -> Outcome:
        from flows.train import train
        from tasks.settings import EvaluateSettings, IntakeSettings, PrepareSettings, SplitSettings, TrainSettings

        before = set(_records(artifacts))
        report = train(
            data=str(data),
            artifacts=str(artifacts),
            intake=IntakeSettings(reject_limit=changes.pop("reject_limit", 0.1)),
            preparing=PrepareSettings(size=32),
            splitting=SplitSettings(protocol=changes.pop("protocol", "patient")),
            training=TrainSettings(recipe=str(recipe), epochs=changes.pop("epochs", None)),
            evaluating=EvaluateSettings(resamples=100),
        )
        assert not changes, f"unknown options {changes}"
        (record,) = set(_records(artifacts)) - before
        return Outcome(json.loads(record.read_text()), Path(report), artifacts)

    return run


def _records(artifacts: Path) -> list[Path]:
    return list((artifacts / "runs").glob("*/run.json"))
