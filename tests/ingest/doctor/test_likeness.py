"""Near duplicates of one patient and of two."""

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pandas as pd

from gliaflow.ingest.doctor.likeness import Thumbnails, _candidates, near_duplicates
from gliaflow.ingest.prepare import phash
from gliaflow.splits.leaks import HAMMING

Labels = Callable[..., pd.DataFrame]


def pictures(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(20, 200, (count, 32, 32), dtype=np.uint8)


def alike(table: pd.DataFrame, slices: np.ndarray) -> dict:
    table = table.assign(phash=[phash(picture) for picture in slices], deviation=slices.std(axis=(1, 2)))
    with Thumbnails() as thumbnails:
        thumbnails.add(slices[:5])
        thumbnails.add(slices[5:])
        return {finding.code: finding for finding in near_duplicates(table, thumbnails)}


def test_different_slices_have_no_finding(labels: Labels) -> None:
    assert alike(labels(), pictures(24)) == {}


def test_a_slice_in_two_patients(labels: Labels) -> None:
    slices = pictures(24)
    slices[10] = np.clip(slices[3] * 0.9, 0, 255)
    slices[11] = slices[4]
    table = labels(image_sha256={("P1", 4): f"{0:032d}{5:032d}"})
    (finding,) = alike(table, slices).values()
    assert (finding.code, finding.severity, finding.count) == ("near_duplicate_patients", "warning", 1)
    (case,) = finding.cases
    assert (case.patient, case.slice, case.beside_patient, case.beside_slice) == ("P0", 5, "P1", 4)
    assert case.found.startswith("like P1 in 2 pairs of slices, 1 of them the same file; ")
    assert case.found.endswith("correlate by 1.000")


def test_a_slice_twice_in_one_patient(labels: Labels) -> None:
    slices = pictures(24)
    slices[20] = slices[17]
    (finding,) = alike(labels(), slices).values()
    (case,) = finding.cases
    assert (finding.code, case.patient, case.slice, case.beside_slice) == ("repeated_slice", "P2", 2, 5)


def test_neighbours_that_look_alike_are_no_finding(labels: Labels) -> None:
    slices = pictures(24).astype(float)
    slices[20] = 0.85 * slices[19] + 0.15 * slices[18]
    assert alike(labels(), slices.astype(np.uint8)) == {}


def test_flat_and_black_slices_are_like_everybodys_and_no_finding(labels: Labels) -> None:
    slices = pictures(24)
    slices[7] = slices[15] = 3
    slices[6] = slices[14]
    assert alike(labels(brain_pixels={("P0", 7): 0}), slices) == {}


def test_candidates_are_all_pairs_of_near_hashes() -> None:
    rng = np.random.default_rng(5)
    values = rng.integers(0, 2**63, 40, dtype=np.uint64)
    values = np.concatenate([values, values[:20] ^ np.uint64(0b1011), values[:5]])
    hashes = np.array([f"{value:016x}" for value in values])
    found = {tuple(pair) for chunk in _candidates(hashes) for pair in chunk.tolist()}
    expected = {
        (i, j) for i, j in combinations(range(len(values)), 2) if np.bitwise_count(values[i] ^ values[j]) <= HAMMING
    }
    assert found == expected and len(found) >= 25
    assert list(_candidates(np.array([], dtype=str))) == []


def test_one_hash_of_thousands_costs_no_square() -> None:
    pairs = sum(len(chunk) for chunk in _candidates(np.array(["00000000000000ff"] * 5000)))
    assert pairs == 16 * 15 / 2


def test_thumbnails_come_back_as_they_were() -> None:
    slices = pictures(9)
    with Thumbnails() as thumbnails:
        thumbnails.add(slices[:4])
        assert np.array_equal(thumbnails.take(np.array([2])), slices[2:3])
        thumbnails.add(slices[4:])
        assert np.array_equal(thumbnails.take(np.array([8, 0, 4])), slices[[8, 0, 4]])
