"""Prefect's cache records are JSON references, and load only while their artifact is whole."""

import json
from dataclasses import asdict

import pytest

from gliaflow.store.artifacts import Store
from gliaflow.store.manifests import Provenance
from tasks.records import ArtifactSerializer, checked_against


@pytest.fixture
def stored(tmp_path):
    provenance = Provenance("label", {}, {}, {}, {})
    artifact = Store(tmp_path).obtain(provenance, lambda folder: (folder / "labels.txt").write_text("labels"))
    return tmp_path, artifact


def test_a_record_is_json_and_names_no_absolute_path(stored):
    root, artifact = stored
    record = ArtifactSerializer().dumps(asdict(artifact))
    assert json.loads(record) == {"stage": "label", "key": artifact.key, "content": artifact.content}
    assert str(root).encode() not in record


def test_a_record_loads_while_its_artifact_is_whole(stored):
    root, artifact = stored
    record = ArtifactSerializer().dumps(asdict(artifact))
    with checked_against(Store(root)):
        assert ArtifactSerializer().loads(record) == asdict(artifact)
    (root / artifact.path / "labels.txt").write_text("labelz")
    with checked_against(Store(root)), pytest.raises(LookupError, match="is not whole"):
        ArtifactSerializer().loads(record)


@pytest.mark.parametrize(
    "record", [b"", b"{", b"[]", b'{"stage": "label"}', b'{"stage": 1, "key": 2, "content": 3, "x": 4}']
)
def test_a_damaged_record_does_not_load(record):
    with pytest.raises((ValueError, TypeError)):
        ArtifactSerializer().loads(record)
