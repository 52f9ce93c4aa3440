"""What has been seen of a folder that grows: a journal a folder, an entry a look at which something was new."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gliaflow.store.artifacts import Store
from gliaflow.store.digests import digest_json
from gliaflow.store.journal import Entry, Journal


class Watched:
    """The journal of the data at one address (a folder, or s3://bucket/prefix).

    An entry tells the digest of all files, the model that was current, the patients that it predicted (with a digest of
    their images) and each one's profile.
    """

    def __init__(self, store: Store, data: str) -> None:
        self.data = data if "://" in data or data.startswith("kaggle:") else str(Path(data).expanduser().resolve())
        self.journal = Journal(store, f"watch-{digest_json(self.data)[:12]}")
        self._entries: list[Entry] = self.journal.read()

    @property
    def last(self) -> Entry | None:
        """The last entry, None before the first; `when` tells its time."""
        return self._entries[-1] if self._entries else None

    def is_known(self, files: str, model: str | None) -> bool:
        """Whether the last look found the same files (by their digest), and the same model to predict with."""
        return self.last is not None and (self.last["files"], self.last["model"]) == (files, model)

    @property
    def seen(self) -> dict[str, str]:
        """The patients that were predicted: the digest of their images, as they were last."""
        return {patient: digest for entry in self._entries for patient, digest in entry["seen"].items()}

    def arrivals(self, *more: Entry) -> list[dict[str, Any]]:
        """The profiles of all patients that were predicted, in the order in which they came, with `when`.

        Of a patient whose images became others the last one counts, where it came last. `more` are entries to come.
        """
        latest: dict[str, dict[str, Any]] = {}
        for entry in [*self._entries, *more]:
            for profile in entry["profiles"]:
                latest.pop(profile["patient"], None)
                latest[profile["patient"]] = {**profile, "when": entry["when"]}
        return list(latest.values())

    def entry(
        self,
        *,
        run: str,
        files: str,
        model: str | None,
        seen: Mapping[str, str] | None = None,
        profiles: Sequence[Mapping[str, Any]] = (),
    ) -> Entry:
        """The entry of a look just made. `profiles` are plain: numbers, texts and None."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        what = {"when": now, "data": self.data, "run": run, "files": files, "model": model}
        return {**what, "seen": dict(seen or {}), "profiles": [dict(row) for row in profiles]}

    def add(self, entry: Entry) -> None:
        """Enter a look, once all is done that was to be done about it: what is entered counts as seen."""
        self.journal.add(lambda _: entry)
        self._entries = self.journal.read()
