"""The patients that a model comes from, each in a few figures: what those that it meets later are held against."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from gliaflow.inference.bundle import Bundle
from gliaflow.inference.familiarity import left_out_distances
from gliaflow.inference.profile import OF_PREDICTIONS, PROFILE, profile_answers, profile_properties
from gliaflow.inference.properties import measure_volume
from gliaflow.ingest.volumes import load_volume


def take_fingerprint(
    labels: pd.DataFrame,
    parts: pd.DataFrame,
    predictions: pd.DataFrame,
    volumes: Mapping[str, Path],
    bundle: Bundle,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> pd.DataFrame:
    """A row a patient of `parts`, sorted: its part and its profile, by the model that `bundle` releases.

    Measures of predictions are those of val and test, from the `predictions` that the model was evaluated by; of the
    patients that it was trained on they would flatter, and are NaN. Brightness is known of all, and so is the distance:
    of a training patient, from the others.
    """
    of_patient = {str(patient): str(rows["part"].iloc[0]) for patient, rows in parts.groupby("patient")}
    known = {str(patient): rows for patient, rows in labels.groupby("patient")}
    answers = {str(patient): rows for patient, rows in predictions.groupby("patient")}
    measured = {}
    for done, patient in enumerate(sorted(of_patient), start=1):
        measured[patient] = measure_volume(load_volume(volumes[patient]).images)
        progress(done, len(of_patient))
    training = {name: own for name, own in measured.items() if own is not None and of_patient[name] == "train"}
    distances = left_out_distances(training)
    rows = []
    for patient, properties in measured.items():
        part = of_patient[patient]
        profile = profile_properties(properties, bundle.familiarity)
        said = dict.fromkeys(OF_PREDICTIONS, np.nan)
        if part == "train":
            profile["distance"] = distances.get(patient, np.nan)
        else:
            own = answers[patient]
            tumor_pixels = int(own["predicted_pixels"].sum())
            said = profile_answers(own["call"].to_numpy(), tumor_pixels, int(known[patient]["brain_pixels"].sum()))
        who = {"patient": patient, "site": known[patient]["site"].iloc[0], "slices": len(known[patient])}
        rows.append({**who, "model": "own", "part": part, **profile, **said})
    columns = {**PROFILE, "part": "str"}
    return pd.DataFrame(rows, columns=list(columns)).astype(columns)
