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
    assert scores.cautions(whole) == ["Only 3 test patients: expect the figures to change much with other patients."]
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


def test_metric_table_has_val_beside_test_headline_first_and_accuracy_last(whole: ReportData) -> None:
    rows = scores.metric_table(whole).rows
    assert [row["metric"] for row in rows] == ["Volume Dice, mean", "Specificity", "Pixel accuracy"]
    first = rows[0]
    assert (first["test"], first["interval"], first["n"], first["unit"]) == (0.8, "0.700 to 0.900", 3, "patients")
    assert (first["val"], first["val_interval"], first["about"]) == (
        0.75,
        "0.600 to 0.850",
        "Dice of <all> slices pooled",
    )
    assert (rows[1]["test"], rows[1]["interval"], rows[1]["val"]) == (None, "–", None)


def test_names_in_words() -> None:
    named = {
        "volume_dice_median": "Volume Dice, median",
        "slice_dice_tumor": "Slice Dice, with tumour",
        "slice_dice_all": "Slice Dice, all slices",
        "tumor_sensitivity": "Tumour sensitivity",
        "iou": "IoU",
        "mean": "Mean",
        "slice-auroc": "Slice AUROC",
    }
    assert {name: scores.in_words(name) for name in named} == named


def test_idle_accuracy_is_the_share_of_pixels_without_tumor(whole: ReportData) -> None:
    test = whole.predictions[whole.predictions["part"] == "test"]
    expected = 1 - 3 * (17**2 + 18**2 + 19**2) / (15 * 64 * 64)  # three squares a patient
    assert scores.idle_accuracy(test) == pytest.approx(expected)
    assert scores.idle_accuracy(test.iloc[:0]) is None


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
