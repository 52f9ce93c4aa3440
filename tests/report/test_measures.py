import pytest

from gliaflow.report import measures
from gliaflow.report.data import ReportData


def test_metrics_stand_in_groups_headline_first_and_accuracy_last_with_val_beside_test(whole: ReportData) -> None:
    table = measures.metric_table(whole)
    assert [row["metric"] for row in table.rows] == [
        "Volume Dice, mean", "Hausdorff distance (HD95), mean", "AUROC of the slice score", "Sensitivity of the call",
        "Specificity of the call", "Share of slices called “unsure”", "Calibration error (ECE), slices",
        "Calibration error (ECE), pixels", "Specificity", "Pixel accuracy",
    ]  # fmt: skip
    assert [(group.split()[0], len(rows)) for group, rows in measures.grouped(table)] == [
        ("Overlap", 1), ("How", 1), ("Is", 4), ("How", 2), ("Other", 1), ("Pixel", 1),
    ]  # fmt: skip
    first, distance, *_, unknown, _ = table.rows
    assert (first["test"], first["interval"], first["n"], first["unit"]) == (0.8, "0.700 to 0.900", 3, "patients")
    assert (first["val"], first["val_interval"]) == (0.75, "0.600 to 0.850")
    assert first["about"] == "Dice of <all> slices pooled"
    assert (distance["test_text"], distance["interval"], distance["unit"]) == ("6.0 px", "4.1 to 9.0 px", "slices")
    assert (unknown["test"], unknown["test_text"], unknown["interval"], unknown["val"]) == (None, "–", "–", None)


def test_without_val_the_table_has_no_columns_for_it(crossed: ReportData) -> None:
    table = measures.metric_table(crossed)
    assert [column.label for column in table.columns] == [
        "Group", "Metric", "Out of fold", "95 % interval", "n", "Unit", "Definition",
    ]  # fmt: skip
    assert table.caption == "Metrics on out-of-fold patients."


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (0.87651, "score", "0.877"), (6.04, "pixels", "6.0 px"), (0.00312, "fine", "0.0031"),
        (0.002, "fine", "0.0020"),
        (0.31234, "fine", "0.312"), (0.0, "fine", "0.000"), (None, "pixels", "–"), (float("nan"), "score", "–"),
    ],
)  # fmt: skip
def test_figures_are_written_in_their_units(value: float | None, kind: str, text: str) -> None:
    assert measures.written(value, kind) == text


def test_names_in_words() -> None:
    named = {"some_dice_mean": "Some Dice mean", "iou": "IoU", "slice-auroc": "Slice AUROC", "tumor_x": "Tumour x"}
    assert {name: measures.in_words(name) for name in named} == named


def test_idle_accuracy_is_the_share_of_pixels_without_tumor(whole: ReportData) -> None:
    test = whole.predictions[whole.predictions["part"] == "test"]
    expected = 1 - 3 * (17**2 + 18**2 + 19**2) / (15 * 64 * 64)  # three squares a patient
    assert measures.idle_accuracy(test) == pytest.approx(expected)
    assert measures.idle_accuracy(test.iloc[:0]) is None
