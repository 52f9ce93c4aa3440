"""Charts of the cohort: class balance, and slices by site."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from gliaflow.report.canvas import SMALL, Count, add_axes, new_figure, title, write
from gliaflow.report.marks import group_sites, site_order
from gliaflow.report.themes import Theme


def draw_balance(labels: pd.DataFrame, theme: Theme) -> Figure:
    """How many slices have a tumour and how many don't, as two bars."""
    tumor = int(labels["has_tumor"].astype(bool).sum())
    counts = [len(labels) - tumor, tumor]
    figure = new_figure(theme, 2.3)
    axes = add_axes(figure, theme, left=0.5, bottom=0.28, right=0.1, top=0.38)
    axes.bar([0, 1], counts, width=0.56, color=[theme.series[6], theme.series[1]])
    for x, count in enumerate(counts):
        share = f" ({100 * count / len(labels):.0f} %)" if len(labels) else ""
        write(axes, x, count, f"{count:,}{share}", theme.ink, ha="center", va="bottom")
    axes.set_xlim(-0.6, 1.6)
    axes.set_ylim(0, max([*counts, 1]) * 1.12)
    axes.xaxis.set_major_locator(FixedLocator([0, 1]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: ("without tumour", "with tumour")[int(x)]))
    _count_axis(axes)
    title(figure, theme, "Slices with and without tumour")
    return figure


def draw_sites(labels: pd.DataFrame, theme: Theme) -> Figure:
    """Slices without and with tumour, stacked, one bar a site."""
    named = group_sites(labels["site"])
    sites = site_order(labels["site"])
    tumor = labels["has_tumor"].astype(bool)
    totals = [int((named == site).sum()) for site in sites]
    withs = [int((tumor & (named == site)).sum()) for site in sites]
    patients = [labels.loc[named == site, "patient"].nunique() for site in sites]
    figure = new_figure(theme, 2.3)
    axes = add_axes(figure, theme, left=0.5, bottom=0.42, right=0.1, top=0.38)
    x = np.arange(len(sites))
    axes.bar(x, withs, width=0.6, color=theme.series[1])
    axes.bar(x, np.subtract(totals, withs), bottom=withs, width=0.6, color=theme.series[6])
    for at, total in enumerate(totals):
        write(axes, at, total, f"{total:,}", theme.ink, ha="center", va="bottom")
    below = axes.get_xaxis_transform()
    for at, (site, count) in enumerate(zip(sites, patients, strict=True)):
        write(axes, at, -0.04, site[:10], theme.ink, ha="center", va="top", transform=below)
        write(axes, at, -0.135, f"{count:,} pat.", theme.soft, size=SMALL, ha="center", va="top", transform=below)
    axes.set_xlim(-0.6, max(len(sites), 2) - 0.4)
    axes.set_ylim(0, max([*totals, 1]) * 1.12)
    axes.xaxis.set_major_locator(NullLocator())
    _count_axis(axes)
    title(figure, theme, "Slices by site")
    return figure


def _count_axis(axes: Axes) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_formatter(Count)
