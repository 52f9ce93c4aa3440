"""What has been seen of a folder that grows: a journal a folder, an entry a look at which something was new."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gliaflow.store.artifacts import JOURNALS, Store
from gliaflow.store.digests import digest_json
from gliaflow.store.journal import Entry, Journal

PREFIX = "watch-"
LOOKED, CHALLENGED = "looked", "challenged"


class Watched:
    """The journal of the data at one address (a folder, or s3://bucket/prefix).

    A look tells the digest of all files, the model that was current, and of each patient that it predicted the digest
    of the images, where the prediction lies, and a profile. A challenge tells what training one came to.
    """

    def __init__(self, store: Store, data: str) -> None:
        named = "://" in data or data.startswith("kaggle:")
        self.data = data.rstrip("/") if named else str(Path(data).expanduser().resolve())
        self.journal = Journal(store, f"{PREFIX}{digest_json(self.data)[:12]}")
        self._entries: list[Entry] = self.journal.read()

    @property
    def last(self) -> Entry | None:
        """The last look, None before the first; `when` tells its time."""
        return next((entry for entry in reversed(self._entries) if entry["event"] == LOOKED), None)

    def is_known(self, files: str, model: str | None) -> bool:
        """Whether the last look found the same files (by their digest) and model, and could read all that was new."""
        last = self.last
        return last is not None and (last["files"], last["model"], last["again"]) == (files, model, False)

    def is_same(self, look: Entry) -> bool:
        """Whether `look` tells what the last look told, but for its time and run."""
        apart = {name: None for name in ("when", "run", "id")}
        return self.last is not None and {**self.last, **apart} == {**look, **apart}

    def was_challenged(self, files: str) -> bool:
        """Whether a challenger was trained of these files, or could not be."""
        return any(entry["event"] == CHALLENGED and entry["files"] == files for entry in self._entries)

    @property
    def seen(self) -> dict[str, str]:
        """The patients that were predicted: the digest of their images, as they were last."""
        return {patient: digest for entry in self._looks() for patient, digest in entry["seen"].items()}

    def arrivals(self, *more: Entry) -> list[dict[str, Any]]:
        """The profiles of all patients that were predicted, in the order in which they came, with `when`.

        Of a patient whose images became others the last one counts, where it came last. `more` are entries to come.
        """
        latest: dict[str, dict[str, Any]] = {}
        for entry in [*self._looks(), *more]:
            for profile in entry["profiles"]:
                latest.pop(profile["patient"], None)
                latest[profile["patient"]] = {**profile, "when": entry["when"]}
        return list(latest.values())

    def look(
        self,
        *,
        run: str,
        files: str,
        model: str | None,
        seen: Mapping[str, str] | None = None,
        predictions: Mapping[str, str] | None = None,
        profiles: Sequence[Mapping[str, Any]] = (),
        again: bool = False,
    ) -> Entry:
        """The entry of a look just made.

        seen, predictions : patient -> digest of the images, and the path of what was predicted
        profiles : plain: numbers, texts and None
        again : whether something could not be read that may be readable at the next look
        """
        return {
            "event": LOOKED,
            "when": self._now(),
            "data": self.data,
            "run": run,
            "files": files,
            "model": model,
            "seen": dict(seen or {}),
            "predictions": dict(predictions or {}),
            "profiles": [dict(row) for row in profiles],
            "again": again,
        }

    def challenge(self, *, run: str, files: str, outcome: str) -> Entry:
        """The entry of a challenger that was trained of these files, or could not be; `outcome` tells which."""
        return {"event": CHALLENGED, "when": self._now(), "run": run, "files": files, "outcome": outcome}

    def add(self, entry: Entry) -> None:
        """Enter what was done, once all is done that was to be done about it: what is entered counts as seen."""
        self.journal.add(lambda _: entry)
        self._entries = self.journal.read()

    def _looks(self) -> list[Entry]:
        return [entry for entry in self._entries if entry["event"] == LOOKED]

    def _now(self) -> str:
        """The time (UTC); never before that of the last entry, which another machine's clock may have told."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return max([now, *(str(entry["when"]) for entry in self._entries[-1:])])


def predictions_in_use(store: Store) -> set[str]:
    """Paths of what was predicted of patients that came into watched folders: as they count as seen, it stays."""
    names = [name for name in store.folders(JOURNALS) if name.startswith(PREFIX)]
    return {path for name in names for path in _latest(Journal(store, name).read()).values()}


def _latest(entries: Sequence[Entry]) -> dict[str, str]:
    """Where what was predicted last of each patient lies."""
    looks = [entry for entry in entries if entry["event"] == LOOKED]
    return {patient: path for entry in looks for patient, path in entry["predictions"].items()}
