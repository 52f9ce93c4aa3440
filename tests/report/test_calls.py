from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from gliaflow.report import calls
from gliaflow.report.data import ReportData
from gliaflow.report.themes import LIGHT


def test_calls_are_counted_by_what_the_slices_hold(whole: ReportData) -> None:
    rows = {row["call"]: row for row in calls.call_table(whole).rows}
    assert list(rows) == ["tumour", "unsure", "no tumour"]
    assert rows["tumour"] == {
        "call": "tumour", "slices": 10, "share": 10 / 15, "tumor": 9, "empty": 1, "right": 0.9,
    }  # fmt: skip
    assert (rows["unsure"]["slices"], rows["unsure"]["tumor"], rows["no tumour"]["slices"]) == (3, 0, 2)
    assert calls.call_table(_without(whole, "call")).rows == []


def test_the_summary_tells_abstentions_and_what_the_other_calls_are_worth(make, whole: ReportData) -> None:
    assert calls.call_summary(whole) == (
        "It says “unsure” of 3 of 15 slices (20 %). Where it does answer, it is right in 100 % of the 9 slices with "
        "tumour, and in 67 % (95 % interval 25 to 100 %) of the 3 without. No slice with tumour is called “no tumour”."
    )
    wrong = whole.predictions.assign(call="empty")
    assert calls.call_summary(make(predictions=wrong, metrics=[])) == (
        "It says “unsure” of 0 of 15 slices (0 %). 9 slices with tumour are called “no tumour”."
    )
    unsure = whole.predictions.assign(call="unsure")
    assert calls.call_summary(make(predictions=unsure)) == "It says “unsure” of all 15 slices."
    unfitted = make(predictions=unsure, detection={**whole.detection, "sensitivity": None})
    assert calls.call_summary(unfitted).startswith("It says “unsure” of all 15 slices: its validation patients did not")
    assert calls.call_summary(_without(whole, "call")) == ""


def test_the_band_is_told_in_each_of_its_forms(detection: dict[str, Any]) -> None:
    facts = dict(calls.detection_facts(detection))
    assert facts["Calls"] == "“no tumour” below a probability of 0.080, “tumour” above 0.610, “unsure” between"
    assert facts["Asked of it"].startswith("to call no more than 5 % of the slices with tumour “no tumour”")
    assert facts["Fitted on"] == "3 validation patients, 15 slices, 9 of them with tumour"
    assert facts["To be expected"].startswith("93 % of the slices with tumour not called")
    never = dict(calls.detection_facts({**detection, "high": 1.0, "sensitivity_left_out": None}))
    assert "never “tumour”" in never["Calls"] and "To be expected" not in never
    assert "never has to say" in dict(calls.detection_facts({**detection, "high": 0.08}))["Calls"]
    assert calls.detection_facts({**detection, "sensitivity": None}) == calls.detection_facts(None) == []


def test_the_roc_curve_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    tumor = rng.random(300) < 0.3
    score = np.round(rng.random(300) + 0.3 * tumor, 1)  # many equal scores
    false, found = calls.roc_points(score, tumor)
    expected = roc_curve(tumor, score, drop_intermediate=False)
    np.testing.assert_allclose(false, expected[0])
    np.testing.assert_allclose(found, expected[1])
    assert np.trapezoid(found, false) == pytest.approx(roc_auc_score(tumor, score))


def test_both_ends_of_the_band_lie_where_the_calls_put_them(make, whole: ReportData) -> None:
    called = whole.predictions["call"].where(whole.predictions["slice"] != 4, "unsure")
    figure = calls.draw_roc(make(predictions=whole.predictions.assign(call=called)), LIGHT)
    points = {
        line.get_marker(): (float(line.get_xdata()[0]), float(line.get_ydata()[0]))
        for line in reversed(figure.axes[0].lines)  # each mark is in the key too, drawn after it
        if line.get_marker() != "None"
    }
    assert points["s"] == pytest.approx((1 / 6, 1.0))
    assert points["o"] == pytest.approx((1 / 6, 6 / 9))
    assert points["D"] == pytest.approx((4 / 6, 1.0))
    assert figure.texts[0].get_text() == "ROC curve, area 0.950 (0.900 to 0.990)"


def test_there_is_no_roc_curve_of_slices_of_one_kind(whole: ReportData) -> None:
    assert calls.has_roc(whole.predictions)
    assert not calls.has_roc(whole.predictions[whole.predictions["mask"] == 1])
    assert not calls.has_roc(whole.predictions.drop(columns="score"))


def test_bars_of_calls_have_the_slices_with_tumor_below(whole: ReportData) -> None:
    bars = [(bar.get_y(), bar.get_height()) for bar in calls.draw_calls(whole, LIGHT).axes[0].patches]
    assert bars == [(0, 9), (9, 1), (0, 0), (0, 3), (0, 0), (0, 2)]


def _without(data: ReportData, column: str) -> ReportData:
    frame: pd.DataFrame = data.predictions.drop(columns=column)
    return replace(data, predictions=frame)
