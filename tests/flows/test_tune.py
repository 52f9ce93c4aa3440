"""A search is resumed, prunes, never sees a test patient, and leaves a recipe that `train` takes.

Trainings of trials are made up here but for one test; those of the two recipes at the end are real.
"""

import asyncio
import json
from pathlib import Path

import pandas as pd
import pytest

from gliaflow.model.recipes import load_recipe
from gliaflow.process import ChildFailed
from gliaflow.store.artifacts import LOCKS
from gliaflow.store.gc import plan_removal, remove
from gliaflow.store.locks import hold
from gliaflow.store.manifests import read_manifest
from gliaflow.store.runs import Run
from gliaflow.store.shared import open_store

TRIALS, EPOCHS = 7, 4
SITES = ("CS", "DU", "HT")
RECIPE = {
    "work_size": 32,
    "filters": [4, 8],
    "dropouts": [0.1, 0.2],
    "epochs": EPOCHS,
    "batch_size": 8,
    "precision": "float32",
    "monitor": "val_dice",
}


class Killed(BaseException):
    """The process ends here."""


class Trainings:
    """Stands in for the training of trials: a made-up Dice, a checkpoint an epoch, the files that it leaves."""

    def __init__(self):
        self.specs, self.epochs = [], []  # what it was told; (trial, epoch) of each epoch
        self.kill, self.fails = None, lambda trial, recipe: False

    def __call__(self, spec, on_event):
        self.specs.append(spec)
        recipe, folder, work = spec["recipe"], Path(spec["folder"]), Path(spec["work"])
        trial = int(work.parent.name.removeprefix("trial-"))
        if self.fails(trial, recipe):
            raise ChildFailed("The training loss became nan in epoch 1.")
        work.mkdir(parents=True, exist_ok=True)
        checkpoint = work / "history.json"
        history = json.loads(checkpoint.read_text()) if checkpoint.exists() else []
        if history:
            on_event({"event": "log", "level": "info", "message": "going on", "history": history})
        for epoch in range(len(history) + 1, recipe["epochs"] + 1):
            self.epochs.append((trial, epoch))
            row = {"epoch": epoch, "val_dice": (0.9 - 30 * abs(recipe["learning_rate"] - 3e-3)) * epoch / EPOCHS}
            history.append(row)
            checkpoint.write_text(json.dumps(history))
            if self.kill == (trial, epoch):
                raise Killed
            on_event({"event": "log", "level": "info", "message": f"epoch {epoch}", "figures": row})
        folder.mkdir()
        (folder / "summary.json").write_text(json.dumps({"best": {"val_dice": max(r["val_dice"] for r in history)}}))


@pytest.fixture
def trainings(monkeypatch):
    made_up = Trainings()
    monkeypatch.setattr("tasks.trial.train_in_child", made_up)
    return made_up


@pytest.fixture(scope="module")
def base(write_patient, tmp_path_factory):
    """A folder with twelve tiny patients in `data`, and a recipe file."""
    folder = tmp_path_factory.mktemp("tune")
    for i in range(1, 13):
        write_patient(folder / "data", f"TCGA_{SITES[i % 3]}_{i:04d}_20000101")
    (folder / "tiny.json").write_text(json.dumps(RECIPE))
    return folder


@pytest.fixture
def find(prefect_harness, base):
    """`find(artifacts, trials)` runs the way in and the search alone; gives the folder of the outcome."""
    from prefect import flow
    from prefect.runtime import flow_run

    from flows.steps import take_in
    from tasks.settings import (
        IntakeSettings,
        PrepareSettings,
        SplitSettings,
        SpreadSettings,
        TrainSettings,
        TuneSettings,
    )
    from tasks.split import split
    from tasks.tune import search

    @flow(name="find")
    def run_search(artifacts: str, trials: int) -> tuple[str, str]:
        store = open_store(artifacts)
        run = Run(flow_run.name, store, {"data": "data"})
        with run.under_way():
            cohort = take_in(run, str(base / "data"), IntakeSettings(), PrepareSettings(size=32), SpreadSettings())
            parts = split(run, SplitSettings(), labels=cohort.labels, volumes=cohort.volumes)
            outcome = search(
                run,
                TuneSettings(trials=trials),
                TrainSettings(recipe=str(base / "tiny.json")).resolve(32),
                prepared=cohort.prepared,
                parts=parts,
                volumes=cohort.volumes,
            )
        return str(store.folder(outcome)), run.name

    def find(artifacts, trials=TRIALS):
        folder, find.name = run_search(str(artifacts), trials)
        return Path(folder)

    return find


def bytes_of(outcome):
    return {path.name: path.read_bytes() for path in outcome.iterdir() if path.name != "manifest.json"}


@pytest.fixture
def undisturbed(find, trainings, tmp_path):
    """The outcome of a search that was left alone, and the epochs that it trained."""
    outcome = find(tmp_path / "undisturbed")
    epochs = [*trainings.epochs]
    trainings.epochs.clear()
    return outcome, epochs


def test_the_outcome_is_a_recipe_file_and_tables(undisturbed):
    outcome, epochs = undisturbed
    facts = json.loads((outcome / "tune.json").read_text())
    trials = pd.read_parquet(outcome / "trials.parquet").set_index("number")
    assert list(trials.index) == list(range(TRIALS)) and facts["states"] == dict(trials["state"].value_counts())
    assert facts["best"] == trials.query("state == 'complete'")["dice"].idxmax() > 0
    assert facts["dice"] == trials["dice"][facts["best"]] > trials["dice"][0] == facts["default_dice"]
    recipe = load_recipe(str(outcome / "recipe.json"))
    assert recipe.name == "tiny-tuned" and recipe.epochs == EPOCHS
    assert recipe.learning_rate == json.loads(trials["parameters"][facts["best"]])["learning_rate"]
    assert trials["epochs"].to_dict() == pd.Series([trial for trial, _ in epochs]).value_counts().to_dict()
    assert not list((outcome.parents[1] / "tune").glob("*/trial-*"))


def test_trials_that_are_worse_end_early_and_say_so_in_the_dashboard(find, trainings, tmp_path):
    trials = pd.read_parquet(find(tmp_path / "artifacts") / "trials.parquet").set_index("number")
    pruned = trials[trials["state"] == "pruned"]
    assert len(pruned) and (pruned["epochs"] < EPOCHS).all()
    states = asyncio.run(_task_states(find.name))
    shown = {"complete": "Completed", "pruned": "Pruned"}
    assert {name: state for name, state in states.items() if name.startswith("trial")} == {
        f"trial {number}": shown[state] for number, state in trials["state"].items()
    }


async def _task_states(flow_run_name):
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName

    async with get_client() as client:
        runs = await client.read_task_runs(flow_run_filter=FlowRunFilter(name=FlowRunFilterName(any_=[flow_run_name])))
    return {run.name: run.state_name for run in runs}


@pytest.mark.parametrize("kill", [(0, 2), (3, 1), (3, EPOCHS)])
def test_killed_in_a_trial_it_goes_on_from_its_checkpoint_to_the_same_bytes(
    undisturbed, find, trainings, tmp_path, kill
):
    trainings.kill = kill
    with pytest.raises(Killed):
        find(tmp_path / "killed")
    trainings.kill = None
    outcome = find(tmp_path / "killed")
    assert bytes_of(outcome) == bytes_of(undisturbed[0])
    assert trainings.epochs == undisturbed[1]  # none twice, none left out


def test_more_trials_go_on_from_those_there_are_and_a_finished_search_is_not_run_again(
    undisturbed, find, trainings, tmp_path
):
    few = find(tmp_path / "artifacts", 3)
    assert len(pd.read_parquet(few / "trials.parquet")) == 3
    outcome = find(tmp_path / "artifacts")
    assert bytes_of(outcome) == bytes_of(undisturbed[0]) and trainings.epochs == undisturbed[1]
    find(tmp_path / "artifacts")
    assert trainings.epochs == undisturbed[1]


def test_trials_are_not_even_told_of_test_patients(find, trainings, tmp_path):
    outcome = find(tmp_path / "artifacts", 2)
    (parts,) = (outcome.parents[1] / "split").glob("*/parts.parquet")
    split = pd.read_parquet(parts)
    by_part = {part: set(rows["patient"]) for part, rows in split.groupby("part")}
    tested = {
        folder.name
        for folder in (outcome.parents[1] / "volume").iterdir()
        if set(read_manifest(folder).provenance.inputs) & by_part["test"]
    }
    assert len(tested) == len(by_part["test"]) > 0
    for spec in trainings.specs:
        assert set(spec["volumes"]) == by_part["train"] | by_part["val"]
        assert not {Path(folder).name for folder in spec["volumes"].values()} & tested
        seen = pd.read_parquet(spec["parts"])
        assert set(seen["part"]) == {"train", "val"} and not set(seen["patient"]) & by_part["test"]


def test_a_recipe_that_cannot_be_trained_counts_and_the_search_goes_on(find, trainings, tmp_path):
    trainings.fails = lambda trial, recipe: trial in (1, 2)
    outcome = find(tmp_path / "artifacts", 4)
    trials = pd.read_parquet(outcome / "trials.parquet")
    assert list(trials["state"]) == ["complete", "failed", "failed", "complete"]
    assert set(trials["why"]) == {"", "The training loss became nan in epoch 1."}
    states = asyncio.run(_task_states(find.name))
    assert [states[f"trial {number}"] for number in range(4)] == ["Completed", "Failed", "Failed", "Completed"]


def test_without_the_default_there_is_no_search_and_it_is_tried_again(find, trainings, tmp_path):
    trainings.fails = lambda trial, recipe: True
    with pytest.raises(ChildFailed, match="loss became nan"):
        find(tmp_path / "artifacts", 2)
    trainings.fails = lambda trial, recipe: False
    assert list(pd.read_parquet(find(tmp_path / "artifacts", 2) / "trials.parquet")["state"]) == ["complete"] * 2


def test_a_study_is_kept_while_a_kept_run_names_it_or_somebody_is_at_work_on_it(find, trainings, tmp_path):
    store = open_store(tmp_path / "artifacts")
    trainings.kill = (1, 1)
    with pytest.raises(Killed):
        find(store.root, 2)
    (study,) = (store.root / "tune").iterdir()
    path = f"tune/{study.name}"
    with Run("another", store, {}).under_way():
        assert path not in plan_removal(store, 1).folders
    with Run("one more", store, {}).under_way():
        pass
    plan = plan_removal(store, 1)
    assert path in plan.folders
    with hold(store.root / LOCKS / path.replace("/", "-")):
        remove(store, plan)
        assert study.is_dir()
    remove(store, plan_removal(store, 1))
    assert not study.exists()


def test_a_split_that_a_search_would_cheat_by_is_refused(prefect_harness, base, tmp_path):
    from flows.tune import tune
    from gliaflow.errors import GliaflowError
    from tasks.settings import PrepareSettings, SplitSettings, TrainSettings

    with pytest.raises(GliaflowError, match="Use the protocol patient"):
        tune(
            data=str(base / "data"),
            artifacts=str(tmp_path / "artifacts"),
            preparing=PrepareSettings(size=32),
            splitting=SplitSettings(protocol="slice"),
            training=TrainSettings(recipe=str(base / "tiny.json")),
        )


def test_a_trial_trains_for_real(find, tmp_path):
    outcome = find(tmp_path / "artifacts", 1)
    trials, curves = (pd.read_parquet(outcome / f"{name}.parquet") for name in ("trials", "curves"))
    assert list(curves["epoch"]) == list(range(1, EPOCHS + 1))
    assert trials["dice"].tolist() == [curves["val_dice"].max()]
    assert load_recipe(str(outcome / "recipe.json")).name == "tiny"  # nothing better than the default


@pytest.mark.timeout(900)
def test_the_whole_run_holds_what_it_found_against_the_default(prefect_harness, base, trainings, tmp_path, capsys):
    from flows.__main__ import main
    from flows.tune import tune
    from tasks.settings import EvaluateSettings, PrepareSettings, TrainSettings, TuneSettings

    page = tune(
        data=str(base / "data"),
        artifacts=str(tmp_path / "artifacts"),
        preparing=PrepareSettings(size=32),
        tuning=TuneSettings(trials=4, trial_epochs=2),
        training=TrainSettings(recipe=str(base / "tiny.json")),
        evaluating=EvaluateSettings(resamples=100),
    )
    assert {spec["recipe"]["epochs"] for spec in trainings.specs} == {2}
    (outcome,) = (tmp_path / "artifacts" / "tuned").iterdir()
    tuned = load_recipe(str(outcome / "recipe.json"))
    models = [json.loads(path.read_text()) for path in (tmp_path / "artifacts" / "train").glob("*/summary.json")]
    assert sorted(model["recipe"]["name"] for model in models) == ["tiny", "tiny-tuned"]
    assert tuned.model_dump(mode="json") in [model["recipe"] for model in models] and tuned.epochs == EPOCHS
    compared = json.loads(Path(page).with_name("comparison.json").read_text())
    (parts,) = (tmp_path / "artifacts" / "split").glob("*/parts.parquet")
    test = set(pd.read_parquet(parts).query("part == 'test'")["patient"])
    assert {row["patient"] for row in compared["patients"]} == test
    scores = [pd.read_parquet(path) for path in (tmp_path / "artifacts" / "evaluate").glob("*/patients.parquet")]
    means = sorted(score.query("part == 'test'")["dice"].mean() for score in scores)
    assert sorted([compared["mean_a"], compared["mean_b"]]) == pytest.approx(means)
    text = Path(page).read_text()
    assert "that the search never saw" in text and "learning_rate" in text and "://" not in text
    assert main(["compare", "last", "last", "--artifacts", str(tmp_path / "artifacts")]) == 1
    assert "is a tuning, which holds its two recipes against each other on its own page" in capsys.readouterr().err
