"""What has changed in a folder since the last look, file by file."""

import pandas as pd
import pytest

from gliaflow.ingest.changes import changed_files, in_numbers
from gliaflow.ingest.scan import scan_folder
from gliaflow.store.manifests import Difference


def test_new_changed_and_gone_files_are_told_with_their_digests(kaggle):
    root = kaggle(1)
    before = scan_folder(root)
    files = sorted(root.rglob("*_mask.tif"))
    files[0].unlink()
    files[1].write_bytes(b"")
    (root / "TCGA_CS_0001_20000101" / "TCGA_CS_0001_20000101_9.tif").write_bytes(b"new")
    (root / "notes.txt").write_text("no data")
    changes = changed_files(before, scan_folder(root))
    digests = before.set_index("path")["sha256"]
    names = [path.relative_to(root).as_posix() for path in files]
    assert [change.name for change in changes] == sorted([*names[:2], names[0].replace("1_mask", "9")])
    found = {change.name: (change.old, change.new) for change in changes}
    assert found[names[0]] == (digests[names[0]], None)
    assert found[names[1]] == (digests[names[1]], "empty_file")
    assert in_numbers(changes) == "1 file new, 1 changed, 1 gone"
    assert changed_files(before, before) == []


@pytest.mark.parametrize(
    ("new", "changed", "gone", "words"),
    [
        (0, 0, 0, "no file has changed"),
        (2, 0, 0, "2 files new"),
        (0, 1, 0, "1 file changed"),
        (0, 3, 12, "3 files changed, 12 gone"),
    ],
)
def test_changes_are_told_in_numbers(new, changed, gone, words):
    kinds = [(None, "b")] * new + [("a", "b")] * changed + [("a", None)] * gone
    assert in_numbers([Difference("file", "p", old, now) for old, now in kinds]) == words


def test_an_unreadable_file_that_stays_so_has_not_changed():
    table = pd.DataFrame({"path": ["a.tif"], "role": ["image"], "sha256": [None], "problem": ["no_permission"]})
    assert changed_files(table, table) == []
