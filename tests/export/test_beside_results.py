"""Exports in a release of the artifact store: the result stays whole, and they go when it goes."""

from pathlib import Path

from gliaflow.export.record import FOLDER
from gliaflow.store.artifacts import Store
from gliaflow.store.manifests import Provenance

RELEASE = Provenance("release", {}, {"seed": 1}, {}, {})


def test_exports_do_not_harm_a_result(tmp_path: Path) -> None:
    def make(folder: Path) -> None:
        (folder / "model.json").write_text("{}")

    made = Store(tmp_path).obtain(RELEASE, make)
    exports = tmp_path / made.path / FOLDER / "onnx"
    exports.mkdir(parents=True)
    (exports / "model.onnx").write_bytes(bytes(1000))

    store = Store(tmp_path)  # which checks anew
    found = store.find("release", RELEASE.key)
    assert found == made and store.damage("release", RELEASE.key) is None
    assert store.obtain(RELEASE, lambda folder: None) == made
    assert store.sizes()[made.path] > 1000
    assert store.remove(made.path) and not (tmp_path / made.path).exists()
