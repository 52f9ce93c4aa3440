from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from gliaflow.report import scores
from gliaflow.report.data import ReportData


def test_the_verdict_names_patients_dice_and_interval(whole: ReportData) -> None:
    assert scores.verdict(whole) == (
        "On 3 test patients the predicted and true tumour volumes overlap with a mean Dice of 0.800 "
        "(95 % interval 0.700 to 0.900)."
    )


def test_without_the_metric_the_headline_comes_from_the_patients(make) -> None:
    data = make(metrics=[])
    test = data.patients[data.patients["part"] == "test"]
    assert scores.headline(data) == scores.Headline(pytest.approx(test["dice"].mean()), None, None, 3)
    assert "interval" not in scores.verdict(data)


def test_without_test_patients_nothing_is_claimed(make, whole: ReportData) -> None:
    patients = whole.patients[whole.patients["part"] == "val"]
    assert scores.verdict(make(metrics=[], patients=patients)).startswith("No test patient could be scored")
    undefined = [{"name": scores.HEADLINE, "part": "test", "value": None, "low": None, "high": None, "n": 0}]
    assert scores.verdict(make(metrics=undefined)).startswith("No test patient could be scored")


def test_cautions_tell_a_leaky_protocol_few_patients_and_an_empty_val(make, whole: ReportData) -> None:
    assert scores.cautions(whole) == [scores.few_patients(3, "test patient")]
    many = [{**whole.metrics[1], "n": 12}]
    assert scores.cautions(make(metrics=many)) == []
    assert scores.cautions(make(metrics=many, protocol="slice"))[0].startswith("This split leaks.")
    leaks = pd.DataFrame({"kind": ["near", "near"]})
    said = scores.cautions(make(metrics=many, leaks=leaks))
    assert said == ["The leak audit found 2 leaks between the parts of the split."]
    emptied = whole.predictions.assign(
        true_pixels=whole.predictions["true_pixels"].where(whole.predictions["part"] == "test", 0)
    )
    assert scores.cautions(make(metrics=many, predictions=emptied))[0].startswith("No validation slice holds a tumour")


def test_a_cross_validation_is_said_to_be_one(crossed: ReportData) -> None:
    assert scores.verdict(crossed).startswith("Over 9 patients, each scored by a network that never saw it, the")
    few, members = scores.cautions(crossed)
    assert (
        few
        == scores.few_patients(9)
        == ("Only 9 patients: expect the figures to change much with other patients, by more than their intervals say.")
    )
    assert members.startswith("The figures are of 3 networks, one a fold. An ensemble of them was scored on no patient")
    blind = replace(crossed, folds=crossed.folds.assign(val_tumor_slices=[4, 0, 4]))
    assert scores.cautions(blind)[1].startswith("In 1 of 3 folds no validation slice holds a tumour (number 1), so")


def test_probabilities_far_off_are_cautioned_of(make, whole: ReportData) -> None:
    error = {"name": "tumor_ece", "part": "test", "value": 0.23, "low": None, "high": None, "n": 15}
    said = scores.cautions(make(metrics=[{**whole.metrics[1], "n": 12}, error]))
    assert said == ["Do not take the probability of a tumour at its word: on average it is off by 23 points."]


def test_the_glance_answers_only_what_is_known(make, whole: ReportData) -> None:
    answers = dict(scores.glance(whole))
    assert answers["How good"] == (
        "Median volume Dice 0.937, the worst patient 0.824; outlines at most 6.0 pixels apart for 95 % of their "
        "length, on average (HD95)."
    )
    assert answers["How sure"] == (
        "Tells slices with tumour from slices without with an AUROC of 0.950; when it commits itself it finds 100 % of "
        "the slices with tumour and clears 67 % of those without; says “unsure” of 20 % of the slices; its probability "
        "of a tumour is off by 7.2 points on average (ECE)."
    )
    assert list(dict(scores.glance(make(metrics=[])))) == ["How good", "On whom"]
    assert scores.glance(make(metrics=[], patients=whole.patients[:0], predictions=whole.predictions[:0])) == []


def test_the_operating_point_is_told_with_its_filter(make, crossed: ReportData) -> None:
    filtered, plain = scores.operating_words(make()), scores.operating_words(make(min_pixels=0))
    assert "at least 0.400 (102 of 255)" in filtered and "0.400 (102 of 255)" in plain
    assert "fewer than 20 pixels" in filtered and "Both were chosen" in filtered
    assert "pixels" not in plain.replace("A pixel", "") and "This threshold was chosen" in plain
    assert plain.endswith("the test patients had no part in it.")
    leaky = scores.operating_words(make(protocol="slice"))
    assert leaky.endswith("the test slices had no part in it.") and "patients" not in leaky
    assert "the threshold of its fold" in scores.operating_words(crossed)


def test_patients_are_listed_worst_first(whole: ReportData) -> None:
    table = scores.patient_table(whole, "test")
    assert [row["patient"] for row in table.rows] == ["P_7", "P_9", "P_8"]  # shifted by 3, 1 (and a false tumour) and 0
    assert table.rows[-1]["dice"] == 1.0


def test_slice_errors_are_counted_on_test_alone(whole: ReportData) -> None:
    said = scores.slice_errors(whole.predictions)
    assert said == "1 of 6 slices without tumour got a false one and in 0 of 9 slices with tumour nothing was marked."
    assert scores.slice_errors(whole.predictions.iloc[:0]) == "There are no test slices."


@pytest.mark.parametrize(
    ("true", "predicted", "wrong", "said"),
    [
        (100, 60, 80, "60 % of the tumour missed, 20 pixels marked beside it"),
        (0, 7, 7, "no tumour here, 7 pixels marked"),
        (0, 0, 0, "no tumour here, none marked"),
        (10, 0, 10, "100 % of the tumour missed, 0 pixels marked beside it"),
    ],
)
def test_what_went_wrong(true: int, predicted: int, wrong: int, said: str) -> None:
    assert scores.what_went_wrong(np.int64(true), np.int64(predicted), np.int64(wrong)) == said
