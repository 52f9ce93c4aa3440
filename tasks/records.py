"""Prefect's cache records: a JSON reference to an artifact, good only while the artifact is whole."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict
from typing import Literal

from prefect.serializers import Serializer

from gliaflow.store.artifacts import Artifact, Store

_store: ContextVar[Store | None] = ContextVar("store", default=None)


@contextmanager
def checked_against(store: Store) -> Iterator[None]:
    """Within this context a record loads only if `store` holds its artifact, whole."""
    token = _store.set(store)
    try:
        yield
    finally:
        _store.reset(token)


class ArtifactSerializer(Serializer):  # not Serializer[…]: its registry refuses the generic form
    """Writes references as JSON, paths relative to the artifact root, and refuses to load what can't be used.

    Prefect takes a record that does not load for a miss and runs the task again: that is the repair. Its default
    serializer, a pickle, would run the code of whoever wrote the record.
    """

    type: Literal["gliaflow-artifact"] = "gliaflow-artifact"

    def dumps(self, obj: dict[str, str]) -> bytes:
        """The reference as JSON."""
        return json.dumps(asdict(Artifact(**obj))).encode()

    def loads(self, blob: bytes) -> dict[str, str]:
        """The reference; raises `LookupError` where its artifact is missing or damaged."""
        artifact = Artifact(**json.loads(blob))
        store = _store.get()
        if store is not None and store.find(artifact.stage, artifact.key) != artifact:
            raise LookupError(f"{artifact.path} is not whole in {store.root}")
        return asdict(artifact)
