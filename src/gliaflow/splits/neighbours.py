"""All pairs of hashes that differ in a few bits, without comparing each with each."""

from itertools import combinations
from math import ceil, log2

import numpy as np

BITS = 64


def near_pairs(hashes: np.ndarray, distance: int, sides: np.ndarray) -> np.ndarray:
    """Pairs of `hashes` that differ in at most `distance` bits and stand on more than one side.

    Parameters
    ----------
    hashes : ndarray of shape (n,), uint64
        All different: group equal ones first, or thousands of equal slices cost millions of pairs.
    distance : int
        Greatest number of differing bits. The cost grows steeply with it: meant for up to about 12.
    sides : ndarray of shape (n,), int
        Bit p is set when a slice with this hash stands in part p; a pair counts when the two have two bits together.

    Returns
    -------
    ndarray of shape (m, 2), int64
        Indices i <= j into `hashes`, sorted; (i, i) for a hash that stands on two sides by itself.

    Notes
    -----
    By the pigeonhole principle, of distance + r blocks of bits at least r are equal in such a pair. For every choice of
    r blocks the hashes are sorted by them, and those that agree there are compared. r grows with n, so that chance
    agreement stays rare; for a given r the cost is a fixed number of sorts (Manku, Jain and Das Sarma, WWW 2007).
    """
    n = len(hashes)
    alone = np.flatnonzero(np.bitwise_count(sides) > 1)
    found = [alone * n + alone]
    equal_blocks = _count_equal_blocks(n, distance)
    for mask in _masks(distance + equal_blocks, equal_blocks):
        order = np.argsort(hashes & mask, kind="stable")
        key = (hashes & mask)[order]
        step, here = 1, np.flatnonzero(key[:-1] == key[1:])
        while here.size:  # runs of equal keys: each with its next neighbour, then the next but one, ...
            a, b = order[here], order[here + step]
            near = (np.bitwise_count(hashes[a] ^ hashes[b]) <= distance) & (np.bitwise_count(sides[a] | sides[b]) > 1)
            a, b = a[near], b[near]
            found.append(np.minimum(a, b) * n + np.maximum(a, b))
            step += 1
            here = here[here + step < n]
            here = here[key[here] == key[here + step]]
    pairs = np.unique(np.concatenate(found))
    return np.stack([pairs // max(n, 1), pairs % max(n, 1)], axis=1)


def _count_equal_blocks(n: int, distance: int) -> int:
    """The smallest r whose r of distance + r blocks hold enough bits to tell n hashes apart."""
    bits = min(log2(max(n, 2)), 30.0)
    return ceil(bits * distance / (BITS - bits)) or 1


def _masks(blocks: int, equal: int) -> list[np.uint64]:
    """One mask for every choice of `equal` of `blocks` blocks; the bits are dealt to blocks in turn."""
    blocks = min(blocks, BITS)
    members = [sum(1 << bit for bit in range(block, BITS, blocks)) for block in range(blocks)]
    return [np.uint64(sum(choice)) for choice in combinations(members, equal)]
