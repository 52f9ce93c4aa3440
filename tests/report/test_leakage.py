from typing import Any

import pytest

from gliaflow.report import leakage
from gliaflow.report.themes import LIGHT


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.07, 0.16, "The gap of 0.111 (95 % interval 0.070 to 0.160) is what that way of testing adds"),
        (-0.02, 0.16, "The gap of 0.111 (95 % interval -0.020 to 0.160) may be chance."),
        (-0.3, -0.1, "goes the other way: here leaking does not flatter."),
        (None, None, "too few patients to say whether the gap of 0.111 is more than chance."),
    ],
)
def test_the_gap_is_told_for_what_its_interval_allows(
    low: float | None, high: float | None, said: str, meter: dict[str, Any]
) -> None:
    words = leakage.in_words({**meter, "gap": {"value": 0.111, "low": low, "high": high, "n": 95}})
    assert words.startswith("Trained by the same recipe, the network seems to reach a Dice of 0.912 on slices")
    assert "on patients that it never saw it reaches 0.801." in words and said in words


def test_without_a_figure_on_one_side_none_is_told(meter: dict[str, Any]) -> None:
    nothing = {"value": None, "low": None, "high": None, "n": 0}
    assert leakage.in_words({**meter, "patient": nothing, "gap": nothing}).startswith("The leakage meter has no")
    assert leakage.in_words(None) == "" and leakage.leakage_table(None).rows == []


def test_both_protocols_and_the_gap_stand_in_a_row(meter: dict[str, Any]) -> None:
    headline, other = leakage.leakage_table(meter).plain()
    assert headline == {
        "figure": "Slice Dice, slices with tumour", "slice": "0.912 (0.900 to 0.931)",
        "patient": "0.801 (0.750 to 0.840)", "gap": "0.111 (0.070 to 0.160)", "n": "50 and 45",
    }  # fmt: skip
    assert (other["slice"], other["patient"], other["gap"]) == ("0.900", "–", "–")


def test_the_chart_marks_what_is_known_of_each_figure(meter: dict[str, Any]) -> None:
    axes = leakage.draw_leakage(meter, LIGHT).axes[0]
    marks = [
        float(line.get_xdata()[0]) for line in axes.lines if line.get_marker() in "so" and line.get_ydata()[0] < 0.5
    ]
    assert marks == [0.912, 0.801, 0.9]
    spans = [tuple(line.get_xdata()) for line in axes.lines if line.get_marker() == "None"]
    assert spans == [(0.9, 0.931), (0.75, 0.84)]
