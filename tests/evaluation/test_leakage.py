"""The leakage meter: the gap is that of tumour slices alone, and its interval that of a plain bootstrap."""

import numpy as np
import pandas as pd
import pytest

from gliaflow.evaluation.leakage import measure_leakage


def slices(patients: int, each: int, share: float, seed: int) -> pd.DataFrame:
    """Slices of 100 true pixels of which about `share` are found, and as many marked beside it as are missed."""
    rng = np.random.default_rng(seed)
    found = np.clip(rng.normal(100 * share, 8, patients * each), 0, 100).astype(int)
    return pd.DataFrame(
        {
            "patient": np.repeat([f"P{number}" for number in range(patients)], each),
            "part": "test",
            "true_pixels": 100,
            "predicted_pixels": 100,
            "intersection": found,
        }
    )


def test_the_gap_is_the_difference_of_two_means_over_tumour_slices():
    leaky, grouped = slices(9, 3, 0.9, 0), slices(12, 5, 0.7, 1)
    others = grouped.iloc[:4].assign(true_pixels=0, intersection=0)  # empty slices: not compared
    val = leaky.assign(part="val", intersection=0)
    found = measure_leakage(pd.concat([leaky, val]), pd.concat([grouped, others]), resamples=200)
    means = [rows["intersection"].mean() / 100 for rows in (leaky, grouped)]  # Dice of masks of equal size
    headline = found.headline
    assert headline.name == "slice_dice_tumor"
    assert (headline.slice.value, headline.patient.value) == pytest.approx(tuple(means))
    assert headline.gap.value == pytest.approx(means[0] - means[1])
    assert (headline.slice.n, headline.patient.n, headline.gap.n) == (27, 60, 87)


def test_the_other_figures_are_those_of_scikit_learn():
    from sklearn.metrics import jaccard_score, precision_score, recall_score

    rng = np.random.default_rng(3)
    true, marked = rng.random((2, 6, 20, 20)) < 0.4
    true[:, 0, 0] = True
    rows = pd.DataFrame(
        {
            "patient": list("AABBCC"),
            "part": "test",
            "true_pixels": true.sum(axis=(1, 2)),
            "predicted_pixels": marked.sum(axis=(1, 2)),
            "intersection": (true & marked).sum(axis=(1, 2)),
        }
    )
    found = {gap.name: gap.slice.value for gap in measure_leakage(rows, rows, resamples=100).others}
    overlaps = [jaccard_score(a.ravel(), b.ravel()) for a, b in zip(true, marked, strict=True)]
    assert found["slice_iou_tumor"] == pytest.approx(np.mean(overlaps))
    assert found["pixel_sensitivity"] == pytest.approx(recall_score(true.ravel(), marked.ravel()))
    assert found["pixel_precision"] == pytest.approx(precision_score(true.ravel(), marked.ravel()))


def test_the_interval_is_that_of_a_bootstrap_over_patients_in_each_set_apart():
    leaky, grouped = slices(15, 4, 0.85, 5), slices(20, 6, 0.7, 6)
    grouped["intersection"] -= np.repeat(np.arange(20), 6)  # patients differ, so that slices are no free witnesses
    rng = np.random.default_rng(99)
    found = (rows.groupby("patient")["intersection"] for rows in (leaky, grouped))
    sides = [[pixels.to_numpy() / 100 for _, pixels in patients] for patients in found]
    drawn = []
    for _ in range(3000):
        chosen = [[side[i] for i in rng.integers(0, len(side), len(side))] for side in sides]
        drawn.append(np.concatenate(chosen[0]).mean() - np.concatenate(chosen[1]).mean())
    gap = measure_leakage(leaky, grouped, resamples=3000).headline.gap
    assert [gap.low, gap.high] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.004)
    alone = grouped["intersection"].std() / 100 / np.sqrt(len(grouped))
    assert gap.high - gap.low > 2 * 1.96 * alone, "wider than if slices were independent"


def test_the_cohorts_of_the_two_sets_are_drawn_apart():
    rows = slices(10, 3, 0.8, 7)
    gap = measure_leakage(rows, rows, resamples=500).headline.gap
    assert gap.value == 0 and gap.low < -0.005 and gap.high > 0.005


def test_without_tumour_slices_or_with_one_patient_what_is_not_known_is_none():
    one, several = slices(1, 3, 0.9, 0), slices(5, 3, 0.7, 1)
    gap = measure_leakage(one, several, resamples=100).headline
    assert gap.gap.value is not None and gap.gap.low is None and gap.slice.low is None and gap.patient.low is not None
    alone = several.assign(predicted_pixels=several["intersection"].where(several["patient"] == "P0", 0))
    alone = alone.assign(intersection=alone["predicted_pixels"])
    precision = measure_leakage(alone, several, resamples=100).others[-1]
    assert precision.name == "pixel_precision" and precision.slice.value == 1
    assert precision.slice.low is precision.gap.low is None, "only one patient bears on it"
    nothing = measure_leakage(several.iloc[:0], several, resamples=100).headline
    assert nothing.slice.value is nothing.gap.value is nothing.gap.low is None and nothing.slice.n == 0
