"""What has changed in a data folder since it was last looked at."""

import pandas as pd

from gliaflow.store.manifests import Difference


def changed_files(earlier: pd.DataFrame, now: pd.DataFrame) -> list[Difference]:
    """The files on which two file tables of `scan_folder` differ, by path; old and new are their SHA-256.

    Of a file that could not be read the problem stands in the place of the digest. Files that are no data don't count.
    """
    old, new = _digests(earlier), _digests(now)
    paths = sorted(path for path in old.keys() | new.keys() if old.get(path) != new.get(path))
    return [Difference("file", path, old.get(path), new.get(path)) for path in paths]


def in_numbers(changes: list[Difference]) -> str:
    """ "2 files new, 1 changed, 3 gone"; "no file has changed"."""
    new = sum(change.old is None for change in changes)
    gone = sum(change.new is None for change in changes)
    told = [(n, what) for n, what in ((new, "new"), (len(changes) - new - gone, "changed"), (gone, "gone")) if n]
    if not told:
        return "no file has changed"
    (first, what), *rest = told
    return ", ".join([f"{first} {'file' if first == 1 else 'files'} {what}", *(f"{n} {what}" for n, what in rest)])


def _digests(files: pd.DataFrame) -> dict[str, str]:
    data = files[files["role"] != "other"]
    return dict(zip(data["path"], data["sha256"].fillna(data["problem"]).fillna("unread"), strict=True))
