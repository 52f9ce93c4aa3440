"""A cross-validation tests every patient once, shares its folds with other runs, and resumes at its fold."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.killing.compare import differences, fingerprint
from flows.__main__ import main
from gliaflow.store.digests import digest_file
from gliaflow.store.explain import explain_run
from gliaflow.store.runs import Run, read_runs
from gliaflow.store.shared import open_store
from tasks.settings import EvaluateSettings, FoldSettings, PrepareSettings, SplitSettings, TrainSettings

ROOT = Path(__file__).parents[2]
RECIPE = {
    "work_size": 32,
    "filters": [4, 8],
    "dropouts": [0.1, 0.2],
    "epochs": 8,
    "batch_size": 4,
    "augmentation": {},
    "empty_ratio": 0.5,
    "precision": "float32",
}
FOLD = ["split", "train", "evaluate"]
PATIENTS = [f"TCGA_{site}_{i:04d}_20000101" for i, site in enumerate(("CS", "DU", "CS", "DU", "CS", "DU"), start=1)]


@pytest.fixture(scope="module")
def base(write_patient, tmp_path_factory) -> Path:
    """A folder with the data of six patients and a recipe."""
    base = tmp_path_factory.mktemp("crossval")
    for patient in PATIENTS:
        write_patient(base / "data", patient)
    (base / "recipe.json").write_text(json.dumps(RECIPE))
    return base


def run(base: Path, artifacts: Path) -> Path:
    """Run the flow on the tiny patients, in two folds and with the leakage meter; returns the report's path."""
    from flows.crossval import crossval

    return Path(crossval(**given(base, artifacts), folding=FoldSettings(folds=2), leakage_meter=True))


def given(base: Path, artifacts: Path) -> dict[str, Any]:
    """What a cross-validation and a run of one fold have in common."""
    return {
        "data": str(base / "data"),
        "artifacts": str(artifacts),
        "preparing": PrepareSettings(size=32),
        "training": TrainSettings(recipe=str(base / "recipe.json")),
        "evaluating": EvaluateSettings(resamples=100),
    }


@pytest.fixture(scope="module")
def alone(prefect_harness, base) -> dict[str, str]:
    """The digests of a cross-validation that was left alone, by the paths of its files."""
    assert run(base, base / "alone").name == "report.html"
    return fingerprint(base / "alone")


@pytest.fixture
def finished(alone, base) -> Path:
    """The artifacts of that cross-validation."""
    return base / "alone"


def last_run(artifacts: Path) -> Run:
    return read_runs(open_store(artifacts))[-1]


def results(artifacts: Path, stage: str) -> list[Path]:
    return [artifacts / record.path for record in last_run(artifacts).stages if record.stage == stage]


def test_a_recipe_file_that_changes_meanwhile_changes_no_later_fold(prefect_harness, base, tmp_path, monkeypatch):
    from flows import crossval as flow

    class EnoughSeen(Exception):
        pass

    recipe, seen = tmp_path / "recipe.json", []
    recipe.write_text(json.dumps(RECIPE))

    def learn(run: Run, parts: Any, training: Any, *rest: Any) -> None:
        seen.append(training)
        recipe.write_text(json.dumps({**RECIPE, "epochs": 1}))
        if len(seen) == 2:
            raise EnoughSeen

    monkeypatch.setattr(flow, "learn", learn)
    with pytest.raises(EnoughSeen):
        flow.crossval(
            **given(base, tmp_path / "artifacts") | {"training": TrainSettings(recipe=str(recipe))},
            folding=FoldSettings(folds=2),
        )
    assert seen[0] == seen[1] and seen[0].recipe.epochs == RECIPE["epochs"]


@pytest.mark.timeout(900)
def test_every_patient_is_tested_once_by_a_fold_that_is_told(finished):
    labels = [record.label for record in last_run(finished).stages]
    folds = ["fold 0 split", "fold 1 split", *(f"fold {fold} {stage}" for fold in (0, 1) for stage in FOLD[1:])]
    meter = [f"protocol slice {stage}" for stage in FOLD]
    assert labels == [
        *("scan", "pair", "prepare", "label"),
        *folds,
        "pool",
        *meter,
        *("leakage", "audit", "release", "crossval_report"),
    ]
    (pooled,) = results(finished, "pool")
    patients = pd.read_parquet(pooled / "patients.parquet")
    assert sorted(patients["patient"]) == sorted(PATIENTS) and set(patients["part"]) == {"test"}
    for fold, parts in enumerate(results(finished, "split")[:2]):
        table = pd.read_parquet(parts / "parts.parquet")
        tested = set(table.loc[table["part"] == "test", "patient"])
        assert set(patients.loc[patients["fold"] == fold, "patient"]) == tested
        assert not tested & set(table.loc[table["part"] != "test", "patient"])
    metrics = {metric["name"]: metric for metric in json.loads((pooled / "metrics.json").read_text())}
    assert metrics["volume_dice_mean"]["n"] == 6
    assert metrics["volume_dice_mean"]["value"] == pytest.approx(patients["dice"].mean())


def test_the_meter_and_the_audit_are_left_and_the_report_leads_to_the_card(finished):
    (meter,), (audit,), (bundle,) = (results(finished, stage) for stage in ("leakage", "audit", "release"))
    measured = json.loads((meter / "leakage.json").read_text())
    assert measured["gap"]["value"] == pytest.approx(measured["slice"]["value"] - measured["patient"]["value"])
    assert measured["patient"]["n"] == 12, "the tumour slices of all six patients"
    assert "Disagreement is no proof" in (audit / "audit.html").read_text()
    (page,) = results(finished, "crossval_report")
    assert f"../../release/{bundle.name}/MODEL_CARD.md" in (page / "report.html").read_text()


def test_the_release_holds_the_model_of_every_fold_and_what_all_chose(finished):
    (bundle,), (pooled,) = results(finished, "release"), results(finished, "pool")
    told = json.loads((bundle / "model.json").read_text())
    models = [digest_file(model / "model.keras") for model in results(finished, "train")[:2]]
    assert [member["sha256"] for member in told["members"]] == models
    assert [digest_file(bundle / member["file"]) for member in told["members"]] == models
    points = [json.loads((scores / "operating.json").read_text()) for scores in results(finished, "evaluate")[:2]]
    for name in ("threshold", "min_pixels"):
        assert told[name] == np.rint(np.mean([point[name] for point in points]))
    val = pd.concat([val_slices(scores) for scores in results(finished, "evaluate")[:2]])
    assert told["detection"]["patients"] == val["patient"].nunique()
    assert told["detection"]["slices"] == len(val.drop_duplicates()), "a patient of two folds' val counts once"
    headline = json.loads((pooled / "metrics.json").read_text())[0]
    card = (bundle / "MODEL_CARD.md").read_text()
    assert f"| Volume Dice, mean | {headline['value']:.3f} |" in card and "Research use only" in card


def val_slices(scores: Path) -> pd.DataFrame:
    """Patient and slice of what a fold chose by."""
    table = pd.read_parquet(scores / "predictions.parquet")
    return table.loc[table["part"] == "val", ["patient", "slice"]]


def test_why_tells_the_folds_apart(finished):
    told = explain_run(open_store(finished), "last", "fold 1 train")
    assert told[2].startswith("fold 1 train ran ") and any("(left by fold 1 split)" in line for line in told)


@pytest.mark.timeout(900)
def test_a_run_of_one_fold_alone_and_a_second_crossval_train_nothing(finished, base):
    from flows.train import train

    train(**given(base, finished), splitting=SplitSettings(protocol="crossval", folds=2, fold=1))
    assert not set(FOLD) & {record.stage for record in last_run(finished).stages if not record.cached}
    run(base, finished)
    assert [record.label for record in last_run(finished).stages if not record.cached] == ["scan"]


@pytest.mark.timeout(900)
def test_a_crossval_and_a_train_run_are_compared_on_the_patients_that_both_tested(finished, base, capsys):
    single, whole = (record.name for record in read_runs(open_store(finished))[-2:])
    assert main(["compare", single, "last", "--artifacts", str(finished)]) == 0
    told = capsys.readouterr().out
    assert f"A  {single} " in told and f"B  {whole} " in told
    assert "3 patients tested by both" in told and "the same for 3" in told and "B minus A: +0.0000" in told
    assert "Caution: 3 more tested by B alone are left out, such as TCGA_" in told
    assert main(["compare", "nobody", "last", "--artifacts", str(finished)]) == 1
    assert "There is no run 'nobody'" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="kills a group of processes")
@pytest.mark.timeout(1200)
def test_killed_in_the_training_of_its_second_fold_it_goes_on_there_and_ends_in_the_same_bytes(alone, finished, base):
    artifacts, log = base / "killed", base / "killed.txt"
    where = ["--data", base / "data", "--artifacts", artifacts, "--recipe", base / "recipe.json"]
    what = ["--size", "32", "--resamples", "100", "--folds", "2", "--leakage-meter"]
    options = [sys.executable, "-m", "flows", "crossval", *map(str, where), *what]
    with log.open("ab") as file:
        started = subprocess.Popen(options, cwd=ROOT, env=environment(base), stderr=file, start_new_session=True)
        second = next(Path(record.path).name for record in last_run(finished).stages if record.label == "fold 1 train")
        saved = artifacts / ".work" / f"train-{second}.resume" / "epoch-0001.npz"
        while not saved.exists():
            assert started.poll() is None, log.read_text()
            time.sleep(0.01)
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()
        killed = [record.label for record in last_run(artifacts).stages]
        assert killed[-1] == "fold 0 evaluate" and "fold 1 split" in killed
        subprocess.run(options, cwd=ROOT, env=environment(base), stderr=file, check=True)
    ran = [record.label for record in last_run(artifacts).stages if not record.cached]
    assert ran[:3] == ["scan", "fold 1 train", "fold 1 evaluate"]
    assert "going on after epoch " in log.read_text()
    assert differences(alone, fingerprint(artifacts)) == []


def environment(base: Path) -> dict[str, str]:
    """Ours, with the tests' Prefect server, which spares the run one of its own."""
    from prefect.settings import PREFECT_API_URL

    return {**os.environ, "PREFECT_API_URL": PREFECT_API_URL.value(), "PREFECT_HOME": str(base / "prefect")}
