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
    assert why_run(store, provenance()).words == "first run"
    artifact = store.obtain(provenance(), make)
    assert why_run(store, provenance(epochs=9)).words == "parameter recipe.epochs 5 -> 9"
    assert why_run(store, provenance(parts="p2")).words == "input parts changed"
    assert why_run(store, provenance(code="c2")).words == "code gliaflow.model.unet changed"
    assert why_run(store, provenance(keras="3.16.0")).words == "library keras 3.15.1 -> 3.16.0"
    all_changed = "parameter recipe.epochs 5 -> 9; input parts changed; code gliaflow.model.unet changed and 1 more"
    assert why_run(store, provenance(9, "p2", "4", "c2")).words == all_changed
    (tmp_path / artifact.path / "model.keras").write_bytes(b"weightz")
    fresh = Store(tmp_path)
    fresh.find("train", artifact.key)
    assert why_run(fresh, provenance()).words == "the earlier result is damaged: model.keras was changed"


def test_the_nearest_earlier_result_is_the_one_compared_with(tmp_path):
    store = Store(tmp_path)
    store.obtain(provenance(epochs=5), make)
    store.obtain(provenance(epochs=7, parts="p2", code="c2"), make)
    assert why_run(store, provenance(epochs=6)).words == "parameter recipe.epochs 5 -> 6"


def test_differences_are_told_old_beside_new_with_what_changed_first(tmp_path):
    store = Store(tmp_path)
    made = store.obtain(provenance(epochs=5), make)
    later = Provenance(
        "train", {"parts": "p2"}, {"recipe": {"batch": 8}}, {"gliaflow.model.unet": "c1"}, {"keras": "4"}
    )
    why = why_run(store, later)
    assert why.compared == made.path
    assert [(d.kind, d.name, d.old, d.new) for d in why.differences] == [
        ("input", "parts", "p1", "p2"),
        ("library", "keras", "3.15.1", "4"),
        ("parameter", "recipe.batch", None, "8"),
        ("parameter", "recipe.epochs", "5", None),
    ]
    assert why.words.endswith("parameter recipe.batch is new and 1 more")


def test_a_result_that_was_taken_away_is_told_from_one_that_never_was(tmp_path):
    store = Store(tmp_path)
    store.obtain(provenance(epochs=5), make)
    assert (
        why_run(store, provenance(epochs=6), {f"train/{provenance(epochs=6).key}"}).words
        == "its earlier result is gone"
    )
    assert why_run(store, provenance(epochs=6), {"train/other"}).words == "parameter recipe.epochs 5 -> 6"
