"""Near duplicates among the slices that are used, by the measures of the leak audit (docs/near-duplicates.md)."""

import tempfile
from collections.abc import Callable, Iterator
from types import TracebackType

import numpy as np
import pandas as pd

from gliaflow.ingest.doctor.findings import Case, Finding
from gliaflow.ingest.doctor.measure import SIDE
from gliaflow.report.tables import plural
from gliaflow.splits.leaks import CHUNK, CORRELATION, FLAT, HAMMING, PARTNERS, extract_details
from gliaflow.splits.neighbours import near_pairs

SAME = 0.995
"""Correlation from which two slices of one patient are one slice twice: neighbours reach 0.989 on 60 real patients, a
copy saved as JPEG (quality 75) stays above 0.999."""


class Thumbnails:
    """Thumbnails uint8 [n, 32, 32] kept in a temporary file, so that memory does not grow with slices."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="gliaflow-")  # noqa: SIM115 (closed by __exit__)

    def __enter__(self) -> "Thumbnails":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def add(self, pictures: np.ndarray) -> None:
        """Append pictures uint8 [n, 32, 32]."""
        self._file.seek(0, 2)
        self._file.write(np.ascontiguousarray(pictures).tobytes())

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The pictures of these rows, counted in the order in which they were added."""
        pictures = np.empty((len(rows), SIDE, SIDE), np.uint8)
        for at, row in enumerate(rows.tolist()):
            self._file.seek(row * SIDE * SIDE)
            pictures[at] = np.frombuffer(self._file.read(SIDE * SIDE), np.uint8).reshape(SIDE, SIDE)
        return pictures

    def of(self, labels: pd.DataFrame) -> Callable[[list[tuple[str, int]]], np.ndarray]:
        """As the leak audit asks: from (patient, slice) pairs to pictures; `labels` has a row for each thumbnail."""
        row_of = {key: row for row, key in enumerate(zip(labels["patient"], labels["slice"], strict=True))}
        return lambda slices: self.take(np.array([row_of[key] for key in slices], np.int64))


def near_duplicates(labels: pd.DataFrame, thumbnails: Thumbnails) -> list[Finding]:
    """Slices of two patients, or of one, that show the same; `labels` has a row for each thumbnail, in their order."""
    rows = np.flatnonzero((labels["brain_pixels"] > 0) & (labels["deviation"] >= FLAT))
    patient = labels["patient"].to_numpy()
    found: list[tuple[int, int, float]] = []
    for pairs in _candidates(labels["phash"].to_numpy()[rows]):
        i, j = rows[pairs].T
        once, at = np.unique(rows[pairs].T, return_inverse=True)
        details = extract_details(thumbnails.take(once))
        similarity = np.einsum("ij,ij->i", *(details[side] for side in at.reshape(2, -1)))
        alike = similarity >= np.where(patient[i] == patient[j], SAME, CORRELATION)
        found += zip(i[alike].tolist(), j[alike].tolist(), similarity[alike].tolist(), strict=True)
    pairs_found = pd.DataFrame(found, columns=["i", "j", "similarity"])
    for side in ("i", "j"):
        for name in ("patient", "slice", "image_sha256"):
            pairs_found[f"{name}_{side}"] = labels[name].to_numpy()[pairs_found[side].astype("int64")]
    same = pairs_found["patient_i"] == pairs_found["patient_j"]
    checks = (_two_patients(pairs_found[~same]), _one_patient(pairs_found[same]))
    return [finding for finding in checks if finding.cases]


def _candidates(phash: np.ndarray) -> Iterator[np.ndarray]:
    """Pairs int64 [m, 2] of slices whose hashes are within HAMMING bits, CHUNK at a time, i < j.

    Of slices with one hash PARTNERS are compared with others at the most, so that a large group costs no square.
    """
    if not len(phash):
        return
    hashes, of_slice = np.unique(np.array([int(digits, 16) for digits in phash], np.uint64), return_inverse=True)
    order = np.argsort(of_slice, kind="stable")
    count = np.bincount(of_slice)
    start = np.cumsum(count) - count
    groups = near_pairs(hashes, HAMMING, np.full(len(hashes), 3))  # on two sides each: every near pair is wanted
    a, b = groups.T
    several = np.minimum(count, PARTNERS)
    meetings = several[a] * several[b]
    ends = np.cumsum(meetings)
    for first in range(0, int(ends[-1]) if len(ends) else 0, CHUNK):
        meeting = np.arange(first, min(first + CHUNK, int(ends[-1])))
        row = np.searchsorted(ends, meeting, side="right")
        turn = meeting - (ends[row] - meetings[row])
        i = order[start[a[row]] + turn // several[b[row]]]
        j = order[start[b[row]] + turn % several[b[row]]]
        once = (i < j) | (a[row] != b[row])
        if once.any():
            yield np.stack([np.minimum(i, j), np.maximum(i, j)], axis=1)[once]


def _two_patients(pairs: pd.DataFrame) -> Finding:
    """One case for each pair of patients, with the likest pair of their slices."""
    cases = []
    for _, own in pairs.sort_values(["similarity", "i", "j"], ascending=[False, True, True]).groupby(
        ["patient_i", "patient_j"]
    ):
        best = own.iloc[0]
        equal = int((own["image_sha256_i"] == own["image_sha256_j"]).sum())
        also = f", {equal} of them the same file" if equal else ""
        found = (
            f"like {best.patient_j} in {plural(len(own), 'pair')} of slices{also}; "
            f"slices {best.slice_i} and {best.slice_j} correlate by {best.similarity:.3f}"
        )
        cases.append(_case(best, found))
    return Finding(
        "near_duplicate_patients",
        "warning",
        "pair",
        "Two patients show the same slices",
        f"No slice of one patient is like another's. Two are alike when their hashes differ in at most {HAMMING} of 64 "
        f"bits and the detail of their FLAIR correlates by {CORRELATION} or more.",
        "Uses both. A run stops if its split puts the two in different parts.",
        "They are probably one person, or one folder copied under a second name: keep one of them.",
        cases,
    )


def _one_patient(pairs: pd.DataFrame) -> Finding:
    """One case for each pair of slices."""
    cases = []
    for row in pairs.sort_values(["i", "j"]).itertuples(index=False):
        how = (
            "the same file"
            if str(row.image_sha256_i) == str(row.image_sha256_j)
            else f"correlation {row.similarity:.3f}"
        )
        cases.append(_case(row, f"like slice {row.slice_j} ({how})"))
    return Finding(
        "repeated_slice",
        "warning",
        "pair",
        "One slice under two numbers",
        f"A patient has each slice once. Two are one when the detail of their FLAIR correlates by {SAME} or more.",
        "Uses both.",
        "Look whether the one overwrote another slice when the files were numbered; take the copy away.",
        cases,
    )


def _case(row: object, found: str) -> Case:
    values = {name: getattr(row, name) for name in ("patient_i", "slice_i", "patient_j", "slice_j")}
    return Case(
        found,
        patient=str(values["patient_i"]),
        slice=int(values["slice_i"]),
        beside_patient=str(values["patient_j"]),
        beside_slice=int(values["slice_j"]),
    )
