"""Findings about a patient's slices together: numbers left out, too few slices, differing sizes."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import cast

import numpy as np
import pandas as pd

from gliaflow.ingest.doctor.findings import Case, Finding
from gliaflow.report.tables import plural

FEW = 0.4
"""Of the median number of slices a patient has this share at least: 60 real patients have 0.57 of it or more."""
FEWEST_PATIENTS = 5  # below which a median says little
MOST_START = 0.5  # share of the patients that must begin at one number for another to look late
FEWEST_STARTS = 3  # patients below which nothing is said of where they begin
NEAR = 5
"""Numbers by which a rejected file may lie beyond those that are used and yet belong to the patient's series: a stray
one, numbered by a date say, makes no gap."""


def numbers_of(files: pd.DataFrame, labels: pd.DataFrame) -> dict[str, np.ndarray]:
    """For each patient with used slices the numbers, int64 ascending, of its files: used ones, and others near them.

    `files` is the file table, `labels` the table of slices that are used.
    """
    named = files[files["role"].isin(["image", "mask"]) & files["patient"].notna()]
    known = {patient: np.unique(numbers.to_numpy("int64")) for patient, numbers in named.groupby("patient")["slice"]}
    used = labels.groupby("patient")["slice"].agg(["min", "max"])
    series = {}
    for patient, lowest, highest in zip(used.index, used["min"], used["max"], strict=True):
        own = known[patient]
        first, last = np.searchsorted(own, (lowest, highest))
        while first > 0 and own[first] - own[first - 1] <= NEAR:
            first -= 1
        while last < len(own) - 1 and own[last + 1] - own[last] <= NEAR:
            last += 1
        series[str(patient)] = own[first : last + 1]
    return series


def gaps(series: Mapping[str, np.ndarray]) -> list[Finding]:
    """Numbers between a patient's lowest and highest of which there is no file at all; of `numbers_of`."""
    cases = []
    for patient, known in series.items():
        before = np.flatnonzero(np.diff(known) > 1)
        if not len(before):
            continue
        starts, stops = known[before] + 1, known[before + 1] - 1
        count = int((stops - starts + 1).sum())
        ranges = [
            f"{start}" if start == stop else f"{start} to {stop}" for start, stop in zip(starts, stops, strict=True)
        ]
        more = ", ..." if len(ranges) > 5 else ""
        found = f"of {known[0]} to {known[-1]}, {plural(count, 'number')} missing: {', '.join(ranges[:5])}{more}"
        cases.append(Case(found, patient=patient))
    return _finding(
        Finding(
            "gap_in_numbering",
            "warning",
            "patient",
            "Gap in the numbering of slices",
            "A patient's slices are numbered without gaps.",
            "Uses the slices that are there, as though they followed one another.",
            "Copy or download the patient again, if slices were lost.",
            cases,
        )
    )


def late_starts(series: Mapping[str, np.ndarray]) -> list[Finding]:
    """Patients whose first number is above that at which most begin, where this is 0 or 1; of `numbers_of`."""
    starts = {patient: int(known[0]) for patient, known in series.items()}
    if len(starts) < FEWEST_STARTS:
        return []
    usual, count = Counter(starts.values()).most_common(1)[0]
    if usual > 1 or count <= MOST_START * len(starts):
        return []
    return _finding(
        Finding(
            "late_start",
            "warning",
            "patient",
            "First slices missing",
            "The slices of all patients are numbered from the same number on.",
            "Uses the slices that are there.",
            "Copy or download the patient again, if slices were lost.",
            [
                Case(f"begins at {start:,}, others at {usual}", patient=patient)
                for patient, start in starts.items()
                if start > usual
            ],
        )
    )


def few_slices(labels: pd.DataFrame) -> list[Finding]:
    """Patients with far fewer slices than others."""
    count = labels.groupby("patient").size()
    if len(count) < FEWEST_PATIENTS:
        return []
    usual = float(count.median())
    return _finding(
        Finding(
            "few_slices",
            "warning",
            "patient",
            "Far fewer slices than other patients",
            f"A patient has at least {FEW:.0%} of the median number of slices.",
            "Uses the slices that are there.",
            "Look whether slices are missing, or only slices with tumour were exported.",
            [
                Case(f"{plural(int(own), 'slice')}, the median is {usual:g}", patient=str(patient))
                for patient, own in count[count < FEW * usual].items()
            ],
        )
    )


def odd_sizes(labels: pd.DataFrame) -> list[Finding]:
    """Patients whose slices differ in size, and slices that are not square."""
    sizes: defaultdict[str, list[str]] = defaultdict(list)
    stretched: dict[str, str] = {}
    counts = labels.groupby(["patient", "height", "width"]).size().sort_values(ascending=False, kind="stable")
    for key, count in counts.items():
        patient, height, width = cast(tuple[str, int, int], key)
        sizes[patient].append(f"{plural(int(count), 'slice')} of {height} x {width}")
        if height != width:
            stretched.setdefault(patient, f"{height} x {width}")
    mixed = [Case(", ".join(own), patient=patient) for patient, own in sorted(sizes.items()) if len(own) > 1]
    return [
        *_finding(
            Finding(
                "sizes_differ",
                "warning",
                "patient",
                "Slices of one patient differ in size",
                "The slices of a patient have one size.",
                "Brings all to one size.",
                "Look whether two series were mixed.",
                mixed,
            )
        ),
        *_finding(
            Finding(
                "not_square",
                "warning",
                "patient",
                "Slices that are not square",
                "Slices are square.",
                "Brings them to a square: heads are stretched.",
                "Pad the slices (and masks) to a square.",
                [Case(found, patient=patient) for patient, found in sorted(stretched.items())],
            )
        ),
    ]


def _finding(finding: Finding) -> list[Finding]:
    return [finding] if finding.cases else []
