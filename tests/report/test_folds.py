import numpy as np
import pandas as pd

from gliaflow.report import folds
from gliaflow.report.data import ReportData
from gliaflow.report.themes import DARK, LIGHT


def test_each_fold_is_a_row_with_its_operating_point_and_epochs(crossed: ReportData) -> None:
    table = folds.fold_table(crossed)
    assert [column.label for column in table.columns] == [
        "Fold", "Tested", "Slices", "Trained on", "Chosen by", "Mean Dice", "Median", "Tumour slices", "Epochs",
        "Threshold", "Least px",
    ]  # fmt: skip
    assert [(row["fold"], row["epochs"], row["threshold"]) for row in table.rows] == [
        (0, 5, 102 / 255), (1, 5, 103 / 255), (2, 5, 104 / 255),
    ]  # fmt: skip


def test_folds_that_test_one_site_each_bear_its_name() -> None:
    table = pd.DataFrame({"fold": [0, 1], "site": ["CS", "DU"]})
    assert folds.fold_names(table) == {0: "CS", 1: "DU"}
    assert folds.fold_names(table.assign(site=["CS", None])) == {0: "0", 1: "1"}
    assert folds.fold_names(table.assign(site="CS")) == {0: "0", 1: "1"}


def test_every_patient_has_a_dot_in_its_fold_and_every_fold_its_mean(crossed: ReportData) -> None:
    axes = folds.draw_fold_dice(crossed.patients, folds.fold_names(crossed.folds), LIGHT).axes[0]
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    for fold, line in enumerate(dots):
        own = crossed.patients.loc[crossed.patients["fold"] == fold, "dice"]
        np.testing.assert_allclose(line.get_ydata(), sorted(own))
        assert np.abs(line.get_xdata() - fold).max() < 0.3
    means = [line.get_ydata()[0] for line in axes.lines if line.get_marker() != "o"]
    np.testing.assert_allclose(means, crossed.folds["dice_mean"])


def test_all_folds_learn_in_one_chart_with_a_dot_at_the_epoch_kept(crossed: ReportData) -> None:
    figure = folds.draw_fold_learning(crossed.history, "dice", crossed.recipe, LIGHT)
    lines = figure.axes[0].lines
    assert len(lines) == 3 * 3  # training, validation, dot
    np.testing.assert_allclose(lines[4].get_ydata(), crossed.history.loc[crossed.history["fold"] == 1, "val_dice"])
    assert [line.get_xdata()[0] for line in lines[2::3]] == [4, 4, 4]
    assert {"fold 0", "1", "2"} <= {text.get_text() for text in figure.texts}


def test_many_folds_are_drawn_alike_without_a_key(crossed: ReportData) -> None:
    one = crossed.history[crossed.history["fold"] == 0]
    history = pd.concat([one.assign(fold=fold) for fold in range(22)])
    figure = folds.draw_fold_learning(history, "loss", {}, DARK)
    assert {line.get_color() for line in figure.axes[0].lines} == {DARK.soft}
    assert len(figure.texts) == 1
