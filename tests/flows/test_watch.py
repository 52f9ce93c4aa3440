"""A folder that grows: who is new is predicted once, drift is told, a challenger is trained when masks have come."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile

from gliaflow.ingest.pair import TooManyRejected
from gliaflow.ingest.sources import EmptySource
from gliaflow.process import ChildFailed
from gliaflow.splits.leaks import LeakFound
from gliaflow.store.artifacts import Store
from gliaflow.store.failures import StoreFailed
from gliaflow.store.locks import hold
from gliaflow.store.registry import Registry
from gliaflow.store.runs import read_runs
from gliaflow.store.tables import read_table
from gliaflow.store.watched import Watched


@pytest.fixture(scope="module")
def registered(first, run_train, tmp_path_factory):
    """The first run's data and artifacts, its model registered as v1."""
    base = tmp_path_factory.mktemp("watched")
    shutil.copytree(first[1], base, dirs_exist_ok=True)
    run_train(base / "data", base / "artifacts", register=True)
    return base


@pytest.fixture
def folder(registered, tmp_path):
    shutil.copytree(registered, tmp_path, dirs_exist_ok=True)
    return tmp_path / "data", tmp_path / "artifacts"


@pytest.fixture
def look(recipe, prefect_harness):
    """`look(data, artifacts, challenge_after=…)` looks once; gives what it says, or the path of the page."""

    def look(data, artifacts, challenge_after=10):
        from flows.watch import watch
        from tasks.settings import EvaluateSettings, PrepareSettings, TrainSettings, WatchSettings

        return watch(
            data=str(data),
            artifacts=str(artifacts),
            watching=WatchSettings(challenge_after=challenge_after),
            preparing=PrepareSettings(size=32),
            training=TrainSettings(recipe=str(recipe)),
            evaluating=EvaluateSettings(resamples=100),
        )

    return look


def add_patient(write_patient, data, name, *, masks=False, darker=1.0):
    write_patient(data, name)
    for path in (data / name).glob("*.tif"):
        if path.stem.endswith("_mask"):
            if not masks:
                path.unlink()
        elif darker != 1.0:
            tifffile.imwrite(path, (tifffile.imread(path) * darker).astype(np.uint8))


def predicted(artifacts):
    return {path.parent.name for path in artifacts.glob("prediction/*/manifest.json")}


def test_who_is_new_is_predicted_once_and_held_against_the_models_own(folder, look, write_patient):
    data, artifacts = folder
    assert look(data, artifacts) == "no patient has come yet"
    runs = len(read_runs(Store(artifacts)))
    assert look(data, artifacts).startswith("nothing new since 20")
    assert len(read_runs(Store(artifacts))) == runs, "a look that finds nothing leaves no record"
    assert {path.name for path in (artifacts / "runs").iterdir()} == {run.name for run in read_runs(Store(artifacts))}

    for number in range(1, 7):
        add_patient(write_patient, data, f"NEW_{number}", darker=0.4)
    page = Path(look(data, artifacts))
    assert len(predicted(artifacts)) == 6
    arrivals = read_table(page.parent / "arrivals.parquet")
    assert list(arrivals["patient"]) == [f"NEW_{number}" for number in range(1, 7)]
    assert set(arrivals["model"]) == {"v1"}
    table = read_table(page.parent / "drift.parquet").set_index("measure")
    assert table.loc["brightness_flair", "drifted"] and table.loc["brightness_flair", "above"] == 0.0
    assert table.loc["brightness_flair", ["reference_patients", "recent_patients"]].tolist() == [6, 6]
    assert "Drift in the last 6 patients that v1 met: brightness" in page.read_text()
    assert (page.parent / "figures" / "brightness-flair.png").stat().st_size > 1000

    add_patient(write_patient, data, "NEW_7")
    first = predicted(artifacts)
    look(data, artifacts)
    assert len(predicted(artifacts) - first) == 1, "the others are not predicted again"
    seen = Watched(Store(artifacts), str(data)).seen
    (data / "NEW_7" / "NEW_7_1.tif").unlink()
    look(data, artifacts)
    again = Watched(Store(artifacts), str(data))
    assert {name for name in seen if seen[name] != again.seen[name]} == {"NEW_7"}, "its images are others now"
    assert look(data, artifacts).startswith("nothing new since 20")


def test_a_challenger_is_trained_when_enough_masks_have_come(folder, look, write_patient):
    data, artifacts = folder
    registry = Registry(Store(artifacts))
    add_patient(write_patient, data, "TCGA_CS_0011_20000101", masks=True)
    add_patient(write_patient, data, "TCGA_CS_0012_20000101")
    look(data, artifacts, challenge_after=2)
    assert len(registry.versions()) == 1, "one of the two has no masks yet"
    add_patient(write_patient, data, "TCGA_DU_0013_20000101", masks=True)
    look(data, artifacts, challenge_after=2)
    one, two = registry.versions()
    assert set(two.patients) - set(one.patients) == {"TCGA_CS_0011_20000101", "TCGA_DU_0013_20000101"}
    assert two.tested == one.tested and two.verdicts
    assert registry.current() == one
    rejected = read_table(artifacts / two.results["label"].path / "rejected.parquet")
    assert set(rejected["reason"]) == {"awaiting_masks"} and not rejected["counted"].any()
    flows = [run.flow for run in read_runs(Store(artifacts))]
    assert flows[-2:] == ["watch", "train"]
    assert look(data, artifacts, challenge_after=2).startswith("nothing new since 20")


def test_without_a_model_the_first_is_trained_when_there_are_enough(kaggle, look, write_patient, tmp_path):
    data, artifacts = kaggle(4), tmp_path / "artifacts"
    add_patient(write_patient, data, "WAITS")
    assert look(data, artifacts, challenge_after=6) == (
        "no model is current; 4 patients have masks, 4 of them are in no model yet"
    )
    assert look(data, artifacts, challenge_after=6).startswith("nothing new since 20")
    assert Registry(Store(artifacts)).current() is None
    look(data, artifacts, challenge_after=4)
    assert Registry(Store(artifacts)).current().name == "v1"
    look(data, artifacts, challenge_after=4)
    assert list(Watched(Store(artifacts), str(data)).seen) == ["WAITS"]


def test_a_bucket_is_watched_like_a_folder(folder, look, write_patient, s3, bucket):
    import boto3

    data, artifacts = folder
    add_patient(write_patient, data, "NEW_1")
    client, name = boto3.client("s3", endpoint_url=s3), bucket.removeprefix("s3://")
    for path in data.rglob("*.tif"):
        client.put_object(Bucket=name, Key=f"data/{path.relative_to(data)}", Body=path.read_bytes())
    page = look(f"{bucket}/data", artifacts)
    assert page.endswith("report.html") and len(predicted(artifacts)) == 1
    (entry,) = [json.loads(path.read_text()) for path in artifacts.glob("journals/watch-*/*.json")]
    assert entry["model"] == "v1" and entry["profiles"][0]["patient"] == "NEW_1" and entry["data"] == f"{bucket}/data"
    assert look(f"{bucket}/data", artifacts).startswith("nothing new since 20")
    add_patient(write_patient, data, "NEW_2")
    for path in (data / "NEW_2").glob("*.tif"):
        client.put_object(Bucket=name, Key=f"data/{path.relative_to(data)}", Body=path.read_bytes())
    look(f"{bucket}/data", artifacts)
    assert set(Watched(Store(artifacts), f"{bucket}/data").seen) == {"NEW_1", "NEW_2"}


def test_a_look_that_is_stopped_before_its_end_looks_at_the_same_patients_again(
    folder, look, write_patient, monkeypatch
):
    import flows.watch

    data, artifacts = folder
    add_patient(write_patient, data, "NEW_1")
    with monkeypatch.context() as patch:
        patch.setattr(flows.watch, "hold_against", stop)
        with pytest.raises(KeyboardInterrupt):
            look(data, artifacts)
    made = predicted(artifacts)
    assert Watched(Store(artifacts), str(data)).last is None and len(made) == 1
    page = Path(look(data, artifacts))
    assert read_table(page.parent / "arrivals.parquet")["patient"].tolist() == ["NEW_1"]
    assert predicted(artifacts) == made, "what was done is not done again"


def test_a_model_whose_run_was_stopped_before_its_verdict_is_judged_at_the_next_look(
    folder, look, write_patient, monkeypatch
):
    import tasks.enrol

    data, artifacts = folder
    add_patient(write_patient, data, "TCGA_CS_0011_20000101", masks=True)
    with monkeypatch.context() as patch:
        patch.setattr(tasks.enrol, "contest", stop)
        with pytest.raises(KeyboardInterrupt):
            look(data, artifacts, challenge_after=1)
    registry = Registry(Store(artifacts))
    assert registry.find("v2").verdicts == []
    look(data, artifacts, challenge_after=1)
    assert len(registry.versions()) == 2 and registry.find("v2").verdicts
    assert look(data, artifacts, challenge_after=1).startswith("nothing new since 20")


def test_data_that_no_model_can_be_trained_of_are_tried_once(folder, look, write_patient):
    data, artifacts = folder
    add_patient(write_patient, data, "TCGA_CS_0011_20000101", masks=True)
    for number in (2, 3, 4):  # the others are still being drawn
        (data / "TCGA_CS_0011_20000101" / f"TCGA_CS_0011_20000101_{number}_mask.tif").unlink()
    for mask in sorted(data.rglob("TCGA_CS_0001*_mask.tif"))[:3]:
        mask.unlink()
    with pytest.raises(TooManyRejected):
        look(data, artifacts, challenge_after=1)
    assert look(data, artifacts, challenge_after=1).startswith("nothing new since 20")
    outcomes = [
        json.loads(path.read_text()).get("outcome") for path in sorted(artifacts.glob("journals/watch-*/*.json"))
    ]
    assert len(outcomes) == 2 and "were rejected, more than the limit" in outcomes[1]


@pytest.mark.parametrize(
    ("failure", "again"),
    [(LeakFound("alike"), False), (StoreFailed("no room"), True), (ChildFailed("no tumour"), False)],
)
def test_only_what_may_pass_is_trained_again_by_itself(folder, look, write_patient, monkeypatch, failure, again):
    import flows.watch

    data, artifacts = folder
    add_patient(write_patient, data, "TCGA_CS_0011_20000101", masks=True)

    def fail(*arguments, **more):
        raise failure

    monkeypatch.setattr(flows.watch, "train", fail)
    with pytest.raises(type(failure)):
        look(data, artifacts, challenge_after=1)
    assert read_runs(Store(artifacts))[-1].state == "failed"
    if again:
        with pytest.raises(type(failure)):
            look(data, artifacts, challenge_after=1)
    else:
        assert look(data, artifacts, challenge_after=1).startswith("nothing new since 20")


def test_a_model_whose_run_is_still_at_work_is_left_to_it(folder, look, run_train, monkeypatch):
    import tasks.enrol

    data, artifacts = folder
    with monkeypatch.context() as patch:
        patch.setattr(tasks.enrol, "contest", stop)
        with pytest.raises(KeyboardInterrupt):
            run_train(data, artifacts, register=True, epochs=1)
    version = Registry(Store(artifacts)).find("v2")
    assert version.verdicts == []
    with hold(artifacts / ".locks" / f"runs-{version.run}"):
        look(data, artifacts)
    assert Registry(Store(artifacts)).find("v2").verdicts == [] and len(Registry(Store(artifacts)).versions()) == 2


def test_what_can_not_be_read_for_a_moment_is_read_at_the_next_look(folder, look, write_patient, monkeypatch):
    import flows.watch

    data, artifacts = folder
    add_patient(write_patient, data, "NEW_1")
    lost, predict = data / "NEW_1" / "NEW_1_2.tif", flows.watch.predict_patients
    content = lost.read_bytes()

    def without(*arguments, **more):
        lost.unlink()
        try:
            return predict(*arguments, **more)
        finally:
            lost.write_bytes(content)

    with monkeypatch.context() as patch:
        patch.setattr(flows.watch, "predict_patients", without)
        assert look(data, artifacts) == "no patient has come yet", "a part of a patient counts for no drift"
    assert Watched(Store(artifacts), str(data)).seen == {}
    page = Path(look(data, artifacts))
    assert read_table(page.parent / "arrivals.parquet")["slices"].tolist() == [4]
    assert look(data, artifacts).startswith("nothing new since 20")


def test_a_folder_with_nothing_in_it_yet_is_no_failure_but_one_that_lost_all_is(folder, look, tmp_path):
    data, artifacts = folder
    (tmp_path / "empty").mkdir()
    assert look(tmp_path / "empty", artifacts) == "nothing is there yet"
    look(data, artifacts)
    shutil.rmtree(data)
    data.mkdir()
    with pytest.raises(EmptySource, match="is empty"):
        look(data, artifacts)


def test_a_second_look_at_the_same_time_leaves_it_to_the_first(folder, look):
    data, artifacts = folder
    with hold(artifacts / ".locks" / Watched(Store(artifacts), str(data)).journal.name):
        assert look(data, artifacts) == "another look at this folder is under way"


def stop(*arguments, **more):
    raise KeyboardInterrupt
