"""Can its probabilities be taken at their word? Reliability curves of slices and of pixels, as tables and charts."""

from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from gliaflow.evaluation.reliability import pixel_reliability, slice_reliability
from gliaflow.report.canvas import SMALL, Decimal, add_axes, label, new_figure, title, write
from gliaflow.report.data import ReportData
from gliaflow.report.measures import interval_of, measure_of, written
from gliaflow.report.tables import MISSING, Column, Table, interval, rows_of
from gliaflow.report.themes import Theme

Unit = Literal["slices", "pixels"]
UNITS: tuple[Unit, ...] = ("slices", "pixels")
WORDS = {"slices": "“this slice has tumour”", "pixels": "“this pixel is tumour”"}
HEIGHT = 4.1
STRIP = 0.75  # inches, of the bars below


def curve_of(data: ReportData, unit: Unit) -> pd.DataFrame:
    """The reliability curve on test, one row a bin that holds something; empty where the run did not measure it."""
    if unit == "pixels":
        if data.confidence is None:
            return pd.DataFrame(columns=["n"])
        curve = pixel_reliability(data.confidence, "test")
    else:
        if "score" not in data.predictions:  # earlier runs have the greatest probability there, which is no such claim
            return pd.DataFrame(columns=["n"])
        curve = slice_reliability(data.predictions, "test")
    return curve[curve["n"] > 0].reset_index(drop=True)


def curve_table(data: ReportData, unit: Unit) -> Table:
    """One row a bin: how many, what was said and what was so."""
    rows = [
        {
            **row,
            "bin": f"{row['low']:.1f} to {row['high']:.1f}",
            "range": interval(row["observed_low"], row["observed_high"]),
        }
        for row in rows_of(curve_of(data, unit))
    ]
    columns = [
        Column("bin", "Probability"),
        Column("n", unit.capitalize(), "count"),
        Column("predicted", "Mean probability", "score"),
        Column("observed", "Share with tumour", "score"),
        Column("range", "95 % interval"),
    ]
    return Table(f"reliability-{unit}", f"Reliability of {WORDS[unit]}, {data.scored} {unit}.", columns, rows)


def error_of(data: ReportData, unit: Unit) -> str:
    """`ECE 0.031 (0.020 to 0.050)`; nothing where it is not known."""
    name = {"slices": "tumor_ece", "pixels": "pixel_ece"}[unit]
    error, kind = data.metric(name), measure_of(name).kind
    if error is None:
        return ""
    range_ = interval_of(error, kind)
    return f"ECE {written(error['value'], kind)}" + ("" if range_ == MISSING else f" ({range_})")


def draw_reliability(curve: pd.DataFrame, unit: Unit, error: str, theme: Theme) -> Figure:
    """Share of tumour against probability with 95 % intervals, on the diagonal of honesty; below, how many a bin.

    `error` is the calibration error as text, empty where it is not known.
    """
    figure = new_figure(theme, HEIGHT)
    axes = add_axes(figure, theme, left=0.56, bottom=0.5 + STRIP, right=0.14, top=0.56)
    axes.plot([0, 1], [0, 1], color=theme.soft, linewidth=0.8, linestyle=(0, (3, 2)))
    said, so = curve["predicted"].to_numpy(), curve["observed"].to_numpy()
    spread = np.abs(np.stack([so - curve["observed_low"], curve["observed_high"] - so]).astype(float))
    color = theme.series[0]
    axes.errorbar(said, so, yerr=spread, fmt="none", ecolor=color, elinewidth=1, capsize=2, zorder=3)
    axes.plot(said, so, "o-", color=color, linewidth=1.2, markersize=4, clip_on=False, zorder=4)
    write(axes, 0, 1.03, error, theme.ink, size=SMALL, most=50, va="bottom")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.xaxis.set_major_locator(NullLocator())
    axes.yaxis.set_major_formatter(Decimal)
    label(axes, theme, y="share with tumour")
    _draw_counts(figure, curve, unit, theme)
    title(figure, theme, f"Reliability of {WORDS[unit]}")
    return figure


def _draw_counts(figure: Figure, curve: pd.DataFrame, unit: Unit, theme: Theme) -> None:
    """How many slices or pixels each bin holds, on a logarithmic axis."""
    axes: Axes = add_axes(figure, theme, left=0.56, bottom=0.38, right=0.14, top=HEIGHT - 0.38 - STRIP + 0.12)
    middle = (curve["low"] + curve["high"]) / 2
    axes.bar(middle, curve["n"], width=0.08, color=theme.series[6], bottom=0.5)
    axes.set_yscale("log")
    axes.set_ylim(0.5, max(float(curve["n"].max()), 1) * 3)
    axes.set_xlim(0, 1)
    axes.yaxis.set_major_locator(LogLocator(numticks=4))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _rounded(value)))
    axes.xaxis.set_major_locator(FixedLocator([0, 0.2, 0.4, 0.6, 0.8, 1]))
    axes.xaxis.set_major_formatter(Decimal)
    label(axes, theme, x="probability that the network gives", y=unit)


def _rounded(count: float) -> str:
    """`1,000` as `1k`, a million as `1M`."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.0f}{letter}"
    return f"{count:.0f}"
