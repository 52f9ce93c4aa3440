"""Charts of the patients' scores: a mark each, its colour and shape the site, filled for test and hollow for val."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from gliaflow.report.canvas import SMALL, Count, Decimal, add_axes, label, new_figure, scale_shares, title, write
from gliaflow.report.themes import MARKERS, Theme

MOST_SITES = 6  # more are drawn together, as "other"
MOST_NAMED = 150  # patients; beyond that their names would not be read
HEADINGS = {"test": "test", "val": "validation"}
LEGEND_ROW = 0.17  # inches


def draw_patients(
    patients: pd.DataFrame, mean: float | None, low: float | None, high: float | None, theme: Theme
) -> Figure:
    """Volume Dice of each test patient and, below, of each val patient, the best at the top; one part has no heading.

    `mean`, `low` and `high` are of the test patients; the mean is a line through them, the interval a band.
    """
    rows = _lay_out(patients)
    named = len(rows) <= MOST_NAMED
    height = max(-rows["y"].min() + 1, 6) * 0.145 if named else 7.0
    sites = site_order(patients["site"])
    below = 0.36 + LEGEND_ROW * _legend_rows(sites)
    figure = new_figure(theme, height + 0.3 + below)
    axes = add_axes(figure, theme, left=1.42 if named else 0.3, bottom=below, right=0.15, top=0.3)
    axes.grid(visible=False)
    axes.grid(visible=True, axis="x", color=theme.line, linewidth=0.5)
    axes.hlines(rows["y"], 0, rows["dice"], color=theme.line, linewidth=0.7, zorder=1)
    _draw_marks(axes, rows, "dice", "y", sites, theme)
    if named:
        for name, y in zip(rows["patient"], rows["y"], strict=True):
            write(axes, -0.045, y, str(name), theme.soft, size=SMALL * 0.9, ha="right", va="center")
    for part, own in rows.groupby("part"):
        top, bottom = own["y"].max() + 0.5, own["y"].min() - 0.5
        if rows["part"].nunique() > 1:
            write(axes, -0.045, top + 0.5, HEADINGS[str(part)], theme.ink, ha="right", va="center", weight="bold")
        if part == "test" and mean is not None:
            axes.plot([mean, mean], [bottom, top], color=theme.ink, linewidth=0.9, zorder=2)
            if low is not None and high is not None:
                axes.fill_betweenx([bottom, top], low, high, color=theme.accent, alpha=0.18, linewidth=0, zorder=0)
    axes.set_ylim(min(rows["y"].min() - 0.7, -5), 0.9)
    scale_shares(axes)
    label(axes, theme, x="volume Dice")
    title(figure, theme, "Dice by patient")
    _draw_legend(figure, axes, sites, theme)
    return figure


def draw_sizes(patients: pd.DataFrame, theme: Theme) -> Figure:
    """Volume Dice against the true tumour's pixels (logarithmic); patients without tumour are left out."""
    shown = patients[(patients["true_pixels"] > 0) & patients["part"].isin(list(HEADINGS))].dropna(subset=["dice"])
    sites = site_order(patients["site"])
    below = 0.4 + LEGEND_ROW * _legend_rows(sites)
    figure = new_figure(theme, 2.5 + below)
    axes = add_axes(figure, theme, left=0.5, bottom=below, right=0.15, top=0.36)
    axes.set_xscale("log")
    _draw_marks(axes, shown, "true_pixels", "dice", sites, theme)
    sizes = shown["true_pixels"].to_numpy(dtype="float64")
    axes.set_xlim(*((sizes.min() / 1.6, sizes.max() * 1.6) if len(sizes) else (1, 10)))
    axes.set_ylim(0, 1)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(FixedLocator(_round_sizes(*axes.get_xlim())))
    axes.xaxis.set_major_formatter(Count)
    axes.yaxis.set_major_formatter(Decimal)
    label(axes, theme, x="true tumour, pixels in all slices", y="volume Dice")
    title(figure, theme, "Dice by size of the tumour")
    _draw_legend(figure, axes, sites, theme)
    return figure


def site_order(sites: pd.Series) -> list[str]:
    """The sites by name, so that each keeps its colour; at most `MOST_SITES`, then with "other" as the last."""
    counts = sites.astype(str).value_counts()
    if len(counts) <= MOST_SITES:
        return sorted(counts.index)
    most = sorted(counts.index, key=lambda site: (-counts[site], site))[: MOST_SITES - 1]
    return [*sorted(most), "other"]


def group_sites(sites: pd.Series, order: Sequence[str] | None = None) -> pd.Series:
    """Each site's name in `order` (default: that of `site_order`), "other" where it has none of its own."""
    order = site_order(sites) if order is None else order
    named = sites.astype(str)
    return named.where(named.isin(list(order)), "other")


def site_look(site: str, order: Sequence[str], theme: Theme) -> tuple[str, str]:
    """Colour and marker of a site."""
    at = order.index(site) if site in order else len(theme.series) - 1
    return theme.series[at % len(theme.series)], MARKERS[at % len(MARKERS)]


def _lay_out(patients: pd.DataFrame) -> pd.DataFrame:
    """Patients with a Dice, test before val, best first, with their line `y`: -1, -2, ... below each part's heading."""
    placed, line = [], 0.0
    for part in HEADINGS:
        own = patients[patients["part"] == part].dropna(subset=["dice"])
        own = own.sort_values(["dice", "patient"], ascending=[False, True])
        if len(own):
            placed.append(own.assign(y=[line - at for at in range(1, len(own) + 1)]))
            line -= len(own) + 1.6
    return pd.concat(placed, ignore_index=True)


def _draw_marks(axes: Axes, rows: pd.DataFrame, x: str, y: str, sites: Sequence[str], theme: Theme) -> None:
    look = group_sites(rows["site"], sites)
    for (part, site), own in rows.groupby(["part", look]):
        color, marker = site_look(str(site), sites, theme)
        face = color if part == "test" else theme.paper
        axes.plot(own[x], own[y], marker, color=color, markerfacecolor=face, markersize=4.4, zorder=3, clip_on=False)


def _draw_legend(figure: Figure, axes: Axes, sites: Sequence[str], theme: Theme) -> None:
    """The sites with their marks, in lines of four below the axes."""
    width, height = figure.get_size_inches()
    rows = _legend_rows(sites)
    legend = figure.add_axes((0, 0, 1, (LEGEND_ROW * rows + 0.04) / height))
    legend.set_axis_off()
    legend.set_xlim(0, width)
    legend.set_ylim(0, LEGEND_ROW * rows + 0.04)
    start = axes.get_position().x0 * width
    pitch = (width - start) / 4
    for at, site in enumerate(sites):
        x, y = start + pitch * (at % 4), LEGEND_ROW * (rows - 1 - at // 4) + 0.11
        color, marker = site_look(site, sites, theme)
        legend.plot(x + 0.04, y, marker=marker, markersize=4.2, color=color, linestyle="none")
        write(legend, x + 0.13, y - 0.005, site[:9], theme.soft, size=SMALL, va="center")


def _legend_rows(sites: Sequence[str]) -> int:
    return -(-len(sites) // 4)


def _round_sizes(low: float, high: float) -> list[float]:
    """Round numbers between `low` and `high`: 1, 2, 5, 10, ..., or fewer where they would crowd the axis."""
    for steps in ((1, 2, 5), (1, 3), (1,)):
        sizes = [step * 10.0**power for power in range(13) for step in steps if low <= step * 10.0**power <= high]
        if len(sizes) <= 5:
            break
    return sizes
