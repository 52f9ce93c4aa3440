"""Whatever stage fails, a retry and a new run do that stage and what follows, and nothing before it.

Which stages run is all that this is about: what takes seconds (trainings, predictions, the page) is made up. The same
with a real worker and a real training is in `tests/deployments`.
"""

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from gliaflow.store.runs import read_runs
from gliaflow.store.shared import open_store

STAGES = ["scan", "pair", "prepare", "label", "split", "train", "evaluate", "predict", "release", "report", "publish"]
AFTER_FOLDS = ["pool", "audit", "release", "crossval_report"]
PAGE = "tasks.publish.create_markdown_artifact"
CALLS = {  # what each stage calls of the domain, or of Prefect
    "scan": "tasks.scan.scan_folder",
    "pair": "tasks.pair.pair_slices",
    "prepare": "tasks.patients.run_child",
    "label": "tasks.label.label_slices",
    "split": "tasks.split.split_slices",
    "train": "tasks.train.run_child",
    "evaluate": "tasks.evaluate.evaluate_model",
    "predict": "tasks.predict.write_predictions",
    "release": "tasks.release.write_bundle",
    "report": "tasks.report.write_report",
    "publish": PAGE,
    "pool": "tasks.pool.pool_folds",
    "audit": "tasks.audit.audit_labels",
    "crossval_report": "tasks.report.write_report",
}


class Broken(Exception):
    """A failure that a test makes."""


class Failing:
    """Stands in for a function that fails, `times` or always, and then does what `function` does; counts its calls."""

    def __init__(self, error: Exception, function: Callable[..., Any] | None = None, times: int = 1_000):
        self.error, self.function, self.times, self.calls = error, function, times, 0

    def __call__(self, *arguments: Any, **given: Any) -> Any:
        self.calls += 1
        if self.calls <= self.times:
            raise self.error
        return self.function(*arguments, **given)


@dataclass(frozen=True)
class Attempt:
    """A flow run's state, and the stages that it made or reused, in order; `publish` counts as made."""

    state: Any
    made: list[str] = field(default_factory=list)
    reused: list[str] = field(default_factory=list)


class Runner:
    """Runs a flow, and the same flow run again."""

    def __init__(self, flow: Any, parameters: dict[str, Any]):
        self.flow, self.parameters, self.published = flow, parameters, []

    def start(self, **changes: Any) -> Attempt:
        """A new run, with some parameters changed."""
        given = self.parameters | changes
        return self._attempt(given["artifacts"], lambda: self.flow(**given, return_state=True))

    def retry(self, failed: Attempt) -> Attempt:
        """The same flow run again, as `prefect flow-run retry` does it, and the dashboard's button all but the name."""
        from prefect.client.orchestration import get_client
        from prefect.flow_engine import run_flow
        from prefect.states import Scheduled

        async def schedule() -> Any:
            async with get_client() as client:
                number = failed.state.state_details.flow_run_id
                await client.set_flow_run_state(number, Scheduled(message="Retried via CLI"), force=True)
                return await client.read_flow_run(number)

        flow_run = asyncio.run(schedule())
        given = flow_run.parameters
        return self._attempt(
            given["artifacts"], lambda: run_flow(self.flow, flow_run=flow_run, parameters=given, return_type="state")
        )

    def _attempt(self, artifacts: str, call: Callable[[], Any]) -> Attempt:
        store = open_store(artifacts)
        before = {run.name for run in read_runs(store)}
        self.published.clear()
        state = call()
        (run,) = [run for run in read_runs(store) if run.name not in before]
        made = [stage.label for stage in run.stages if not stage.cached] + self.published
        return Attempt(state, made, [stage.label for stage in run.stages if stage.cached])


@pytest.fixture
def runner(copy, recipe, first, monkeypatch) -> Callable[[Any], Runner]:
    """`runner(flow)` runs a flow on a copy of the finished run, with what takes seconds made up."""
    outcome, _ = first
    data, artifacts = copy

    def train(module: str, spec: dict[str, Any], on_event: Any) -> None:
        shutil.copytree(outcome.folder("train"), spec["folder"], dirs_exist_ok=True)
        (Path(spec["folder"]) / "manifest.json").unlink()

    def evaluate(module: str, spec: dict[str, Any], on_event: Any) -> None:
        Path(spec["out"]).mkdir()
        for patient, volume in spec["volumes"].items():
            np.save(Path(spec["out"]) / f"{patient}.npy", np.load(Path(volume) / "masks.npy") * np.uint8(200))

    def report(folder: Path, data: Any) -> None:
        (folder / "report.html").write_text("<html>")
        (folder / "summary.json").write_text('{"markdown": "Dice", "tables": {}, "figures": []}')

    monkeypatch.setattr("tasks.train.run_child", train)
    monkeypatch.setattr("tasks.evaluate.run_child", evaluate)
    monkeypatch.setattr("tasks.report.write_report", report)

    def make(flow: Any) -> Runner:
        parameters = {
            "data": str(data),
            "artifacts": str(artifacts),
            "preparing": {"size": 32},
            "training": {"recipe": str(recipe)},
            "evaluating": {"resamples": 100},
        }
        runner = Runner(flow, parameters)
        monkeypatch.setattr(PAGE, lambda **given: runner.published.append("publish"))
        return runner

    return make


def lose(artifacts: str, stages: list[str]) -> None:
    """Take away the results of `stages`, as though the run had not come to them."""
    for stage in [*stages, *(["volume"] if "prepare" in stages else [])]:
        shutil.rmtree(Path(artifacts) / stage, ignore_errors=True)


@pytest.mark.parametrize("stage", STAGES)
def test_a_failed_stage_and_what_follows_is_done_again_and_nothing_before_it(stage, runner, monkeypatch, tmp_path):
    from flows.train import train

    run = runner(train)
    artifacts = run.parameters["artifacts"]
    before, following = STAGES[: STAGES.index(stage)], STAGES[STAGES.index(stage) :]
    lose(artifacts, following)
    with monkeypatch.context() as patch:
        failing = Failing(Broken(f"{stage} can't go on"))
        patch.setattr(CALLS[stage], failing)
        failed = run.start()
    assert failed.state.is_failed()
    assert failed.state.message.endswith(f"Broken: {stage} can't go on")
    assert failing.calls == 1, "what fails alike is not tried again by itself"
    assert failed.reused == before[1:]  # scan is never reused: it looks at the folder every time
    shutil.copytree(artifacts, tmp_path / "other")

    for again in (run.retry(failed), run.start(artifacts=str(tmp_path / "other"))):
        assert again.state.is_completed(), again.state.message
        assert again.reused == before[1:]
        assert again.made == ["scan", *[name for name in following if name != "scan"]]


def test_so_it_is_with_each_stage_that_a_cross_validation_adds(runner, monkeypatch):
    from flows.crossval import crossval

    run = runner(crossval)
    run.parameters["folding"] = {"folds": 2}
    folds = [
        f"fold {fold} {stage}" for stages in (["split"], ["train", "evaluate"]) for fold in (0, 1) for stage in stages
    ]
    before = ["pair", "prepare", "label", *folds]
    attempt = None
    for number, stage in enumerate(AFTER_FOLDS):
        with monkeypatch.context() as patch:
            patch.setattr(CALLS[stage], Failing(Broken(f"{stage} can't go on")))
            attempt = run.start() if attempt is None else run.retry(attempt)
        assert attempt.state.is_failed()
        assert attempt.state.message.endswith(f"Broken: {stage} can't go on")
        if number:
            assert attempt.reused == [*before, *AFTER_FOLDS[: number - 1]]
            assert attempt.made == ["scan", AFTER_FOLDS[number - 1]]
    again = run.retry(attempt)
    assert again.state.is_completed(), again.state.message
    assert again.made == ["scan", AFTER_FOLDS[-1], "publish"]


def test_publishing_is_tried_again_where_the_server_may_be_back_in_a_moment(runner, monkeypatch):
    from flows.train import train
    from tasks.publish import publish

    run = runner(train)
    monkeypatch.setattr(publish, "retry_delay_seconds", [0.0])
    published = Failing(httpx.ConnectError("Connection refused"), lambda **given: run.published.append("publish"), 2)
    monkeypatch.setattr(PAGE, published)
    attempt = run.start()
    assert attempt.state.is_completed(), attempt.state.message
    assert (published.calls, attempt.made[-1]) == (3, "publish")

    monkeypatch.setattr(PAGE, Failing(httpx.ConnectError("Connection refused")))
    attempt = run.start()
    assert attempt.state.is_failed() and "Connection refused" in attempt.state.message
