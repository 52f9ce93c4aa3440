"""Models are registered, challenged, judged by the frozen patients and rolled back to; predictions name theirs."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import pytest

from flows.__main__ import main
from gliaflow.evaluation.compare import compare_patients
from gliaflow.splits.protocols import UnusableSplit
from gliaflow.store.artifacts import Store
from gliaflow.store.registry import PROMOTED, REFUSED, NotFrozen, Registry
from gliaflow.store.tables import read_table


@pytest.fixture(scope="module")
def registered(first, run_train, write_patient, tmp_path_factory):
    """The first run as v1, and v2, a challenger of data that have grown by two patients: (data, artifacts)."""
    base = tmp_path_factory.mktemp("registered")
    shutil.copytree(first[1], base, dirs_exist_ok=True)
    data, artifacts = base / "data", base / "artifacts"
    one = run_train(data, artifacts, register=True)
    assert one.ran == ["scan", "fingerprint"], "nothing is trained again to be registered"
    again = run_train(data, artifacts, register=True)
    assert again.ran == ["scan", "split"], "split around the frozen patients, to the same parts: the same model"
    for number, site in ((7, "CS"), (8, "DU")):
        write_patient(data, f"TCGA_{site}_000{number}_20000101")
    two = run_train(data, artifacts, register=True)
    assert {"split", "train", "contest"} <= set(two.ran)
    return data, artifacts


def test_the_first_model_is_current_and_a_challenger_is_judged_by_its_test_patients(registered):
    _, artifacts = registered
    registry = Registry(Store(artifacts))
    one, two = registry.versions()
    assert one.verdicts[0].what == PROMOTED and one.verdicts[0].why == "it is the first model"
    assert registry.frozen() == one.tested == two.tested and len(one.patients) == 6 and len(two.patients) == 8
    parts = read_table(artifacts / two.results["split"].path / "parts.parquet")
    assert tuple(parts.loc[parts["part"] == "test", "patient"].unique()) == one.tested.patients
    assert one.tested.persons == (one.tested.patients[0][:12],) and len(one.tested.images) == 4
    assert two.verdicts[0].what == REFUSED
    assert "on 1 of 1 frozen test patient (" in two.verdicts[0].why and "of v1" in two.verdicts[0].why
    assert registry.current() == one
    assert one.lineage["split"] == one.results["split"].content and one.lineage["recipe"] == "tiny"
    mark = read_table(artifacts / one.results["fingerprint"].path / "fingerprint.parquet")
    assert sorted(mark["patient"]) == one.patients
    assert mark.loc[mark["part"] == "train", "tumor_rate"].isna().all()
    assert mark.loc[mark["part"] != "train", ["tumor_rate", "unsure_rate", "tumor_share"]].notna().all(axis=None)


def test_a_model_that_is_registered_already_stays_the_version_that_it_is(registered, run_train):
    data, artifacts = registered
    assert run_train(data, artifacts, register=True).ran == ["scan"]
    assert [version.name for version in Registry(Store(artifacts)).versions()] == ["v1", "v2"]


def test_models_and_rollback_as_a_person_types_them(registered, tmp_path, capsys):
    artifacts = shutil.copytree(registered[1], tmp_path / "artifacts")
    where = ["--artifacts", str(artifacts)]
    assert main(["models", *where]) == 0
    told = capsys.readouterr().out
    assert "v1   current " in told and "v2   refused " in told and "Frozen test patients (1): TCGA_" in told
    assert main(["rollback", *where]) == 1
    assert "no earlier version" in capsys.readouterr().err
    assert main(["rollback", "v2", "--why", "v1 misses small tumours", *where]) == 0
    assert capsys.readouterr().out.startswith("v2 is current again, as made by run ")
    assert main(["models", "current", *where]) == 0
    told = capsys.readouterr().out
    assert "v2, registered 20" in told and "rolled back: v1 misses small tumours" in told
    assert "MODEL_CARD.md" in told and "  recipe      tiny\n" in told
    assert main(["rollback", *where]) == 0
    assert Registry(Store(artifacts)).current().name == "v1"
    assert main(["models", "v9", *where]) == 1
    assert "there is no 'v9'" in capsys.readouterr().err
    assert main(["models", "--artifacts", str(tmp_path / "none")]) == 0
    assert "no model in the registry yet" in capsys.readouterr().out


@pytest.mark.parametrize("protocol", ["slice", "crossval", "site"])
def test_a_protocol_without_test_patients_of_its_own_is_refused_before_any_work(protocol, kaggle, run_train, tmp_path):
    with pytest.raises(UnusableSplit, match="Use --protocol patient, or leave --register out"):
        run_train(kaggle(3), tmp_path / "artifacts", protocol=protocol, register=True)
    assert not list((tmp_path / "artifacts").glob("*/*/manifest.json"))


def test_a_challenger_that_wins_the_contest_is_promoted(registered, run_train, monkeypatch, tmp_path):
    """The contest's figures are made up: no tiny network is surely better than another."""
    import tasks.enrol

    data, artifacts = (shutil.copytree(folder, tmp_path / folder.name) for folder in registered)
    seen = []

    def won(compared, current, frozen):
        seen.append((compared["mean_a"], compared["mean_b"]))
        return {"promote": True, "why": f"better than {current}"}

    monkeypatch.setattr(tasks.enrol, "verdict_of", won)
    run_train(data, artifacts, register=True, epochs=1)
    registry = Registry(Store(artifacts))
    assert registry.current().name == "v3" and registry.current().verdicts[0].why == "better than v1"
    contest = json.loads(next((artifacts / "contest").glob("*/contest.json")).read_text())
    assert len(contest["patients"]) == 1 and len(seen) == 1


@pytest.mark.parametrize(
    ("mean", "p", "patients", "promote", "words"),
    [
        ((0.7, 0.8), 0.01, 12, True, "better: mean volume Dice 0.8000 against 0.7000 of v1 on 12 of 13 frozen test"),
        ((0.7, 0.8), 0.06, 12, False, "not shown to be better: "),
        ((0.8, 0.7), 0.01, 12, False, "not better: "),
        ((0.7, 0.7), 1.0, 12, False, "not better: "),
        ((0.7, 0.8), 0.125, 4, False, "of 4 patients p is never below 0.125, so none can be shown to be better"),
    ],
)
def test_the_verdict_goes_by_the_paired_test(mean, p, patients, promote, words):
    from tasks.enrol import verdict_of

    compared = {"mean_a": mean[0], "mean_b": mean[1], "difference": mean[1] - mean[0], "permuted": p}
    verdict = verdict_of({**compared, "patients": [{}] * patients}, "v1", 13)
    assert verdict["promote"] is promote and words in verdict["why"]


def test_the_verdict_of_real_figures():
    """Seven patients, each a little better: chance alone would give that in 2 of 128 cases."""
    from tasks.enrol import verdict_of

    before = pd.DataFrame({"patient": list("abcdefg"), "dice": [0.5, 0.6, 0.7, 0.8, 0.9, 0.4, 0.3]})
    for gain, promote in ((0.05, True), (-0.05, False)):
        found = compare_patients(before, before.assign(dice=before["dice"] + gain), resamples=100)
        compared = {**asdict(found), "patients": found.patients.to_dict("records")}
        verdict = verdict_of(compared, "v1", 7)
        assert verdict["promote"] is promote and "p = 0.0156" in verdict["why"]


def test_another_size_than_the_current_models_is_refused_before_any_work(registered, recipe, tmp_path):
    from flows.train import train
    from tasks.settings import PrepareSettings, TrainSettings

    data, artifacts = (shutil.copytree(folder, tmp_path / folder.name) for folder in registered)
    with pytest.raises(NotFrozen, match="v1 takes 32 x 32 pixels, and --size is 64"):
        train(
            str(data), str(artifacts), preparing=PrepareSettings(size=64), training=TrainSettings(recipe=str(recipe)),
            to_registry=True,
        )  # fmt: skip
    assert len(list((artifacts / "scan").iterdir())) == len(list((registered[1] / "scan").iterdir()))


def test_a_tuning_keeps_the_frozen_patients_as_its_test_patients(registered):
    from gliaflow.store.runs import Run
    from tasks.enrol import keep_frozen
    from tasks.settings import SplitSettings

    store = Store(registered[1])
    run = Run("r", store, {})
    frozen = Registry(store).frozen()
    kept = keep_frozen(run, SplitSettings(seed=3))
    assert (kept.frozen, kept.frozen_images, kept.seed) == (frozen.persons, frozen.images, 3)
    assert keep_frozen(run, SplitSettings(protocol="site")) == SplitSettings(protocol="site")


def test_predictions_name_their_model_and_only_new_patients_are_predicted(
    registered, write_patient, tmp_path, capsys, prefect_harness
):
    data, artifacts = (shutil.copytree(folder, tmp_path / folder.name) for folder in registered)
    for mask in data.rglob("*_mask.tif"):
        mask.unlink()
    command = ["predict", "--data", str(data), "--artifacts", str(artifacts)]
    assert main(command) == 0
    table = Path(capsys.readouterr().out.removeprefix("Answers: ").strip())
    answers = pd.read_csv(table)
    assert set(answers["model"]) == {"v1"} and answers["patient"].nunique() == 8 and len(answers) == 32
    assert set(answers["call"]) <= {"tumor", "unsure", "empty"}
    for row in answers.itertuples():
        assert (artifacts / row.mask).is_file()
        assert (row.tumor_pixels > 0) == isinstance(row.overlay, str)
    before = {path.parent.name for path in artifacts.glob("prediction/*/manifest.json")}
    write_patient(data, "TCGA_FG_0009_20000101")
    assert main([*command, "--model", "current"]) == 0
    made = {path.parent.name for path in artifacts.glob("prediction/*/manifest.json")} - before
    assert len(made) == 1
    assert main([*command, "--model", "v2"]) == 0
    assert set(pd.read_csv(Path(capsys.readouterr().out.split("Answers: ")[-1].strip()))["model"]) == {"v2"}
    release = artifacts / Registry(Store(artifacts)).find("v2").release.path
    assert main([*command, "--model", str(release)]) == 0
    assert pd.read_csv(Path(capsys.readouterr().out.split("Answers: ")[-1].strip()))["model"][0].startswith("release ")
    assert main([*command, "--model", "v7"]) == 1
    assert "there is no 'v7'" in capsys.readouterr().err
