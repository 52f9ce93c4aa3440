"""A release folder: written and read back, and refused when it isn't whole."""

import json
from pathlib import Path

import numpy as np
import pytest

from gliaflow.evaluation.detection import fit_detection
from gliaflow.inference.bundle import NAME, Bundle, UnusableRelease, copy_members, read_bundle, write_bundle
from gliaflow.inference.familiarity import fit_familiarity
from gliaflow.store.digests import digest_file


def make_release(folder: Path, models: int = 1) -> Bundle:
    sources = []
    for number in range(models):
        sources.append(folder / f"source{number}")
        sources[-1].write_bytes(b"model %d" % number)
    score = np.array([0.9, 0.8, 0.1, 0.2])
    bundle = Bundle(
        members=copy_members(folder, sources),
        size=64,
        threshold=120,
        min_pixels=20,
        mirror=True,
        detection=fit_detection(score, score > 0.5, np.array(["a", "b", "a", "b"])),
        familiarity=fit_familiarity({}),
        recipe={"name": "default", "filters": [4, 8]},
    )
    write_bundle(folder, bundle)
    return bundle


@pytest.mark.parametrize("models", [1, 3])
def test_is_read_back_as_written_with_members_named_and_digested(tmp_path: Path, models: int) -> None:
    bundle = make_release(tmp_path, models)
    assert read_bundle(tmp_path) == bundle
    names = ["model.keras"] if models == 1 else ["fold-0.keras", "fold-1.keras", "fold-2.keras"]
    assert [member.file for member in bundle.members] == names
    assert all(digest_file(tmp_path / member.file) == member.sha256 for member in bundle.members)
    assert (tmp_path / names[-1]).read_bytes() == b"model %d" % (models - 1)
    first = (tmp_path / NAME).read_bytes()
    write_bundle(tmp_path, bundle)
    assert (tmp_path / NAME).read_bytes() == first and str(tmp_path) not in first.decode()


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableRelease, match="there is no model.json in"):
        read_bundle(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "doesn't know \\(it knows format 1\\)"),
        ({"channels": ["FLAIR"]}, "doesn't know"),
        ({"channels": None}, "doesn't know"),
        ({"members": []}, "was altered: members"),
        ({"members": [{"file": "../model.keras", "sha256": "0"}]}, "was altered: members"),
        ({"detection": {"slope": 1}}, "was altered"),
        ({"familiarity": {"names": []}}, "was altered"),
        ({"threshold": None}, "was altered"),
    ],
)
def test_what_was_altered_is_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    make_release(tmp_path)
    content = json.loads((tmp_path / NAME).read_text())
    (tmp_path / NAME).write_text(json.dumps({**content, **change}))
    with pytest.raises(UnusableRelease, match=message):
        read_bundle(tmp_path)
    (tmp_path / NAME).write_bytes(b"\xff{")
    with pytest.raises(UnusableRelease, match="can't be read"):
        read_bundle(tmp_path)
