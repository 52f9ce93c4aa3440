"""Charts of drift: a measure of each patient in the order in which they came, over what a model's own patients have."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from gliaflow.evaluation.drift import BAND
from gliaflow.report.canvas import SMALL, Count, Decimal, add_axes, label, new_figure, title, write
from gliaflow.report.themes import Theme

HEIGHT = 2.2


def draw_arrivals(
    arrivals: pd.DataFrame, references: Mapping[str, pd.DataFrame], measure: str, name: str, theme: Theme
) -> Figure:
    """`measure` of each of `arrivals`, filled where the patient got a warning, hollow where not.

    Behind each model's patients lies the band from the 5th to the 95th percentile of its own (`references`, by model),
    with their median as a line.
    """
    figure = new_figure(theme, HEIGHT)
    axes = add_axes(figure, theme, left=0.5, bottom=0.4, right=0.12, top=0.42)
    places = np.arange(1, len(arrivals) + 1)
    models = arrivals["model"].to_numpy()
    for first, last in _stretches(models):
        known = references[models[first]][measure].dropna() if models[first] in references else pd.Series(dtype=float)
        if len(known):
            low, middle, high = np.quantile(known.to_numpy(dtype="float64"), [BAND[0], 0.5, BAND[1]])
            span = [first + 0.5, last + 1.5]
            axes.fill_between(span, low, high, color=theme.line, alpha=0.55, linewidth=0, zorder=1)
            axes.plot(span, [middle, middle], color=theme.soft, linewidth=0.9, zorder=2)
        if first:
            axes.axvline(first + 0.5, color=theme.soft, linewidth=0.7, linestyle=(0, (3, 2)))
        if len(set(models)) > 1:
            above = axes.get_xaxis_transform()
            write(axes, first + 0.6, 1.0, models[first], theme.soft, size=SMALL, va="bottom", transform=above)
    warned = (arrivals["warnings"] != "").to_numpy()
    for rows, face in ((~warned, theme.paper), (warned, theme.series[1])):
        axes.plot(
            places[rows], arrivals[measure].to_numpy(dtype="float64")[rows], "o",
            color=theme.series[1] if face != theme.paper else theme.series[0], markerfacecolor=face,
            markersize=4.0, zorder=3, clip_on=False,
        )  # fmt: skip
    axes.set_xlim(0.5, len(arrivals) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    axes.xaxis.set_major_formatter(Count)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(Decimal)
    label(axes, theme, x="patients, in the order in which they came")
    title(figure, theme, name)
    return figure


def _stretches(models: np.ndarray) -> list[tuple[int, int]]:
    """First and last place of each run of equal models."""
    starts = [0, *(np.flatnonzero(models[1:] != models[:-1]) + 1), len(models)]
    return [(int(first), int(after) - 1) for first, after in zip(starts, starts[1:], strict=False)]
