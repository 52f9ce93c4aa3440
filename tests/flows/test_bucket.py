"""A whole run with its artifacts on S3: the same bytes as in a folder; resumed, repaired and shared there."""

import boto3
import pytest

from gliaflow.store.shared import COPIES, open_store


@pytest.fixture
def client(s3):
    return boto3.client("s3", endpoint_url=s3)


def test_a_run_on_s3_is_the_run_in_a_folder_and_is_resumed_and_repaired(
    first, run_train, bucket, client, contents, monkeypatch, tmp_path
):
    data, address, name = first[1] / "data", f"{bucket}/lab", bucket.removeprefix("s3://")
    run = run_train(data, address)
    assert run.ran == list(first[0].stages)
    stored = {
        entry["Key"].removeprefix("lab/"): entry["Size"]
        for entry in client.list_objects_v2(Bucket=name, Prefix="lab/")["Contents"]
    }
    copies = contents(open_store(address).root)
    assert copies == contents(first[0].artifacts)
    assert copies.keys() <= stored.keys()
    assert str(run.report).startswith("s3:/")
    assert f"runs/{run.record['run']}/run.json" in stored

    monkeypatch.setenv(COPIES, str(tmp_path / "another machine"))
    again = run_train(data, address)
    assert again.ran == ["scan"]
    fetched = {path.split("/")[0] for path in contents(open_store(address).root)}
    assert {"report"} <= fetched <= {"scan", "pair", "report"}, "models and volumes that nothing opens are not fetched"

    victim = run.stages["label"]["path"] + "/labels.parquet"
    harmed = bytearray(client.get_object(Bucket=name, Key=f"lab/{victim}")["Body"].read())
    harmed[len(harmed) // 2] ^= 1
    client.put_object(Bucket=name, Key=f"lab/{victim}", Body=bytes(harmed))
    client.delete_object(Bucket=name, Key=f"lab/{run.stages['train']['path']}/model.keras")
    monkeypatch.setenv(COPIES, str(tmp_path / "a third machine"))
    mended = run_train(data, address)
    assert mended.ran == ["scan", "label", "train"]
    assert mended.stages["label"]["why"] == "the earlier result is damaged: labels.parquet was changed"
    assert mended.stages["train"]["why"] == "the earlier result is damaged: model.keras is missing"
    again_here = contents(open_store(address).root)
    assert {path.split("/")[0] for path in again_here} >= {"label", "train"}
    assert again_here.items() <= copies.items(), "made again to the same bytes"
