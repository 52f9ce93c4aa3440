"""A stage says why it runs."""

from pathlib import Path

from gliaflow.store.artifacts import Store
from gliaflow.store.manifests import Provenance
from gliaflow.store.why import why_run


def provenance(epochs: int = 5, parts: str = "p1", keras: str = "3.15.1", code: str = "c1") -> Provenance:
    return Provenance(
        "train", {"parts": parts}, {"recipe": {"epochs": epochs}}, {"gliaflow.model.unet": code}, {"keras": keras}
    )


def make(folder: Path) -> None:
    (folder / "model.keras").write_bytes(b"weights")


def test_reasons_in_words(tmp_path):
    store = Store(tmp_path)
    assert why_run(store, provenance()) == "first run"
    artifact = store.obtain(provenance(), make)
    assert why_run(store, provenance(epochs=9)) == "parameter recipe.epochs 5 -> 9"
    assert why_run(store, provenance(parts="p2")) == "input parts changed"
    assert why_run(store, provenance(code="c2")) == "code gliaflow.model.unet changed"
    assert why_run(store, provenance(keras="3.16.0")) == "library keras 3.15.1 -> 3.16.0"
    all_changed = "parameter recipe.epochs 5 -> 9; input parts changed; code gliaflow.model.unet changed and 1 more"
    assert why_run(store, provenance(9, "p2", "4", "c2")) == all_changed
    (tmp_path / artifact.path / "model.keras").write_bytes(b"weightz")
    fresh = Store(tmp_path)
    fresh.find("train", artifact.key)
    assert why_run(fresh, provenance()) == "the earlier result is damaged: model.keras was changed"


def test_the_nearest_earlier_result_is_the_one_compared_with(tmp_path):
    store = Store(tmp_path)
    store.obtain(provenance(epochs=5), make)
    store.obtain(provenance(epochs=7, parts="p2", code="c2"), make)
    assert why_run(store, provenance(epochs=6)) == "parameter recipe.epochs 5 -> 6"
