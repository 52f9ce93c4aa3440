"""The sentences of the model card: where the data come from, what its answers promise, and what not to expect."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from gliaflow.evaluation.detection import Detection
from gliaflow.inference.familiarity import Familiarity
from gliaflow.report.measures import interval_of, written
from gliaflow.report.scores import PROTOCOLS
from gliaflow.report.tables import MISSING, join, plural, write

ORIGINS = {"lgg": re.compile(r"TCGA_(CS|DU|EZ|FG|HT)_(\d{4}|A[0-9A-Z]{3})(_\d{8})?"),
           "phantom": re.compile(r"TCGA_[A-Z]{2}_P\d{3}(_\d{8})?")}  # fmt: skip
LICENCES = {
    "lgg": (
        "The slices are of the LGG segmentation data set (Kaggle `mateuszbuda/lgg-mri-segmentation`): lower-grade "
        "gliomas, MRI from The Cancer Imaging Archive (TCGA-LGG), the FLAIR abnormality outlined by hand. **Treat the "
        "data, and what was made from them, this model included, as non-commercial, attribution, share-alike.** Cite "
        "Buda, Saha and Mazurowski, *Computers in Biology and Medicine* 2019, and Mazurowski et al., *Journal of "
        "Neuro-Oncology* 2017."
    ),
    "phantom": (
        "The patients are made up (`gliaflow phantom`): no licence binds, and **no figure here says anything about "
        "real patients**."
    ),
    "unknown": (
        "Where the slices come from isn't known to Gliaflow: **ask whoever gave them under which licence they, and "
        "models made from them, may be used**, and write it here."
    ),
}
SEQUENCES = {"pre": "pre-contrast", "post": "post-contrast"}


def origin_of(patients: Sequence[str]) -> str:
    """What the patients' names say of where they come from: "lgg", "phantom" or "unknown"."""
    for origin, pattern in ORIGINS.items():
        if len(patients) and all(pattern.fullmatch(patient) for patient in patients):
            return origin
    return "unknown"


def missing_sentence(labels: pd.DataFrame) -> str:
    """How many patients of a labelled slice table lack which sequence (in most of their slices)."""
    usual = labels.groupby("patient")["missing"].agg(lambda slices: slices.mode().iloc[0]).str.split(",")
    counts = {name: sum(short in missing for missing in usual) for short, name in SEQUENCES.items()}
    told = [f"{name} in {plural(count, 'patient')}" for name, count in counts.items() if count]
    return f"FLAIR stands in for {join(told)}." if told else "No patient lacks a sequence."


def protocol_sentence(protocol: str, members: int) -> str:
    """What the protocol means, and what a cross-validation's members are."""
    said = f"`{protocol}`: {PROTOCOLS.get(protocol, 'a protocol unknown to this card')}."
    if protocol == "slice":
        said += " **It leaks: the figures are too good, and say nothing of new patients.**"
    if members > 1:
        said += (
            f" There are {members} folds, each with a model of its own; its epoch, threshold and calibration were "
            "chosen on validation patients of its fold."
        )
    return said


def figures_sentence(protocol: str, members: int, tested: bool) -> str:
    """Whose figures they are; `tested` is whether there are any."""
    if not tested:
        return "There were no test slices: how good the model is isn't known."
    intervals = "Intervals hold 95 % of the figures of cohorts drawn with replacement from these patients."
    if protocol == "slice":
        return f"On the test slices, of patients of whom other slices were trained on. {intervals}"
    if members == 1:
        return f"On the test patients, which took no part in any choice. {intervals}"
    return (
        "Each patient was scored by the member that never saw it, so these are figures of the members one by one. Of "
        "the ensemble there are none: any given patient of these was seen by all its other members, in training or in "
        f"choosing, so that it takes others to score it. {intervals}"
    )


def detection_sentences(
    detection: Detection, metrics: Sequence[Mapping[str, Any]], members: int = 1, *, leaky: bool = False
) -> list[str]:
    """The operating point of "has tumour", the band without an answer, what val promises and what test gave.

    Where val is `leaky`, having patients in training too, it promises nothing of new patients.
    """
    whose = "a new patient" if members == 1 else "a new patient with one member alone"
    found = detection
    if found.sensitivity is None:
        return [
            f"Of {plural(found.slices, 'validation slice')} {found.tumor_slices:,} hold tumour: without both kinds "
            "nothing can be fitted. A slice's probability is the mean of its most probable pixels, and every answer "
            "is “unsure”."
        ]
    said = [
        f"The probability is fitted to {found.slices:,} slices, {found.tumor_slices:,} with tumour, of "
        f"{plural(found.patients, 'validation patient')}.",
        f"Below {found.low:.3f} the answer is “empty”. It is so low that at least {share(found.sensitivity_target)} of "
        f"the validation slices with tumour are not called empty: {share(found.sensitivity)} are not. Of those without "
        f"tumour {share(found.specificity)} are called empty.",
    ]
    if found.sensitivity_left_out is not None and not leaky:
        said.append(
            f"Set on all but one patient and tried on that one, it is {share(found.sensitivity_left_out)} of the "
            f"slices with tumour that are not called empty: that is what to expect of {whose}."
        )
    if found.precision is None:
        said.append(
            f"No answer is “tumor”, as the most probable validation slices hold none; all others are “unsure”: "
            f"{share(found.unsure)} of the validation slices."
        )
    else:
        said.append(
            f"Above {found.high:.3f} the answer is “tumor”: of the validation slices so called "
            f"{share(found.precision)} hold tumour (asked for: {share(found.precision_target)})."
        )
        said.append(
            f"Between the two the answer is “unsure”: {share(found.unsure)} of the validation slices."
            if found.low < found.high
            else "The two are one, so there always is an answer."
        )
    named = {
        "call_sensitivity": "sensitivity where there is an answer",
        "call_specificity": "specificity there",
        "unsure_share": "share “unsure”",
    }
    test = {metric["name"]: metric for metric in metrics if metric["part"] == "test" and metric["value"] is not None}
    told = [
        f"{words} {written(test[name]['value'], 'score')} ({_bounds(test[name])}{plural(test[name]['n'], 'slice')})"
        for name, words in named.items()
        if name in test
    ]
    where = "On test" if members == 1 else "Out of fold, each patient called by its member's own fit"
    return [*said, f"{where}: {join(told)}."] if told else said


def _bounds(metric: Mapping[str, Any]) -> str:
    """A metric's interval, to stand before its n; nothing where it has none."""
    bounds = interval_of(metric)
    return "" if bounds == MISSING else f"{bounds}; "


def familiarity_sentence(familiarity: Familiarity, members: int, tried: bool) -> str:
    """What the warning is told from, how often a patient like those gets one, and on whom it was `tried`, if it was."""
    patients = plural(familiarity.patients, "training patient")
    if familiarity.limit is None:
        return f"There were {patients}: too few to tell what is unlike them, so no warning is ever given."
    said = (
        f"Told from {patients}; the limits are such that at most {share(familiarity.expected)} of patients like them "
        "get a warning."
    )
    if not tried:
        return f"{said} It was not tried: no patient was held out whole from enough others."
    how = "held-out patients" if members == 1 else "each fold's test patients (told from its training patients)"
    return f"{said} It was tried on {how} as they are, and on the same made into something else:"


def limits(labels: pd.DataFrame, origin: str) -> list[str]:
    """What the model is not for, and what its figures don't say."""
    patients = plural(labels["patient"].nunique(), "patient")
    said = [
        "Slices of three sequences (pre-contrast, FLAIR, post-contrast), 8 bits deep; nothing else is covered.",
        f"Made and scored on {patients} of {plural(labels['site'].nunique(), 'site')}: nothing is known of other "
        "scanners, protocols or ages, of treated tumours, or of heads without tumour.",
        "Probabilities and the operating point hold for patients like the validation ones: where another share of "
        "slices holds tumour, both shift.",
    ]
    if origin == "lgg":
        said += [
            "One kind of lesion, lower-grade glioma, outlined on FLAIR: its parts aren't told apart, nor others.",
            "Two experts who outline such tumours agree with each other to a Dice of about 0.84.",
        ]
    return said


def share(value: float | None) -> str:
    """A share in per cent; a dash for none."""
    return MISSING if value is None else write(value, "share")
