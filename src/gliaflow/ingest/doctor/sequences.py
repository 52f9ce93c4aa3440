"""Findings about the three sequences of a slice: which are missing, and whether they are in the right order."""

from collections.abc import Mapping

import pandas as pd

from gliaflow.ingest.doctor.findings import Case, Finding
from gliaflow.report.tables import join, plural
from gliaflow.splits.leaks import FLAT

LEAD = 0.05
"""By how much FLAIR must correlate more with the third channel than with the first for the order to look wrong. Of 54
real patients with three sequences all correlate more with the first, by 0.026 to 0.90; with first and third swapped, 52
are found."""
MOST = 0.5  # share of the patients from which on the whole data set looks wrong
FEWEST = 3  # patients that can be told, below which nothing is said of the whole data set
SEQUENCES = {"pre": "pre-contrast", "post": "post-contrast"}
MEANS = {"pre-contrast": "mean_pre", "FLAIR": "mean_flair", "post-contrast": "mean_post"}
BLACK = 0.5
"""Share of a patient's slices from which on a sequence looks lost rather than shorter than the others: in 60 real
patients, first and last slices that one sequence did not reach make up 0.09 at the most."""


def missing_sequences(labels: pd.DataFrame) -> list[Finding]:
    """Patients in whom FLAIR stands in the place of another sequence: in all slices, or (worse) in some.

    Slices that are nearly empty tell nothing.
    """
    whole: list[Case] = []
    partly: list[Case] = []
    for patient, rows in labels[labels["deviation"] >= FLAT].groupby("patient"):
        never = []
        for short, name in SEQUENCES.items():
            absent = rows["missing"].str.split(",").map(lambda missing, short=short: short in missing)
            if absent.all():
                never.append(name)
            elif absent.any():
                first = int(rows.loc[absent, "slice"].iloc[0])
                share = f"{int(absent.sum())} of {plural(len(rows), 'slice')}"
                partly.append(Case(f"{name} is a copy of FLAIR in {share}", patient=str(patient), slice=first))
        if never:
            whole.append(Case(f"FLAIR in place of {join(never)}", patient=str(patient)))
    found = (
        Finding(
            "sequence_missing_in_part",
            "warning",
            "patient",
            "Sequence missing in some slices of a patient",
            "A sequence was taken of all slices of a patient or of none.",
            "Uses the slices; the network sees FLAIR in place of the sequence.",
            "Export the patient again.",
            partly,
            len({case.patient for case in partly}),
        ),
        Finding(
            "sequence_missing",
            "note",
            "patient",
            "Missing sequence",
            "A slice holds pre-contrast, FLAIR and post-contrast; FLAIR stands in for one that was not taken.",
            "Uses the slices; the network sees FLAIR in place of the sequence.",
            "Nothing needs doing.",
            whole,
        ),
    )
    return [finding for finding in found if finding.cases]


def black_sequences(labels: pd.DataFrame) -> list[Finding]:
    """Patients in whom a sequence is black in at least the share BLACK of the slices."""
    cases = []
    for patient, rows in labels.groupby("patient"):
        black = {name: rows[mean] == 0 for name, mean in MEANS.items()}
        lost = {name: dark for name, dark in black.items() if dark.mean() >= BLACK}
        if not lost:
            continue
        counts = ", ".join(f"{name} in {int(dark.sum())}" for name, dark in lost.items())
        shown = rows[next(iter(lost.values()))].sort_values("head_pixels", ascending=False, kind="stable")
        found = f"black: {counts} of {plural(len(rows), 'slice')}"
        cases.append(Case(found, patient=str(patient), slice=int(shown["slice"].iloc[0])))
    finding = Finding(
        "sequence_black",
        "warning",
        "patient",
        "Black sequence",
        "A slice holds pre-contrast, FLAIR and post-contrast; FLAIR stands in for one that was not taken.",
        "Uses the slices; the network sees black in place of the sequence.",
        "Export the patient again; where a sequence was not taken, put FLAIR in its place.",
        cases,
    )
    return [finding] if cases else []


def channel_order(leads: Mapping[str, float], shown: Mapping[str, int]) -> list[Finding]:
    """Patients whose first and third channel look swapped, as where BGR was written for RGB.

    `leads` are the patients' `channel_lead`s; `shown` names a slice of each to look at.
    """
    told = {patient: lead for patient, lead in leads.items() if lead == lead}  # without NaN
    cases = [
        Case(
            f"FLAIR correlates more with the third channel, by {-lead:.2f}",
            patient=patient,
            slice=shown.get(patient),
        )
        for patient, lead in sorted(told.items())
        if lead < -LEAD
    ]
    if not cases:
        return []
    everybody = len(told) >= FEWEST and len(cases) > MOST * len(told)
    return [
        Finding(
            "channel_order_of_all" if everybody else "channel_order",
            "warning",
            "patient",
            "Channels of the whole data set look like BGR" if everybody else "Channels look like BGR",
            "Red, green and blue are pre-contrast, FLAIR and post-contrast. FLAIR is more like pre-contrast, in which "
            "vessels are not bright.",
            "Uses the channels as they are; the network takes post-contrast for pre-contrast.",
            "Look at the sequences; if they are swapped, write red and blue the other way round (OpenCV's imwrite "
            "wants BGR).",
            cases,
        )
    ]
