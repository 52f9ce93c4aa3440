"""Charts of a tuning: Dice by trial, Dice by epoch of every trial, and both recipes patient by patient."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from gliaflow.report.canvas import SMALL, Count, Decimal, add_axes, label, new_figure, scale_shares, title, write
from gliaflow.report.themes import Theme

MOST_NAMED = 60  # patients; beyond that their names would not be read


def draw_trials(trials: pd.DataFrame, theme: Theme) -> Figure:
    """Dice on val by number of the trial: those in full filled, those ended early hollow, and the best so far."""
    figure = new_figure(theme, 2.5)
    axes = add_axes(figure, theme, left=0.46, bottom=0.4, right=0.15, top=0.36)
    complete, pruned = (trials[trials["state"] == state] for state in ("complete", "pruned"))
    best = np.maximum.accumulate(complete["dice"].to_numpy(dtype="float64"))
    axes.step([*complete["number"], trials["number"].max()], [*best, best[-1]], where="post", color=theme.line)
    for rows, face in ((complete, theme.series[0]), (pruned, theme.paper)):
        axes.plot(
            rows["number"], rows["dice"], "o", color=theme.series[0], markerfacecolor=face, markersize=4.4, zorder=3
        )
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.xaxis.set_major_formatter(Count)
    axes.set_xlim(-0.6, trials["number"].max() + 0.6)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(Decimal)
    label(axes, theme, x="trial", y="volume Dice on val")
    title(figure, theme, "Dice by trial")
    return figure


def draw_curves(curves: pd.DataFrame, best: int, theme: Theme) -> Figure:
    """Dice on val by epoch, a line a trial: the default (trial 0) and the best in colour."""
    figure = new_figure(theme, 2.5)
    axes = add_axes(figure, theme, left=0.46, bottom=0.4, right=0.62, top=0.36)
    looks = {0: (theme.series[1], "default"), best: (theme.series[0], f"trial {best}")}
    if best == 0:
        looks = {0: (theme.series[0], "default")}
    for number, rows in curves.groupby("trial"):
        color, name = looks.get(int(str(number)), (theme.line, ""))
        axes.plot(rows["epoch"], rows["val_dice"], color=color, linewidth=1.6 if name else 0.8, zorder=3 if name else 1)
    ends = {number: curves.loc[curves["trial"] == number].iloc[-1] for number in looks}
    for number, row in ends.items():
        others = [other["val_dice"] for near, other in ends.items() if near != number]
        above = not others or row["val_dice"] >= others[0]
        write(
            axes, row["epoch"], row["val_dice"], f"  {looks[number][1]}", looks[number][0],
            size=SMALL, va="bottom" if above else "top",
        )  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.xaxis.set_major_formatter(Count)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(Decimal)
    label(axes, theme, x="epoch", y="volume Dice on val")
    title(figure, theme, "Dice by epoch")
    return figure


def draw_pairs(rows: pd.DataFrame, theme: Theme) -> Figure:
    """Each test patient's Dice by the default (`dice_a`, hollow) and by the tuned recipe (`dice_b`, filled).

    `rows` are drawn from the bottom up, so that of those sorted by their difference the greatest gain is on top.
    """
    named = len(rows) <= MOST_NAMED
    height = max(0.16 * len(rows), 0.7) if named else 7.0
    figure = new_figure(theme, height + 0.76)
    axes = add_axes(figure, theme, left=1.42 if named else 0.3, bottom=0.4, right=0.15, top=0.36)
    axes.grid(visible=False)
    axes.grid(visible=True, axis="x", color=theme.line, linewidth=0.5)
    axes.hlines(rows.index, rows["dice_a"], rows["dice_b"], color=theme.soft, linewidth=0.8, zorder=1)
    axes.plot(
        rows["dice_a"], rows.index, "o", color=theme.series[1], markerfacecolor=theme.paper, markersize=4.4, zorder=2
    )
    axes.plot(rows["dice_b"], rows.index, "o", color=theme.series[0], markersize=4.4, zorder=3, clip_on=False)
    for y, name in enumerate(rows["patient"]) if named else ():
        write(axes, -0.045, y, str(name), theme.soft, size=SMALL * 0.9, ha="right", va="center")
    axes.set_ylim(-0.7, len(rows) - 0.3)
    scale_shares(axes)
    label(axes, theme, x="volume Dice")
    title(figure, theme, "Dice by test patient")
    return figure
