"""Results to store: small provenances, and functions that make the files."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gliaflow.store.artifacts import Artifact, Store
from gliaflow.store.manifests import Provenance


@pytest.fixture
def put() -> Callable[..., Artifact]:
    """`put(store, "label", {"labels.txt": "text"}, **parameters)` makes a result of a stage."""

    def put(store: Store, stage: str, files: dict[str, str] | None = None, **parameters: object) -> Artifact:
        def make(folder: Path) -> None:
            for name, text in (files or {"result.txt": stage}).items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(text)

        return store.obtain(Provenance(stage, {}, parameters, {}, {}), make)

    return put
