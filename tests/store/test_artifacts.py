"""The store: a result is whole, checked and made once, or it isn't there."""

import json
import shutil
import threading
from pathlib import Path

import pytest

from gliaflow.store.artifacts import Store
from gliaflow.store.manifests import Provenance


def provenance(**changes: object) -> Provenance:
    given = {"stage": "pair", "inputs": {"files": "a1"}, "parameters": {"limit": 0.1}, "code": {}, "libraries": {}}
    return Provenance(**{**given, **changes})  # type: ignore[arg-type]


def write(text: str = "slices"):
    def make(folder: Path) -> None:
        (folder / "slices.txt").write_text(text)
        (folder / "logs").mkdir()
        (folder / "logs" / "events").write_text("12:00")

    return make


def test_a_result_is_made_once_and_found_by_another_process(tmp_path):
    made = []
    first = Store(tmp_path).obtain(provenance(), lambda folder: (made.append(1), write()(folder)))
    again = Store(tmp_path).obtain(provenance(), lambda folder: made.append(1))
    assert made == [1]
    assert again == first == Store(tmp_path).find("pair", provenance().key)
    assert (Store(tmp_path).folder(first) / "slices.txt").read_text() == "slices"


def test_finding_a_result_writes_nothing(tmp_path):
    made = Store(tmp_path).obtain(provenance(), write())
    shutil.rmtree(tmp_path / ".locks")
    shutil.rmtree(tmp_path / ".work")
    assert Store(tmp_path).find("pair", provenance().key) == made
    assert [path.name for path in tmp_path.iterdir()] == ["pair"]


def test_who_may_only_read_leaves_what_a_killed_attempt_left(tmp_path):
    store = Store(tmp_path)
    made = store.obtain(provenance(), write())
    left = store.work_folder(provenance())
    shutil.rmtree(tmp_path / ".locks")
    (tmp_path / ".locks").write_text("no folder, so that no lock can be made")
    assert Store(tmp_path).find("pair", provenance().key) == made and left.is_dir()


def test_nothing_appears_when_making_fails(tmp_path):
    def fail(folder: Path) -> None:
        (folder / "half.txt").write_text("half")
        raise OSError("no space left on device")

    store = Store(tmp_path)
    with pytest.raises(OSError, match="no space"):
        store.obtain(provenance(), fail)
    assert store.find("pair", provenance().key) is None
    assert list((tmp_path / ".work").iterdir()) == []
    assert store.obtain(provenance(), write()).stage == "pair"


@pytest.mark.parametrize(
    ("harm", "damage"),
    [
        (lambda folder: (folder / "slices.txt").write_text("slicez"), "slices.txt was changed"),
        (lambda folder: (folder / "slices.txt").unlink(), "slices.txt is missing"),
        (lambda folder: (folder / "logs" / "events").write_text(""), "logs/events was changed"),
        (lambda folder: (folder / "manifest.json").unlink(), "its manifest is missing"),
        (lambda folder: (folder / "manifest.json").write_text("{"), "its manifest can't be read"),
        (
            lambda folder: (folder / "manifest.json").write_text(
                (folder / "manifest.json").read_text().replace('"limit": 0.1', '"limit": 0.9')
            ),
            "its manifest was changed",
        ),
    ],
)
def test_a_damaged_result_is_told_and_made_again(tmp_path, harm, damage):
    artifact = Store(tmp_path).obtain(provenance(), write())
    harm(tmp_path / artifact.path)
    store = Store(tmp_path)
    assert store.find("pair", artifact.key) is None
    assert store.damage("pair", artifact.key) == damage
    assert store.obtain(provenance(), write()) == artifact
    assert Store(tmp_path).find("pair", artifact.key) == artifact


def test_content_ignores_logs_and_time_but_not_files(tmp_path):
    one = Store(tmp_path / "1").obtain(provenance(), write())

    def other_log(folder: Path) -> None:
        write()(folder)
        (folder / "logs" / "events").write_text("13:00")

    assert Store(tmp_path / "2").obtain(provenance(), other_log) == one
    assert Store(tmp_path / "3").obtain(provenance(), write("other")).content != one.content


def test_two_at_once_make_it_once(tmp_path):
    started, release, made = threading.Event(), threading.Event(), []

    def slow(folder: Path) -> None:
        made.append(1)
        started.set()
        assert release.wait(10)
        write()(folder)

    results: list[object] = []
    first = threading.Thread(target=lambda: results.append(Store(tmp_path).obtain(provenance(), slow)))
    first.start()
    assert started.wait(10)
    second = threading.Thread(target=lambda: results.append(Store(tmp_path).obtain(provenance(), slow)))
    second.start()
    release.set()
    first.join(10)
    second.join(10)
    assert made == [1]
    assert len(results) == 2 and results[0] == results[1]


def test_what_a_killed_attempt_left_is_cleared_but_its_resume_folder_kept_until_done(tmp_path):
    store = Store(tmp_path)
    left = tmp_path / ".work" / f"pair-{provenance().key}-dead"
    left.mkdir(parents=True)
    (store.work_folder(provenance()) / "epoch-3").write_text("weights")

    def resume(folder: Path) -> None:
        assert (store.work_folder(provenance()) / "epoch-3").read_text() == "weights"
        write()(folder)

    store.obtain(provenance(), resume)
    assert list((tmp_path / ".work").iterdir()) == []


def test_what_an_attempt_killed_after_its_result_appeared_left_is_cleared(tmp_path):
    made = Store(tmp_path).obtain(provenance(), write())
    Store(tmp_path).work_folder(provenance())
    assert Store(tmp_path).find("pair", made.key) == made
    assert list((tmp_path / ".work").iterdir()) == []


def test_the_manifest_says_what_the_result_depends_on(tmp_path):
    artifact = Store(tmp_path).obtain(provenance(), write())
    manifest = json.loads((tmp_path / artifact.path / "manifest.json").read_text())
    assert manifest["parameters"] == {"limit": 0.1}
    assert manifest["inputs"] == {"files": "a1"}
    assert [file["path"] for file in manifest["files"]] == ["logs/events", "slices.txt"]
    assert manifest["key"] == artifact.key and manifest["content"] == artifact.content
