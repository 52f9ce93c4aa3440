"""Calibration against scikit-learn: of slices as they are, of pixels with the histogram spread out pixel by pixel."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binned_statistic, bootstrap
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from gliaflow.evaluation.reliability import (
    bin_sums,
    calibration_error,
    confidence_table,
    pixel_reliability,
    slice_reliability,
    squared_errors,
)
from gliaflow.evaluation.threshold import tumor_histograms


def make_slices(seed: int = 0, patients: int = 9) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    probability = np.concatenate([rng.beta(0.5, 0.5, 30 * patients - 11), np.linspace(0, 1, 11)])  # edges, too
    return pd.DataFrame(
        {
            "patient": [f"P{number % patients}" for number in range(30 * patients)],
            "part": "test",
            "tumor_probability": probability,
            "mask": (rng.random(len(probability)) < 0.2 + 0.5 * probability).astype(int),
        }
    )


def make_pixels(seed: int = 0) -> tuple[pd.DataFrame, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """The confidence table of five patients, and their probabilities and masks."""
    rng = np.random.default_rng(seed)
    volumes = {}
    for number in range(5):
        quantised = rng.choice([0, 0, 0, 10, 51, 128, 200, 255], (3, 12, 12)).astype(np.uint8)
        volumes[f"P{number}"] = quantised, (rng.random(quantised.shape) < quantised / 400).astype(np.uint8)
    table = confidence_table({(name, "test"): tumor_histograms(*arrays) for name, arrays in volumes.items()})
    return table, volumes


def error_of(probability: np.ndarray, truth: np.ndarray) -> float:
    """The expected calibration error from scikit-learn's curve and SciPy's count of each bin."""
    observed, predicted = calibration_curve(truth, probability, n_bins=10, strategy="uniform")
    edges = np.linspace(0, 1, 11)
    edges[1:-1] = np.nextafter(edges[1:-1], 2)  # SciPy's bins take the lower edge, ours the upper one
    count, _, _ = binned_statistic(probability, truth, "count", edges)
    return float(np.average(np.abs(observed - predicted), weights=count[count > 0]))


def test_curve_of_slices_agrees_with_scikit_learn() -> None:
    slices = make_slices()
    curve = slice_reliability(slices, "test", resamples=100)
    observed, predicted = calibration_curve(slices["mask"], slices["tumor_probability"], n_bins=10, strategy="uniform")
    assert curve["observed"].tolist() == pytest.approx(observed.tolist())
    assert curve["predicted"].tolist() == pytest.approx(predicted.tolist())
    assert curve["n"].sum() == len(slices)
    assert curve["low"].tolist() == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
    assert curve["high"].tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1])
    assert ((curve["observed_low"] <= curve["observed"]) & (curve["observed"] <= curve["observed_high"])).all()


def test_curve_of_pixels_agrees_with_scikit_learn() -> None:
    table, volumes = make_pixels()
    probability = np.concatenate([quantised.ravel() for quantised, _ in volumes.values()]) / 255
    truth = np.concatenate([masks.ravel() for _, masks in volumes.values()])
    curve = pixel_reliability(table, "test", resamples=100)
    known = curve[curve["n"] > 0]
    observed, predicted = calibration_curve(truth, probability, n_bins=10, strategy="uniform")
    assert known["observed"].tolist() == pytest.approx(observed.tolist())
    assert known["predicted"].tolist() == pytest.approx(predicted.tolist())
    assert known["low"].tolist() == pytest.approx([0.0, 0.1, 0.5, 0.7, 0.9])  # 51 / 255 is the edge 0.2
    empty = curve[curve["n"] == 0]
    assert len(empty) == 5 and empty[["predicted", "observed", "observed_low", "observed_high"]].isna().all(axis=None)


def test_error_and_brier_score_agree_with_scikit_learn() -> None:
    slices = make_slices(3)
    probability, truth = slices["tumor_probability"].to_numpy(), slices["mask"].to_numpy()
    one, patient = np.ones(len(slices)), pd.factorize(slices["patient"])[0]
    sums = bin_sums(probability, one, truth, patient, 9)
    assert sums.shape == (9, 3, 10)
    assert calibration_error(sums.sum(axis=0)) == pytest.approx(error_of(probability, truth), abs=1e-12)
    each = [error_of(probability[patient == number], truth[patient == number]) for number in range(9)]
    assert calibration_error(sums) == pytest.approx(each, abs=1e-12)
    assert squared_errors(probability, one, truth).mean() == pytest.approx(brier_score_loss(truth, probability))
    assert np.isnan(calibration_error(np.zeros((3, 10))))


def test_brier_score_of_pixels_agrees_with_scikit_learn() -> None:
    table, volumes = make_pixels(1)
    probability = np.concatenate([quantised.ravel() for quantised, _ in volumes.values()]) / 255
    truth = np.concatenate([masks.ravel() for _, masks in volumes.values()])
    errors = squared_errors(table["level"] / 255, table["pixels"], table["tumor_pixels"])
    assert errors.sum() / table["pixels"].sum() == pytest.approx(brier_score_loss(truth, probability))


def test_interval_of_a_bin_agrees_with_scipy() -> None:
    """With one slice a patient the bootstrap over patients is the plain one."""
    rng = np.random.default_rng(0)
    truth = (rng.random(60) < 0.7).astype(int)
    patients = [f"P{number:02d}" for number in range(60)]
    slices = pd.DataFrame({"patient": patients, "part": "val", "tumor_probability": 0.65, "mask": truth})
    curve = slice_reliability(slices, "val", resamples=10_000).set_index("n")
    expected = bootstrap((truth,), np.mean, n_resamples=10_000, method="percentile", rng=np.random.default_rng(1))
    ours = curve.loc[60, ["observed_low", "observed_high"]].tolist()
    assert ours == pytest.approx(list(expected.confidence_interval), abs=0.02)


def test_a_bin_of_one_patient_has_no_interval_and_other_parts_are_left_out() -> None:
    slices = make_slices()
    slices.loc[slices["patient"] != "P0", "tumor_probability"] = 0.05
    slices.loc[slices["patient"] == "P0", "tumor_probability"] = 0.95
    curve = slice_reliability(slices, "test", resamples=100)
    assert curve["n"].tolist() == [240, 0, 0, 0, 0, 0, 0, 0, 0, 30]
    assert curve["observed"].notna().tolist() == [True] + [False] * 8 + [True]
    assert curve["observed_low"].notna().tolist() == [True] + [False] * 9
    assert slice_reliability(slices, "val", resamples=100)["n"].sum() == 0
    assert pixel_reliability(make_pixels()[0], "val", resamples=100)["n"].sum() == 0


def test_the_confidence_table_counts_every_pixel() -> None:
    table, volumes = make_pixels()
    assert list(table.columns) == ["patient", "part", "level", "pixels", "tumor_pixels"]
    assert table.dtypes.astype(str).tolist() == ["str", "str", "int64", "int64", "int64"]
    assert table[["patient", "part", "level"]].equals(
        table.sort_values(["patient", "part", "level"])[["patient", "part", "level"]]
    )
    for row in table.itertuples():
        quantised, masks = volumes[row.patient]
        assert (row.pixels, row.tumor_pixels) == ((quantised == row.level).sum(), masks[quantised == row.level].sum())
    assert table["pixels"].sum() == 5 * 3 * 12 * 12
