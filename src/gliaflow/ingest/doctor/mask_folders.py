"""A finding about folders: those for masks in which there are none."""

import os
from pathlib import Path

from gliaflow.ingest.doctor.files import is_system
from gliaflow.ingest.doctor.findings import Case, Finding
from gliaflow.ingest.names import MASK_FOLDERS, role_of
from gliaflow.report.tables import join, plural


def empty_mask_folders(root: Path) -> list[Finding]:
    """Folders called `masks` (or `mask`, `label`, `labels`) below `root` that hold no image at all."""
    cases = []
    for here, folders, _ in os.walk(root):
        folders[:] = sorted(name for name in folders if not is_system(name))
        if os.path.basename(here).lower() not in MASK_FOLDERS or here == str(root):
            continue
        if (held := _held_without_images(here)) is not None:
            folders.clear()
            path = os.fsencode(os.path.relpath(here, root)).decode("utf-8", "backslashreplace")
            cases.append(Case(f"holds {held}", path=path))
    finding = Finding(
        "empty_mask_folder",
        "warning",
        "folder",
        "Empty folder of masks",
        "A folder of masks holds masks.",
        "Leaves the images without masks out.",
        "Copy the masks again, or take the folder away.",
        cases,
    )
    return [finding] if cases else []


def _held_without_images(folder: str) -> str | None:
    """What lies below a folder without images, in words; None where there are images, or part of it can't be seen."""
    closed: list[OSError] = []
    below_folders = below_files = 0
    for here, folders, names in os.walk(folder, onerror=closed.append):
        linked = any(os.path.islink(os.path.join(here, name)) for name in folders)  # what it holds is scanned
        if linked or any(role_of(name) for name in names):
            return None
        below_folders, below_files = below_folders + len(folders), below_files + len(names)
    held = [
        text
        for count, text in (
            (below_files, plural(below_files, "other file")),
            (below_folders, f"{plural(below_folders, 'folder')} without images"),
        )
        if count
    ]
    return None if closed else join(held) if held else "nothing"
