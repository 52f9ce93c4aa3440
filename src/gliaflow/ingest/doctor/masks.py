"""Findings about masks that can be read, and may yet be wrong."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from gliaflow.ingest.doctor.findings import Case, Finding
from gliaflow.report.tables import plural

WHOLE = 0.5
"""Share of the head that no tumour fills: on 60 real patients the most is 0.28."""
LEAST_SLICES = 3  # of a patient, from which on a first and a last slice mean something


def touching_border(labels: pd.DataFrame) -> list[Finding]:
    """Masks with tumour on the outermost rows or columns of the image; none of 60 real patients has one."""
    rows: list[Any] = list(labels[labels["border_pixels"] > 0].itertuples())
    return _finding(
        Finding(
            "mask_at_border",
            "warning",
            "slice",
            "Mask touches the border of the image",
            "A tumour lies within the head, and the head within the image.",
            "Uses the mask as it is.",
            "Look whether the mask is cut off, shifted, inverted or has a frame, and export it again.",
            [
                Case(f"{plural(row.border_pixels, 'pixel')} on the border", patient=row.patient, slice=row.slice)
                for row in rows
            ],
        )
    )


def whole_brain(labels: pd.DataFrame) -> list[Finding]:
    """Masks that cover more than the share WHOLE of the head, where there is one."""
    large = (labels["head_pixels"] > 0) & (labels["tumor_pixels"] > WHOLE * labels["head_pixels"])
    rows: list[Any] = list(labels[large].itertuples())
    return _finding(
        Finding(
            "mask_of_whole_brain",
            "warning",
            "slice",
            "Mask covers most of the head",
            f"A tumour covers no more than {WHOLE:.0%} of the head.",
            "Uses the mask as it is.",
            "Look whether it is a mask of the brain, or an inverted one, and export it again.",
            [
                Case(
                    f"{plural(row.tumor_pixels, 'pixel')} of tumour, {row.head_pixels:,} of head",
                    patient=row.patient,
                    slice=row.slice,
                )
                for row in rows
            ],
        )
    )


def on_black(labels: pd.DataFrame) -> list[Finding]:
    """Masks with tumour in slices whose FLAIR, or the whole image, is black; none of 60 real patients has one."""
    rows: list[Any] = list(labels[(labels["tumor_pixels"] > 0) & (labels["mean_flair"] == 0)].itertuples())
    return _finding(
        Finding(
            "tumor_on_black",
            "warning",
            "slice",
            "Tumour marked on a black image",
            "A tumour is marked where FLAIR shows it.",
            "Uses the slice; a network learns to mark what can't be seen.",
            "Export the image again; if it is black rightly, its mask is another slice's.",
            [
                Case(
                    f"{plural(row.tumor_pixels, 'pixel')} of tumour, {'FLAIR' if row.head_pixels else 'the image'} is "
                    "black",
                    patient=row.patient,
                    slice=row.slice,
                )
                for row in rows
            ],
        )
    )


def without_tumor(labels: pd.DataFrame) -> list[Finding]:
    """Patients all of whose masks are black; where that is everybody, one finding about the data set."""
    tumor = labels.groupby("patient")["tumor_pixels"].agg(["sum", "size"])
    none = tumor[tumor["sum"] == 0]
    if len(none) and len(none) == len(tumor):
        return [
            Finding(
                "no_tumor_at_all",
                "warning",
                "data set",
                "No mask marks any tumour",
                "Some patients have a tumour.",
                "Uses the slices; a network learns from them to mark nothing.",
                "Look whether the right masks were exported.",
                [Case(f"{plural(len(labels), 'mask')} of {plural(len(tumor), 'patient')} are black")],
            )
        ]
    return _finding(
        Finding(
            "no_tumor_in_patient",
            "warning",
            "patient",
            "All masks of a patient are black",
            "In a data set of tumours each patient has one.",
            "Uses the slices as slices without tumour.",
            "If the patient has a tumour, export the masks again.",
            [
                Case(f"{plural(int(row['size']), 'mask')}, all black", patient=str(name))
                for name, row in none.iterrows()
            ],
        )
    )


def cut_off(labels: pd.DataFrame, series: Mapping[str, np.ndarray]) -> list[Finding]:
    """Tumours that reach a patient's first or last slice; none of 60 real patients has one.

    `series` is of `numbering.numbers_of`: where files of a further slice were rejected, this is their fault, and told
    there.
    """
    lowest, highest = (pd.Series({patient: own[end] for patient, own in series.items()}) for end in (0, -1))
    patients = labels.groupby("patient")[["slice", "tumor_pixels"]]
    long = patients.size() >= LEAST_SLICES
    cases = []
    for end, rows, number in (("first", patients.first(), lowest), ("last", patients.last(), highest)):
        reached = long & (rows["tumor_pixels"] > 0) & (rows["slice"] == number.reindex(rows.index))
        for patient, row in rows[reached].iterrows():
            found = f"tumour in the {end} slice, {plural(int(row['tumor_pixels']), 'pixel')}"
            cases.append(Case(found, patient=str(patient), slice=int(row["slice"])))
    cases.sort(key=lambda case: (str(case.patient), case.slice or 0))
    return _finding(
        Finding(
            "tumor_cut_off",
            "warning",
            "slice",
            "Tumour reaches the first or last slice",
            "The slices of a patient reach beyond the tumour.",
            "Uses the slices that are there.",
            "Look whether slices are missing at this end, or only slices with tumour were exported.",
            cases,
        )
    )


def interrupted(labels: pd.DataFrame) -> list[Finding]:
    """Black masks between two slices with tumour, of consecutive numbers; none of 60 real patients has one."""
    cases = []
    for patient, rows in labels.groupby("patient"):
        tumor, number = rows["tumor_pixels"].to_numpy() > 0, rows["slice"].to_numpy()
        between = ~tumor[1:-1] & tumor[:-2] & tumor[2:] & (number[2:] - number[:-2] == 2)
        cases += [
            Case("black, with tumour in the slices before and after", patient=str(patient), slice=int(number[at + 1]))
            for at in np.flatnonzero(between)
        ]
    return _finding(
        Finding(
            "mask_interrupted",
            "warning",
            "slice",
            "Black mask amid a tumour",
            "A tumour goes on from slice to slice.",
            "Uses the slice as one without tumour.",
            "Look whether this mask was left out; two tumours one above the other are rare.",
            cases,
        )
    )


def _finding(finding: Finding) -> list[Finding]:
    return [finding] if finding.cases else []
