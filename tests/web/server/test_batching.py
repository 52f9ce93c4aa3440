"""Slices of several requests in one batch."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from gliaflow.inference.release import load_release
from gliaflow.web.batching import Batcher, share_networks


class Slow:
    """A network that doubles, once it may; remembers how many pictures it saw at a time."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.entered = threading.Event()
        self.seen: list[int] = []

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        self.entered.set()
        assert self.go.wait(10)
        self.seen.append(len(pictures))
        return pictures * 2


class Broken(Slow):
    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        raise ZeroDivisionError


def pictures(value: int, count: int = 1) -> np.ndarray:
    return np.full((count, 2, 2, 3), value)


def test_what_waits_together_is_run_together_and_comes_back_to_each(wait_until) -> None:
    watched: list[int] = []
    batcher, network = Batcher(4, watched.append), Slow()
    with ThreadPoolExecutor(8) as threads:
        first = threads.submit(batcher.run, network, pictures(100))
        assert network.entered.wait(5)
        counts = [1, 2, 3, 1, 2]
        rest = []
        for value, count in enumerate(counts):
            rest.append(threads.submit(batcher.run, network, pictures(value, count)))
            wait_until(lambda: len(batcher._jobs) == len(rest))
        network.go.set()
        assert (first.result() == 200).all()
        for value, count in enumerate(counts):
            assert (rest[value].result() == pictures(2 * value, count)).all()
    assert network.seen == watched == [1, 4, 3, 2]  # 1; 1, 2 and the later 1; 3; 2
    batcher.close()
    with pytest.raises(RuntimeError, match="stopping"):
        batcher.run(network, pictures(1))


def test_other_networks_wait_their_turn_and_errors_come_back() -> None:
    batcher, network, broken = Batcher(4), Slow(), Broken()
    network.go.set()
    with pytest.raises(ZeroDivisionError):
        batcher.run(broken, pictures(1))
    assert (batcher.run(network, pictures(3)) == 6).all()
    batcher.close()


def test_a_shared_network_says_the_same_to_many_as_to_one(release_folder) -> None:
    rng = np.random.default_rng(0)
    volumes = [rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8) for n in (1, 3, 1, 2, 5, 1, 1, 4)]
    alone = load_release(release_folder)
    expected = [alone.predict_volume(volume) for volume in volumes]
    watched: list[int] = []
    shared, batcher = load_release(release_folder), Batcher(16, watched.append)
    share_networks(shared, batcher)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(shared.predict_volume, volumes))
    batcher.close()
    assert sum(watched) == 4 * 18  # two members, each slice and its mirror image
    assert max(watched) > 5
    for one, other in zip(found, expected, strict=True):
        assert (one.probabilities == other.probabilities).all() and (one.masks == other.masks).all()
