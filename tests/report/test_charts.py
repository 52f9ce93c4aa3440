from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from gliaflow.report import charts, curves, marks
from gliaflow.report.canvas import drawable, png
from gliaflow.report.data import ReportData
from gliaflow.report.themes import DARK, LIGHT


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in [*figure.texts, *(text for axes in figure.axes for text in axes.texts)]]


def test_balance_has_a_bar_for_each_class(whole: ReportData) -> None:
    figure = charts.draw_balance(whole.labels, LIGHT)
    assert [bar.get_height() for bar in figure.axes[0].patches] == [18, 27]
    assert "27 (60 %)" in texts(figure)


def test_sites_are_stacked_with_tumor_below(whole: ReportData) -> None:
    figure = charts.draw_sites(whole.labels, LIGHT)
    assert [bar.get_height() for bar in figure.axes[0].patches] == [18, 9, 12, 6]
    assert [bar.get_y() for bar in figure.axes[0].patches] == [0, 0, 18, 9]


def test_many_sites_are_drawn_as_other_and_keep_their_order() -> None:
    sites = pd.Series([name for i, name in enumerate("HGFEDCBA", start=1) for _ in range(i)])
    assert marks.site_order(sites) == ["A", "B", "C", "D", "E", "other"]
    assert marks.group_sites(sites).value_counts()["other"] == 1 + 2 + 3
    assert marks.site_look("other", marks.site_order(sites), LIGHT) == (LIGHT.series[5], "P")


def test_patients_are_drawn_best_first_filled_for_test_and_hollow_for_val(whole: ReportData) -> None:
    figure = marks.draw_patients(whole.patients, 0.8, 0.7, 0.9, LIGHT)
    names = [text for text in texts(figure) if text.startswith("P_")]
    assert names[:3] == ["P_8", "P_9", "P_7"] and set(names[3:]) == {"P_4", "P_5", "P_6"}
    drawn = {
        (float(dice), line.get_markerfacecolor() == LIGHT.paper)
        for line in figure.axes[0].lines
        if line.get_marker() != "None"
        for dice in line.get_xdata()
    }
    assert drawn == set(zip(whole.patients["dice"], whole.patients["part"] == "val", strict=True))


def test_a_thousand_patients_stay_readable(whole: ReportData) -> None:
    rows = pd.DataFrame(
        {"patient": [f"Q_{i}" for i in range(1000)], "site": "CS", "part": "test", "dice": np.linspace(0, 1, 1000)}
    )
    figure = marks.draw_patients(rows, 0.5, None, None, LIGHT)
    assert figure.get_size_inches()[1] < 10
    assert not any(text.startswith("Q_") for text in texts(figure))


def test_sizes_leave_out_patients_without_tumor(whole: ReportData) -> None:
    patients = whole.patients.assign(
        true_pixels=whole.patients["true_pixels"].where(whole.patients["patient"] != "P_7", 0)
    )
    drawn = sorted(size for line in marks.draw_sizes(patients, LIGHT).axes[0].lines for size in line.get_xdata())
    assert drawn == sorted(set(patients["true_pixels"]) - {0})
    assert len(marks.draw_sizes(patients.assign(true_pixels=0), LIGHT).axes[0].lines) == 0


@pytest.mark.parametrize(("monitor", "best"), [("val_loss", 3), ("val_dice", 4), (None, 3), ("val_auc", None)])
def test_the_best_epoch_follows_the_recipe(whole: ReportData, monitor: str | None, best: int | None) -> None:
    assert curves.best_epoch(whole.history, {"monitor": monitor}) == best


def test_the_best_epoch_is_the_first_of_equals_and_none_without_values(whole: ReportData) -> None:
    assert curves.best_epoch(whole.history.assign(val_loss=[3, 1, 1, np.nan, 2]), {}) == 2
    assert curves.best_epoch(whole.history.assign(val_loss=np.nan), {}) is None
    assert curves.best_epoch(whole.history.iloc[:0], {}) is None


def test_learning_curves_hold_both_lines_the_best_epoch_and_the_rate(whole: ReportData) -> None:
    figure = curves.draw_learning(whole.history, "loss", 4, LIGHT)
    above, below = figure.axes
    np.testing.assert_array_equal(above.lines[0].get_ydata(), whole.history["loss"])
    np.testing.assert_array_equal(above.lines[1].get_ydata(), whole.history["val_loss"])
    assert list(above.lines[2].get_xdata()) == [4, 4]
    np.testing.assert_array_equal(below.lines[0].get_ydata(), whole.history["learning_rate"])
    assert "best: epoch 4" in texts(figure)


@pytest.mark.parametrize(
    "change", [{}, {"loss": np.nan, "val_loss": np.nan}, {"learning_rate": np.nan}, {"loss": -1.0}]
)
def test_odd_histories_are_drawn(whole: ReportData, change: dict[str, Any]) -> None:
    for history in (whole.history.assign(**change), whole.history.head(1).assign(**change)):
        for measure in ("loss", "dice"):
            assert png(curves.draw_learning(history, measure, None, DARK)).startswith(b"\x89PNG")


def test_the_chosen_threshold_is_marked_on_its_curve() -> None:
    axes = curves.draw_thresholds(list(np.linspace(0.2, 0.8, 255)), 51, LIGHT).axes[0]
    assert axes.lines[2].get_xdata()[0] == pytest.approx(0.2)
    assert axes.lines[2].get_ydata()[0] == pytest.approx(0.2 + 0.6 * 50 / 254)


def test_text_that_the_font_lacks_is_replaced_and_formulas_stay_text(whole: ReportData) -> None:
    assert drawable("Zoë $x$ 患者\n") == "Zoë $x$ □□□"
    assert drawable("a" * 20 + "b" * 20) == "a" * 13 + "…" + "b" * 12
    odd = whole.patients.assign(patient="$\\frac{患$", site="$x$")
    assert png(marks.draw_patients(odd, None, None, None, LIGHT)).startswith(b"\x89PNG")
    assert png(marks.draw_sizes(odd, LIGHT)).startswith(b"\x89PNG")


def test_png_names_no_software_and_no_date(whole: ReportData) -> None:
    first, again = (png(charts.draw_balance(whole.labels, LIGHT)) for _ in range(2))
    assert first == again
    assert b"tEXt" not in first and b"tIME" not in first and b"iTXt" not in first
