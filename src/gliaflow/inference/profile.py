"""A patient in a few figures: how bright, how unlike training, how much tumour a model sees, how often it is unsure.

The same figures of the patients that a model comes from (its fingerprint) and of those that it meets later tell drift.
"""

from typing import Any

import numpy as np

from gliaflow.inference.familiarity import Familiarity
from gliaflow.inference.properties import CHANNELS, NAMES, measure_volume

BRIGHTNESS = {
    "brightness_pre": f"level {CHANNELS[0]}",
    "brightness_flair": f"level {CHANNELS[1]}",
    "brightness_post": f"level {CHANNELS[2]}",
}
OF_IMAGES = (*BRIGHTNESS, "distance")
OF_PREDICTIONS = ("tumor_share", "tumor_rate", "unsure_rate")
MEASURES: dict[str, tuple[str, str]] = {
    "brightness_pre": ("Brightness, pre-contrast", "median grey value of the head, 0 to 255"),
    "brightness_flair": ("Brightness, FLAIR", "median grey value of the head, 0 to 255"),
    "brightness_post": ("Brightness, post-contrast", "median grey value of the head, 0 to 255"),
    "distance": ("Unlikeness", "distance from the training patients; about 1 is usual"),
    "tumor_share": ("Tumour share", "predicted tumour pixels, of those of the head"),
    "tumor_rate": ("Has-tumour rate", "slices called tumour, of all slices"),
    "unsure_rate": ("Abstentions", "slices called unsure, of all slices"),
}
"""Name of each measure -> what to call it, and what it is."""
PROFILE = {
    "patient": "str",
    "site": "str",
    "slices": "int64",
    "model": "str",
    **dict.fromkeys(OF_IMAGES, "float64"),
    "warnings": "str",
    **dict.fromkeys(OF_PREDICTIONS, "float64"),
}
"""Columns of the table `profiles`: a row a patient."""


def profile_images(images: np.ndarray, familiarity: Familiarity) -> dict[str, Any]:
    """The measures of the images of a patient, uint8 [S, H, W, 3], and what is odd about them (`warnings`).

    See `profile_properties`.
    """
    return profile_properties(measure_volume(images), familiarity)


def profile_properties(properties: np.ndarray | None, familiarity: Familiarity) -> dict[str, Any]:
    """The same of a volume's measured properties (None: no head was to be seen).

    A measure is NaN where it can't be told: no head to be seen, a sequence that is a copy of FLAIR, a familiarity of
    too few patients.
    """
    measures = dict.fromkeys(OF_IMAGES, float("nan"))
    if properties is not None:
        for measure, name in BRIGHTNESS.items():
            measures[measure] = float(np.exp(properties[NAMES.index(name)]) - 1)  # the level is a logarithm
        if familiarity.spread is not None:
            measures["distance"] = familiarity.distance(properties)
    return {**measures, "warnings": " ".join(familiarity.judge(properties))}


def profile_answers(calls: np.ndarray, tumor_pixels: int, brain_pixels: int) -> dict[str, float]:
    """The measures of what a model said of a patient: str [S] ("tumor", "unsure", "empty"), and counts of pixels."""
    slices = max(len(calls), 1)
    return {
        "tumor_share": tumor_pixels / max(brain_pixels, 1),
        "tumor_rate": float(np.count_nonzero(calls == "tumor")) / slices,
        "unsure_rate": float(np.count_nonzero(calls == "unsure")) / slices,
    }
