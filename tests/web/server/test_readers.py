"""What becomes of files that hang, eat or kill the process that reads them."""

import asyncio
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gliaflow.web.problems import Problem
from gliaflow.web.readers import Readers, load_studies
from gliaflow.web.scratch import Scratch
from gliaflow.web.settings import MIB, ServeLimits
from gliaflow.web.uploads import Upload

Make = Callable[..., Readers]


@pytest.fixture
def readers() -> Iterator[Make]:
    made: list[Readers] = []

    def make(**limits: float) -> Readers:
        others = set(multiprocessing.active_children())
        made.append(Readers(ServeLimits(**{"readers": 1, **limits})))  # type: ignore[arg-type]
        made[-1].warm()
        made[-1].process_ids = lambda: [  # type: ignore[method-assign]
            child.pid for child in set(multiprocessing.active_children()) - others if child.pid
        ]
        return made[-1]

    yield make
    for each in made:
        each.close()


def read(readers: Readers, folder: Path, *paths: Path):
    return asyncio.run(readers.read(folder, [Upload(path.name, path, 0) for path in paths]))


def write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_studies_come_back_and_leave_nothing(readers: Make, tmp_path: Path, picture) -> None:
    found = read(readers(), tmp_path, write(tmp_path, "a.png", picture()), write(tmp_path, "b.png", b"rubbish"))
    assert (found.studies, found.slices, found.pixels) == (1, 1, 1024)
    assert [(refusal.name, refusal.reason) for refusal in found.refused] == [("b.png", "unknown_format")]
    (study,) = load_studies(tmp_path)
    assert study.name == "a" and study.images[0].shape == (32, 32, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_a_reading_that_hangs_is_killed_and_harms_no_other(readers: Make, tmp_path: Path, picture) -> None:
    pool = readers(reading_seconds=0.5)
    os.mkfifo(tmp_path / "hangs")  # opening it waits for somebody who writes
    start = time.monotonic()
    with pytest.raises(Problem, match="could not be read: they took longer than 0.5 s") as told:
        read(pool, tmp_path, tmp_path / "hangs")
    assert told.value.status == 422 and time.monotonic() - start < 2
    assert read(pool, tmp_path, write(tmp_path, "a.png", picture())).studies == 1


def test_a_process_that_is_killed_as_it_reads_is_told(readers: Make, tmp_path: Path, picture, wait_until) -> None:
    pool = readers()
    (process,) = pool.process_ids()
    os.mkfifo(tmp_path / "hangs")
    threading.Timer(0.3, os.kill, (process, signal.SIGKILL)).start()
    with pytest.raises(Problem, match="a decoder broke down on them"):
        read(pool, tmp_path, tmp_path / "hangs")
    assert read(pool, tmp_path, write(tmp_path, "a.png", picture())).studies == 1


def test_idle_processes_that_are_killed_are_replaced(readers: Make, tmp_path: Path, picture, wait_until) -> None:
    pool = readers()
    (process,) = pool.process_ids()
    os.kill(process, signal.SIGKILL)
    wait_until(lambda: process not in pool.process_ids())
    path = write(tmp_path, "a.png", picture())
    for _ in range(20):
        try:
            assert read(pool, tmp_path, path).studies == 1
            break
        except Problem as problem:
            assert problem.status == 503 and problem.headers == {"Retry-After": "1"}
            time.sleep(0.1)
    else:
        pytest.fail("it stays busy for ever")


def test_memory_is_bounded(readers: Make, tmp_path: Path, picture) -> None:
    path = write(tmp_path, "large.bmp", picture(suffix=".bmp", size=(4000, 4000)))  # 48 MB, and more to decode it
    pool = readers(reading_bytes=60 * MIB)
    with pytest.raises(Problem, match="could not be read: they took too much memory") as told:
        read(pool, tmp_path, path)
    assert told.value.status == 422
    assert read(readers(), tmp_path, path).pixels == 16_000_000


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"slices": 2}, "At most 2 slices are taken at a time, of 16 million pixels each and 64 million in all."),
        ({"pixels": 3000}, "At most 2000 slices are taken at a time, of 16 million pixels each and 0 million in all."),
    ],
)
def test_slices_and_pixels_are_bounded(readers: Make, tmp_path: Path, picture, limits, said: str) -> None:
    paths = [write(tmp_path, f"{name}.png", picture()) for name in "abc"]
    with pytest.raises(Problem) as told:
        read(readers(**limits), tmp_path, *paths)
    assert told.value.status == 413 and told.value.message.startswith(said)


def test_a_picture_that_is_too_large_is_refused_alone(readers: Make, tmp_path: Path, picture) -> None:
    paths = [write(tmp_path, "a.png", picture()), write(tmp_path, "b.png", picture(size=(40, 40)))]
    found = read(readers(slice_pixels=1500), tmp_path, *paths)
    assert (found.slices, [(file.name, file.reason) for file in found.refused]) == (1, [("b.png", "too_many_pixels")])


def test_what_killed_servers_left_goes_with_the_next(tmp_path: Path) -> None:
    alive = Scratch(tmp_path)
    dead = tmp_path / "gliaflow-serve-dead"
    (dead / "tmpx").mkdir(parents=True)
    (dead / "alive").touch()
    other = tmp_path / "gliaflow-serve-of-something-else"
    other.mkdir()
    with alive.folder() as folder:
        (folder / "0001").write_bytes(b"x")
        Scratch(tmp_path).close()
        assert folder.exists() and other.exists() and not dead.exists()
        assert alive.root.stat().st_mode & 0o077 == 0
    assert not folder.exists()
    alive.close()
    assert [path.name for path in tmp_path.iterdir()] == [other.name]
