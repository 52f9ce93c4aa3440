"""Findings about a patient's slices together: numbers left out, too few slices, differing sizes."""

from collections import defaultdict
from typing import cast

import numpy as np
import pandas as pd

from gliaflow.ingest.doctor.findings import Case, Finding
from gliaflow.report.tables import plural

FEW = 0.4
"""Of the median number of slices a patient has this share at least: 60 real patients have 0.57 of it or more."""
FEWEST_PATIENTS = 5  # below which a median says little


def gaps(files: pd.DataFrame) -> list[Finding]:
    """Numbers between a patient's lowest and highest of which there is no file at all; `files` is the file table."""
    named = files[files["role"].isin(["image", "mask"]) & files["patient"].notna()]
    cases = []
    for patient, numbers in named.groupby("patient")["slice"]:
        known = np.unique(numbers.to_numpy("int64"))
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
        cases.append(Case(found, patient=str(patient)))
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
