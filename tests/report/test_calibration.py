import numpy as np
import pytest

from gliaflow.report import calibration
from gliaflow.report.data import ReportData
from gliaflow.report.themes import LIGHT


def test_a_row_a_bin_says_what_was_said_and_what_was_so(whole: ReportData) -> None:
    table = calibration.curve_table(whole, "slices")
    assert [(row["bin"], row["n"]) for row in table.rows] == [("0.0 to 0.1", 3), ("0.2 to 0.3", 2), ("0.8 to 0.9", 10)]
    last = table.rows[-1]
    assert (last["predicted"], last["observed"]) == (pytest.approx(0.85), 0.9)
    assert last["range"] == "0.750 to 1.000"  # P_9 has the one false tumour: 3 of 4 where it alone is drawn
    assert table.caption == "Reliability of “this slice has tumour”, test slices."


def test_pixels_are_binned_by_level(whole: ReportData) -> None:
    low, high = calibration.curve_table(whole, "pixels").rows
    test = whole.predictions[whole.predictions["part"] == "test"]
    marked, right = test["predicted_pixels"].sum(), test["intersection"].sum()
    assert (high["n"], high["predicted"], high["observed"]) == (
        marked,
        pytest.approx(0.8),
        pytest.approx(right / marked),
    )
    assert low["n"] == test["pixels"].sum() - marked and low["predicted"] == pytest.approx(5 / 255)


def test_runs_that_did_not_measure_it_have_no_curve(make, whole: ReportData) -> None:
    data = make(predictions=whole.predictions.drop(columns="score"), confidence=None)
    assert [calibration.curve_table(data, unit).rows for unit in calibration.UNITS] == [[], []]


def test_the_error_stands_beside_its_curve_in_the_digits_that_it_needs(make, whole: ReportData) -> None:
    assert calibration.error_of(whole, "slices") == "ECE 0.072 (0.050 to 0.110)"
    assert calibration.error_of(whole, "pixels") == "ECE 0.0031 (0.0020 to 0.0050)"
    assert calibration.error_of(make(metrics=[]), "pixels") == ""


def test_the_chart_has_a_dot_and_a_bar_for_every_bin(whole: ReportData) -> None:
    curve = calibration.curve_of(whole, "slices")
    above, below = calibration.draw_reliability(curve, "slices", "ECE 0.072", LIGHT).axes
    dots = next(line for line in above.lines if line.get_marker() == "o")
    np.testing.assert_allclose(dots.get_xdata(), curve["predicted"])
    np.testing.assert_allclose(dots.get_ydata(), curve["observed"])
    assert [bar.get_height() for bar in below.patches] == [3, 2, 10]
    assert "ECE 0.072" in [text.get_text() for text in above.texts]


def test_bins_of_one_patient_are_drawn_without_interval(whole: ReportData) -> None:
    curve = calibration.curve_of(whole, "slices").assign(observed_low=np.nan, observed_high=np.nan)
    above, _ = calibration.draw_reliability(curve, "slices", "", LIGHT).axes
    assert [len(segment) for bars in above.collections for segment in bars.get_segments()] == [0, 0, 0]
    assert len(above.lines[-1].get_xdata()) == 3
