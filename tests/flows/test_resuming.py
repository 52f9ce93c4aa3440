"""Nothing is done twice, and nothing stale or damaged is used."""

import asyncio
import hashlib
import os
import shutil
from pathlib import Path

import pytest

ALL = ["scan", "pair", "prepare", "label", "split", "train", "evaluate", "predict", "release", "report"]


def test_a_first_run_runs_every_stage_and_records_it(first):
    outcome, _ = first
    assert list(outcome.stages) == outcome.ran == ALL
    assert {stage["why"] for name, stage in outcome.stages.items() if name != "scan"} == {"first run"}
    told = {"stage", "key", "content", "path", "cached", "why", "seconds", "compared", "differences", "within"}
    for stage in outcome.record["stages"]:
        assert told == set(stage)
        assert (outcome.artifacts / stage["path"] / "manifest.json").is_file()
        assert stage["seconds"] > 0
    assert outcome.record["parameters"]["protocol"] == "patient"
    assert outcome.report.name == "report.html" and "<html" in outcome.report.read_text()


def test_a_second_run_runs_scan_alone_though_everything_was_moved(copy, run_train):
    data, artifacts = copy
    again = run_train(data, artifacts)
    assert again.ran == ["scan"]
    assert again.stages["train"]["why"] == "nothing it depends on has changed"


def test_reused_stages_are_cached_in_prefects_eyes(copy, run_train):
    data, artifacts = copy
    run = run_train(data, artifacts)
    states = asyncio.run(_task_states(run.record["run"]))
    assert states["scan"] == "Completed"
    assert {states[name] for name in ALL if name != "scan"} == {"Cached"}


async def _task_states(flow_run_name: str) -> dict[str, str]:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName

    async with get_client() as client:
        runs = await client.read_task_runs(flow_run_filter=FlowRunFilter(name=FlowRunFilterName(any_=[flow_run_name])))
    return {run.name: run.state_name for run in runs}


def test_the_report_is_shown_on_the_page_of_a_run_that_reused_it(copy, run_train):
    data, artifacts = copy
    run = run_train(data, artifacts)
    shown = {artifact.key: artifact for artifact in asyncio.run(_artifacts(run.record["run"]))}
    assert {"report", "metrics", "prediction-grid", "class-balance", "learning-curve-dice"} <= shown.keys()
    assert "Dice" in shown["report"].data
    assert shown["report"].description == str(run.report)
    assert {"markdown", "table", "image"} == {artifact.type for artifact in shown.values()}
    address = shown["prediction-grid"].data
    assert address.startswith("data:image/webp;base64,") and len(address) < 400_000


async def _artifacts(flow_run_name: str) -> list:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName

    async with get_client() as client:
        return await client.read_artifacts(flow_run_filter=FlowRunFilter(name=FlowRunFilterName(any_=[flow_run_name])))


def test_touching_files_runs_nothing_again(copy, run_train):
    data, artifacts = copy
    for path in data.rglob("*.tif"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    assert run_train(data, artifacts).ran == ["scan"]


def test_other_epochs_train_again_and_what_is_below(copy, run_train):
    data, artifacts = copy
    run = run_train(data, artifacts, epochs=1)
    assert run.ran == ["scan", "train", "evaluate", "predict", "release", "report"]
    assert run.stages["train"]["why"] == "parameter recipe.epochs 2 -> 1"


def test_a_new_patient_alone_is_prepared(copy, run_train, write_patient, contents):
    data, artifacts = copy
    before = contents(artifacts, "volume")
    write_patient(data, "TCGA_FG_0009_20000101")
    run = run_train(data, artifacts)
    made = contents(artifacts, "volume").keys() - before.keys()
    assert len({Path(path).parent for path in made}) == 1
    assert run.stages["prepare"]["why"] == "1 of 7 patients are new: TCGA_FG_0009_20000101"
    assert set(run.ran) >= {"scan", "pair", "prepare", "label", "split"}


@pytest.mark.parametrize("stage", [*ALL, "volume"])
def test_a_flipped_byte_repairs_that_stage_alone(copy, run_train, contents, stage):
    data, artifacts = copy
    before = contents(artifacts)
    victim = max((artifacts / stage).rglob("*"), key=lambda path: path.stat().st_size if path.is_file() else -1)
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    run = run_train(data, artifacts)
    named = "prepare" if stage == "volume" else stage
    assert run.ran == (["scan"] if stage == "scan" else ["scan", named])
    if stage != "scan":  # which runs every time, and says what it found in the data
        assert f"{victim.relative_to(next((artifacts / stage).glob('*/')))} was changed" in run.stages[named]["why"]
    assert contents(artifacts) == before


def test_a_deleted_model_is_trained_again_to_the_same_bytes(copy, run_train):
    data, artifacts = copy
    (model,) = (artifacts / "train").glob("*/model.keras")
    before = hashlib.sha256(model.read_bytes()).hexdigest()
    model.unlink()
    run = run_train(data, artifacts)
    assert run.ran == ["scan", "train"]
    assert run.stages["train"]["why"] == "the earlier result is damaged: model.keras is missing"
    assert hashlib.sha256(model.read_bytes()).hexdigest() == before


def test_an_artifact_without_its_record_is_still_used(copy, run_train):
    data, artifacts = copy
    shutil.rmtree(artifacts / ".records")
    assert run_train(data, artifacts).ran == ["scan"]


@pytest.mark.parametrize("content", [b"", b"{", b"\x80pickle", b'{"metadata": {}, "result": "[]"}'])
def test_damaged_records_do_no_harm(copy, run_train, contents, content):
    data, artifacts = copy
    before = contents(artifacts)
    for record in (artifacts / ".records").iterdir():
        record.write_bytes(content)
    assert run_train(data, artifacts).ran == ["scan"]
    assert contents(artifacts) == before


def test_a_record_without_its_artifact_is_no_hit(copy, run_train):
    data, artifacts = copy
    shutil.rmtree(artifacts / "label")
    run = run_train(data, artifacts)
    assert run.ran == ["scan", "label"]
    assert run.stages["label"]["why"] == "its earlier result is gone"
