"""What an ensemble says of a slice rests on each slice of its folds' val, once."""

from dataclasses import asdict
from pathlib import Path

import pandas as pd
import pytest

from gliaflow.evaluation.detection import Detection, fit_detection
from tasks.release import _detection, _Member


def fit(val: pd.DataFrame) -> Detection:
    return fit_detection(val["score"].to_numpy(), val["mask"].to_numpy() == 1, val["patient"].to_numpy())


def member(val: pd.DataFrame) -> _Member:
    return _Member(Path(), {}, pd.DataFrame(), val, {"detection": asdict(fit(val))})


def scored(patients: str, shift: float) -> pd.DataFrame:
    """Six slices a patient, the last three with tumour, whose scores overlap those of the others."""
    scores = {"a": 0.0, "b": 0.133, "c": -0.057, "d": 0.211}
    rows = [
        (patient, number, number // 3, 0.1 * number + 0.1 + scores[patient] + shift)
        for patient in patients
        for number in range(6)
    ]
    return pd.DataFrame(rows, columns=["patient", "slice", "mask", "score"])


def test_a_patient_of_two_folds_val_counts_once_by_its_mean_score() -> None:
    found = _detection([member(scored("abc", 0.0)), member(scored("bcd", 0.1))])
    assert (found.patients, found.slices, found.tumor_slices) == (4, 24, 12)
    once = fit(pd.concat([scored("a", 0.0), scored("bc", 0.05), scored("d", 0.1)]))
    assert asdict(found) == pytest.approx(asdict(once))


def test_of_one_fold_it_is_that_folds_own() -> None:
    alone = member(scored("abc", 0.0))
    assert _detection([alone]) == fit(alone.val)
