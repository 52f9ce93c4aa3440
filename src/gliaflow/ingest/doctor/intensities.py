"""Findings about brightness: patients far brighter or darker than others of their site."""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import pandas as pd

from gliaflow.ingest.doctor.findings import Case, Finding

OUTLIER = 3.5  # modified z-score: Iglewicz and Hoaglin, "How to Detect and Handle Outliers", 1993
FACTOR = 2.0
"""Times brighter or darker than the median that are worth a word: within it lie the sites of the real data, where a
narrow spread would make outliers of patients that look like others."""
OWN_SITE = 5  # patients of a site from which on they are compared among themselves
CONSISTENT = 1.4826  # times the median absolute deviation: the standard deviation of a normal distribution

SEQUENCES = {"pre": "pre-contrast", "flair": "FLAIR", "post": "post-contrast"}


def outliers(labels: pd.DataFrame) -> list[Finding]:
    """Patients whose mean intensity, in some sequence, is far from the median of their site.

    Sites of fewer than OWN_SITE patients are compared with everybody. Intensities are compared by their logarithm, as
    they differ by factors; sequences that are a copy of FLAIR are left out.
    """
    site = labels.groupby("patient")["site"].first()
    told: defaultdict[str, list[str]] = defaultdict(list)
    distances: dict[str, dict[str, float]] = {}
    for short, sequence in SEQUENCES.items():
        copied = labels["missing"].str.split(",").map(lambda missing, short=short: short in missing).astype(bool)
        mean = labels[~copied].groupby("patient")[f"mean_{short}"].mean()
        mean = mean[mean > 0]
        distances[short] = {}
        for name, members, peers in _circles(mean, site):
            usual, spread = float(np.median(np.log(peers))), robust_spread(np.log(peers))
            for patient, own in members.items():
                distance = distances[short][str(patient)] = float(np.log(own)) - usual
                if abs(distance) < max(np.log(FACTOR), OUTLIER * spread):
                    continue
                how = f"{np.exp(abs(distance)):.1f} times {'darker' if distance < 0 else 'brighter'}"
                told[str(patient)].append(f"{sequence} {how} (mean {own:.1f}, {name} {np.exp(usual):.1f})")
    if not told:
        return []
    strange = pd.DataFrame(distances).abs().sum(axis=1, min_count=len(SEQUENCES))  # NaN where a sequence is missing
    typical = {
        patient: str(peers.idxmin())
        for _, members, peers in _circles(strange.fillna(np.inf), site)
        for patient in members.index
    }
    return [
        Finding(
            "intensity_outlier",
            "warning",
            "patient",
            "Far brighter or darker than others of the site",
            f"A patient's mean intensity is within {FACTOR:g} times its site's median, or within {OUTLIER:g} robust "
            "standard deviations of it.",
            "Uses the slices as they are.",
            "Look whether the patient was exported with another window, scale or sequence.",
            [_case(labels, patient, typical[patient], "; ".join(texts)) for patient, texts in sorted(told.items())],
        )
    ]


def robust_spread(values: pd.Series) -> float:
    """The standard deviation of a normal distribution with the median absolute deviation of `values`."""
    return CONSISTENT * float(np.median(np.abs(values - np.median(values))))


def _circles(values: pd.Series, site: pd.Series) -> Iterator[tuple[str, pd.Series, pd.Series]]:
    """Who is compared with whom: a name, the members' values and their peers', by patient; nobody with few peers."""
    sites = site[values.index]
    large = sites.map(sites.value_counts()) >= OWN_SITE
    for name, own in values[large].groupby(sites[large]):
        yield f"site {name}", own, own
    if len(values) >= OWN_SITE and not large.all():
        yield "all patients", values[~large], values


def _case(labels: pd.DataFrame, patient: str, typical: str, found: str) -> Case:
    middle = {name: labels.loc[labels["patient"] == name, "slice"] for name in (patient, typical)}
    slices = {name: int(numbers.iloc[len(numbers) // 2]) for name, numbers in middle.items()}
    return Case(found, patient=patient, slice=slices[patient], beside_patient=typical, beside_slice=slices[typical])
