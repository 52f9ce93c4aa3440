"""Journals, `journals/<name>/000001.json`, 000002.json, …: entries in order, added by several, never changed."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from gliaflow.store.artifacts import JOURNALS, Store
from gliaflow.store.failures import StoreFailed

Entry = dict[str, Any]


class Journal:
    """The journal `name` of a store. What is so is what its entries say, read from the first to the last.

    An entry is a JSON object whose `event` says what it tells.
    """

    def __init__(self, store: Store, name: str) -> None:
        self.store = store
        self.name = name

    def read(self) -> list[Entry]:
        """All entries, the first one first. Raises `StoreFailed` where one can't be read: others hang on it."""
        return list(self._read().values())

    def _read(self) -> dict[int, Entry]:
        entries = {}
        for name, content in self.store.read_all(f"{JOURNALS}/{self.name}/*.json").items():
            try:
                entry = json.loads(content)
            except ValueError:
                entry = None
            number = PurePosixPath(name).stem
            if not isinstance(entry, dict) or not isinstance(entry.get("event"), str) or not number.isdecimal():
                raise StoreFailed(
                    f"{self.store.place(name)} was changed: it is no entry of a journal. Restore it from a backup."
                )
            entries[int(number)] = entry
        lost = sorted(set(range(1, max(entries, default=0))) - entries.keys())
        if lost:
            missing = self.store.place(f"{JOURNALS}/{self.name}/{lost[0]:06d}.json")
            raise StoreFailed(f"{missing} is missing, and what came after hangs on it. Restore it from a backup.")
        return entries

    def add(self, decide: Callable[[list[Entry]], Entry | None]) -> Entry | None:
        """Add the entry that `decide` makes of those that are there; it may be asked again, as others add theirs.

        Gives the entry as it was written, `when` (UTC) among its values; None where `decide` gave none.
        """
        while True:
            entries = self._read()
            entry = decide(list(entries.values()))
            if entry is None:
                return None
            mark = uuid.uuid4().hex
            entry = {"when": datetime.now(UTC).isoformat(timespec="seconds"), **entry, "id": mark}
            content = json.dumps(entry, indent=1, ensure_ascii=False, allow_nan=False)
            number = 1 + max(entries, default=0)
            if self.store.create(f"{JOURNALS}/{self.name}/{number:06d}.json", f"{content}\n".encode()):
                return entry
            if self._read().get(number, {}).get("id") == mark:  # written, but the answer of a bucket was lost
                return entry
