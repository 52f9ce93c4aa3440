"""What `gliaflow export` does: the work in a child process, and what came of it."""

import shutil
import tempfile
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gliaflow.errors import GliaflowError
from gliaflow.export.record import FOLDER, Record, read_record
from gliaflow.inference.bundle import read_bundle
from gliaflow.inference.engines import ENGINES
from gliaflow.process import run_child
from gliaflow.store.manifests import NAME as MANIFEST

Tell = Callable[[str], None]


class NotCopied(GliaflowError):
    """The folder that a release should be copied to holds something."""


@dataclass(frozen=True)
class Exported:
    """The record of the exports, None where nothing could be exported, and why a format was not: {format: sentence}."""

    record: Record | None
    refused: dict[str, str]

    @property
    def exit_status(self) -> int:
        """0 if every format gave the same masks in one number format at least, 1 if not, 2 if there is no export."""
        if self.record is None:
            return 2
        passed = {candidate.format for candidate in self.record.candidates if candidate.parity.passed}
        return int(bool(self.refused) or passed != set(self.record.files))


def export_in_child(
    release: Path, formats: Sequence[str], slices: Sequence[str], most: int, tell: Tell = lambda doing: None
) -> Exported:
    """Export the release in a folder; `tell` gets words on what is being done.

    Raises `UnusableRelease` for another folder, `ChildFailed` with the reason where exporting failed as a whole.
    """
    read_bundle(release)
    refused: dict[str, str] = {}

    def on_event(event: dict[str, Any]) -> None:
        title = ENGINES[event["format"]].title if "format" in event else ""
        if event["event"] == "refused":
            refused[event["format"]] = event["message"]
        elif event["event"] == "written":
            tell(f"written for {title}")
        elif event["event"] == "slices":
            tell(f"predicting {event['slices']} slices with Keras")
        elif event["event"] == "compared":
            tell(f"compared {title} in {event['precision']} ({event['done']} of {event['total']})")

    tell("writing")
    draft = tempfile.mkdtemp(prefix=f".{FOLDER}-", dir=release)  # made here: a child that is stopped can't remove it
    spec = {"release": str(release), "formats": list(formats), "slices": list(slices), "most": most, "draft": draft}
    try:
        run_child("gliaflow.export.work", spec, on_event)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Exported(None if len(refused) == len(formats) else read_record(release), refused)


def export_copy(
    release: Path, out: Path, formats: Sequence[str], slices: Sequence[str], most: int, tell: Tell = lambda doing: None
) -> Exported:
    """Copy a release (`copy_release`) and export the copy, which is gone again where nothing could be exported."""
    copy = copy_release(release, out)
    exported = None
    try:
        exported = export_in_child(copy, formats, slices, most, tell)
        return exported
    finally:
        if exported is None or exported.record is None:
            shutil.rmtree(copy, ignore_errors=True)


def copy_release(release: Path, out: Path) -> Path:
    """Copy a release without its exports and without the manifest of its store to a new folder; gives that folder.

    Raises `UnusableRelease`, and `NotCopied` where `out` holds something.
    """
    read_bundle(release)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise NotCopied(f"A release is copied to a new or an empty folder; {out} holds something: name another.")
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = out.with_name(f".{out.name}.{uuid.uuid4().hex[:8]}")
    try:
        shutil.copytree(release, draft, ignore=shutil.ignore_patterns(FOLDER, f".{FOLDER}-*", MANIFEST))
        draft.replace(out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return out
