"""Which release is meant by a folder, and by artifacts."""

import json
import shutil
from pathlib import Path

import pytest

from gliaflow.inference.bundle import UnusableRelease
from gliaflow.inference.finding import find_release, name_release
from gliaflow.store.artifacts import Store
from gliaflow.store.manifests import Provenance


def _store(root: Path, release: Path, *keys: str) -> Store:
    """A store with a copy of `release` for each of `keys`, whose thresholds tell them apart."""
    store = Store(root)
    for number, key in enumerate(keys):

        def make(folder: Path, number: int = number) -> None:
            shutil.copytree(release, folder, dirs_exist_ok=True)
            content = json.loads((folder / "model.json").read_text())
            (folder / "model.json").write_text(json.dumps({**content, "threshold": 100 + number}))

        store.obtain(Provenance("release", {"key": key}, {}, {}, {}), make)
    return store


def test_a_folder_with_a_release_is_that_release(tiny_release: Path) -> None:
    found = find_release(str(tiny_release))
    assert found.folder == tiny_release.resolve()
    assert found.name == name_release(tiny_release) and found.name.startswith("release ") and len(found.name) == 20


def test_of_artifacts_the_newest_release_is_taken(tmp_path: Path, tiny_release: Path) -> None:
    store = _store(tmp_path / "artifacts", tiny_release, "older", "newer")
    found = find_release(str(tmp_path / "artifacts"))
    assert json.loads((found.folder / "model.json").read_text())["threshold"] == 101
    assert found.folder.is_relative_to(store.root)


def test_a_damaged_release_is_not_taken_for_an_older_one(tmp_path: Path, tiny_release: Path) -> None:
    _store(tmp_path / "artifacts", tiny_release, "only")
    (model,) = (tmp_path / "artifacts" / "release").glob("*/model.keras")
    model.write_bytes(b"other")
    with pytest.raises(UnusableRelease, match="is damaged. Run its training again"):
        find_release(str(tmp_path / "artifacts"))


def test_anything_else_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(UnusableRelease, match=r"A model is a release \(a folder with model.json\).* is neither"):
        find_release(str(tmp_path))
    (tmp_path / "release").mkdir()
    with pytest.raises(UnusableRelease, match="There is no release in .*Train one"):
        find_release(str(tmp_path))
