"""Journals: in order, added to by several at once, never changed."""

import multiprocessing

import pytest

from gliaflow.store.artifacts import Store
from gliaflow.store.failures import StoreFailed
from gliaflow.store.journal import Journal
from gliaflow.store.shared import open_store


def entry(number):
    return lambda entries: {"event": "added", "number": number, "before": len(entries)}


@pytest.mark.parametrize("where", ["folder", "bucket"])
def test_entries_are_read_in_the_order_in_which_they_were_added(where, tmp_path, request):
    store = Store(tmp_path) if where == "folder" else open_store(request.getfixturevalue("bucket"))
    journal = Journal(store, "models")
    assert journal.read() == []
    for number in (7, 8, 9):
        added = journal.add(entry(number))
        assert added is not None and added["number"] == number
    assert [(e["number"], e["before"]) for e in Journal(store, "models").read()] == [(7, 0), (8, 1), (9, 2)]
    assert Journal(store, "other").read() == []
    assert journal.add(lambda entries: None) is None and len(journal.read()) == 3
    assert not store.create("journals/models/000002.json", b"{}"), "what is there stays as it is"
    assert [e["number"] for e in journal.read()] == [7, 8, 9]
    assert store.sizes() == {}, "a journal is no result"


def add_many(root, first):
    for number in range(first, first + 10):
        Journal(Store(root), "models").add(entry(number))


def test_of_two_who_add_at_once_both_entries_are_there(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=add_many, args=(tmp_path, first)) for first in (100, 200)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    entries = Journal(Store(tmp_path), "models").read()
    assert sorted(e["number"] for e in entries) == [*range(100, 110), *range(200, 210)]
    assert [e["before"] for e in entries] == list(range(20)), "each was decided on all that came before"


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b"{}", b"\x80"])
def test_a_damaged_entry_is_named(tmp_path, content):
    journal = Journal(Store(tmp_path), "models")
    journal.add(entry(1))
    (tmp_path / "journals/models/000001.json").write_bytes(content)
    with pytest.raises(StoreFailed, match=r"models/000001.json was changed: it is no entry"):
        journal.read()


def test_a_missing_entry_is_named(tmp_path):
    journal = Journal(Store(tmp_path), "models")
    for number in (1, 2, 3):
        journal.add(entry(number))
    (tmp_path / "journals/models/000002.json").unlink()
    with pytest.raises(StoreFailed, match=r"models/000002.json is missing, and what came after hangs on it"):
        journal.add(entry(4))


def test_an_entry_whose_answer_was_lost_is_not_added_twice(tmp_path, monkeypatch):
    journal = Journal(Store(tmp_path), "models")
    create = Store.create

    def lose(self, name, content):
        return create(self, name, content) and False

    monkeypatch.setattr(Store, "create", lose)
    assert journal.add(entry(1))["number"] == 1
    assert [e["number"] for e in journal.read()] == [1]
