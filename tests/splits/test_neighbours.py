"""The search for near hashes against a comparison of each with each, and its cost on many."""

import time

import numpy as np
import pytest

from gliaflow.splits.neighbours import near_pairs


def make_hashes(n: int, rng: np.random.Generator) -> np.ndarray:
    """Clusters: random hashes, and copies of them with 0 to 12 bits flipped; all different."""
    roots = rng.integers(0, 2**64, max(n // 8, 1), dtype=np.uint64)
    flips = np.zeros(n, np.uint64)
    for _ in range(12):
        flip = np.uint64(1) << rng.integers(0, 64, n).astype(np.uint64)
        flips ^= np.where(rng.random(n) < 0.5, flip, np.uint64(0))
    return np.unique(roots[rng.integers(0, len(roots), n)] ^ flips)


def compare_all(hashes: np.ndarray, distance: int, sides: np.ndarray) -> list[tuple[int, int]]:
    return [
        (i, j)
        for i in range(len(hashes))
        for j in range(i, len(hashes))
        if bin(int(hashes[i]) ^ int(hashes[j])).count("1") <= distance and bin(sides[i] | sides[j]).count("1") > 1
    ]


@pytest.mark.parametrize(("n", "distance"), [(1, 8), (2, 8), (40, 0), (40, 1), (300, 3), (300, 8), (300, 16)])
def test_finds_what_comparing_all_finds(n: int, distance: int) -> None:
    rng = np.random.default_rng([n, distance])
    hashes = make_hashes(n, rng)
    sides = rng.integers(1, 8, len(hashes))
    pairs = near_pairs(hashes, distance, sides)
    assert list(map(tuple, pairs.tolist())) == compare_all(hashes, distance, sides)
    assert n < 300 or len(pairs) > len(np.flatnonzero(pairs[:, 0] == pairs[:, 1])) > 100


def test_every_number_of_blocks_finds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    hashes = make_hashes(200, rng)
    sides = 1 << rng.integers(0, 3, len(hashes))
    expected = compare_all(hashes, 5, sides)
    for blocks in (1, 2, 3, 4):
        monkeypatch.setattr("gliaflow.splits.neighbours._count_equal_blocks", lambda n, distance, r=blocks: r)
        assert list(map(tuple, near_pairs(hashes, 5, sides).tolist())) == expected


def test_pairs_on_one_side_do_not_count() -> None:
    hashes = np.array([0, 1, 3, 7], np.uint64)
    assert near_pairs(hashes, 1, np.array([1, 1, 2, 2])).tolist() == [[1, 2]]
    assert near_pairs(hashes, 1, np.array([1, 1, 1, 3])).tolist() == [[2, 3], [3, 3]]


def test_nothing_in_nothing_out() -> None:
    assert near_pairs(np.array([], np.uint64), 8, np.array([], int)).shape == (0, 2)


def test_a_hundred_thousand_hashes_take_seconds() -> None:
    rng = np.random.default_rng(0)
    hashes = np.unique(rng.integers(0, 2**64, 100_000, dtype=np.uint64))
    start = time.perf_counter()
    near_pairs(hashes, 8, 1 << rng.integers(0, 3, len(hashes)))
    assert time.perf_counter() - start < 20  # 1.2 s measured; each with each would be 5,000,000,000 comparisons
