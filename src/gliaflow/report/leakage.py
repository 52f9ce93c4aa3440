"""The leakage meter: how much better the same recipe looks when slices of one patient may stand on both sides."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from gliaflow.report.canvas import SMALL, add_axes, label, new_figure, scale_shares, title, write
from gliaflow.report.measures import interval_of, measure_of
from gliaflow.report.tables import MISSING, Column, Table, absent, sentence
from gliaflow.report.themes import Theme

ROW = 0.42  # inches a figure takes in the chart
SIDES = {"slice": "slices dealt at random (leaks)", "patient": "patients kept whole"}


def in_words(leakage: Mapping[str, Any] | None) -> str:
    """What the gap means, in a few plain sentences; nothing without a meter."""
    if not leakage:
        return ""
    values = [leakage[side]["value"] for side in ("slice", "patient", "gap")]
    if any(absent(value) for value in values):
        return "The leakage meter has no figure: one of its two protocols tested no slice with tumour."
    leaky, honest, gap = values
    told = (
        f"Trained by the same recipe, the network seems to reach a Dice of {leaky:.3f} on slices with tumour when "
        f"other slices of the same patients are trained on; on patients that it never saw it reaches {honest:.3f}."
    )
    low, high = leakage["gap"].get("low"), leakage["gap"].get("high")
    range_ = "" if absent(low) or absent(high) else f" (95 % interval {low:.3f} to {high:.3f})"
    if not range_:
        meaning = f"There are too few patients to say whether the gap of {gap:.3f} is more than chance"
    elif low > 0:
        meaning = (
            f"The gap of {gap:.3f}{range_} is what that way of testing adds: "
            "such a figure promises what no new patient gets"
        )
    elif high < 0:
        meaning = f"The gap of {gap:.3f}{range_} goes the other way: here leaking does not flatter"
    else:
        meaning = f"The gap of {gap:.3f}{range_} may be chance"
    return f"{told} {meaning}."


def leakage_table(leakage: Mapping[str, Any] | None) -> Table:
    """One row a figure: under both protocols, and the gap between, each with its interval."""
    rows = [
        {
            "figure": measure_of(gap["name"]).words,
            "about": gap.get("about"),
            "slice": _said(gap["slice"]),
            "patient": _said(gap["patient"]),
            "gap": _said(gap["gap"]),
            "n": f"{gap['slice']['n']:,} and {gap['patient']['n']:,}",
        }
        for gap in _figures(leakage)
    ]
    columns = [
        Column("figure", "Test slices with tumour"),
        Column("slice", sentence(SIDES["slice"])[:-1]),
        Column("patient", sentence(SIDES["patient"])[:-1]),
        Column("gap", "Gap"),
        Column("n", "Slices"),
    ]
    caption = "The same recipe under both protocols, with 95 % intervals over patients."
    return Table("leakage", caption, columns, rows)


def draw_leakage(leakage: Mapping[str, Any], theme: Theme) -> Figure:
    """Each figure under both protocols, as two marks with their intervals on one line."""
    figures = _figures(leakage)
    figure = new_figure(theme, 1.0 + ROW * len(figures))
    axes = add_axes(figure, theme, left=1.15, bottom=0.38, right=0.14, top=0.58)
    axes.grid(visible=False)
    axes.grid(visible=True, axis="x", color=theme.line, linewidth=0.5)
    looks = {"slice": (theme.series[1], "s", 0.14), "patient": (theme.series[0], "o", -0.14)}
    for at, gap in enumerate(figures):
        name = measure_of(gap["name"]).words.split(",")[0]
        write(axes, -0.03, -at, name, theme.ink, size=SMALL, ha="right", va="center")
        for side, (color, marker, shift) in looks.items():
            value, low, high = (gap[side].get(name) for name in ("value", "low", "high"))
            if absent(value):
                continue
            if not absent(low):
                axes.plot([low, high], [-at + shift] * 2, color=color, linewidth=1)
            axes.plot(value, -at + shift, marker, color=color, markersize=4.5, clip_on=False, zorder=4)
    for at, (side, (color, marker, _)) in enumerate(looks.items()):
        x = (-0.45, 0.45)[at]
        axes.plot(x, 0.95, marker, color=color, markersize=4.5, clip_on=False)
        write(axes, x + 0.03, 0.94, SIDES[side], theme.ink, size=SMALL, most=40, va="center")
    axes.set_ylim(-len(figures) + 0.4, 0.6)
    scale_shares(axes)
    label(axes, theme, x="on test slices with tumour")
    title(figure, theme, "What dealing slices at random adds")
    return figure


def _figures(leakage: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """The headline, then the other figures."""
    return [leakage, *leakage.get("others", [])] if leakage else []


def _said(estimate: Mapping[str, Any]) -> str:
    """`0.912 (0.900 to 0.931)`."""
    if absent(estimate.get("value")):
        return MISSING
    range_ = interval_of(estimate)
    return f"{estimate['value']:.3f}" + ("" if range_ == MISSING else f" ({range_})")
