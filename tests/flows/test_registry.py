"""Models are registered, challenged, judged by the frozen patients and rolled back to; predictions name theirs."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from flows.__main__ import main
from gliaflow.splits.protocols import UnusableSplit
from gliaflow.store.artifacts import Store
from gliaflow.store.registry import PROMOTED, REFUSED, Registry
from gliaflow.store.tables import read_table


@pytest.fixture(scope="module")
def registered(first, run_train, write_patient, tmp_path_factory):
    """The first run as v1, and v2, a challenger of data that have grown by two patients: (data, artifacts)."""
    base = tmp_path_factory.mktemp("registered")
    shutil.copytree(first[1], base, dirs_exist_ok=True)
    data, artifacts = base / "data", base / "artifacts"
    one = run_train(data, artifacts, register=True)
    assert one.ran == ["scan", "fingerprint"], "nothing is trained again to be registered"
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
    assert list(registry.frozen()) == one.tested == two.tested and len(one.patients) == 6 and len(two.patients) == 8
    parts = read_table(artifacts / two.results["split"].path / "parts.parquet")
    assert sorted(parts.loc[parts["part"] == "test", "patient"].unique()) == list(registry.frozen())
    assert two.verdicts[0].what == REFUSED
    assert "on 1 frozen test patient (" in two.verdicts[0].why and "of v1" in two.verdicts[0].why
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

    def won(compared, current):
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
        ((0.7, 0.8), 0.01, 12, True, "better: mean volume Dice 0.8000 against 0.7000 of v1 on 12 frozen test patients"),
        ((0.7, 0.8), 0.06, 12, False, "not shown to be better: "),
        ((0.8, 0.7), 0.01, 12, False, "not better: "),
        ((0.7, 0.7), 1.0, 12, False, "not better: "),
        ((0.7, 0.8), 0.125, 4, False, "of 4 patients p is never below 0.125, so none can be shown to be better"),
    ],
)
def test_the_verdict_goes_by_the_paired_test(mean, p, patients, promote, words):
    from tasks.enrol import verdict_of

    compared = {"mean_a": mean[0], "mean_b": mean[1], "difference": mean[1] - mean[0], "permuted": p}
    verdict = verdict_of({**compared, "patients": [{}] * patients}, "v1")
    assert verdict["promote"] is promote and words in verdict["why"]


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
