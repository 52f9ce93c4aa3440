"""A cross-validation fold by fold: the table, Dice by fold, and the learning curves of all folds in one chart."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from gliaflow.report.canvas import SMALL, Decimal, add_axes, label, new_figure, title, write
from gliaflow.report.curves import best_epoch, epoch_axis, key
from gliaflow.report.data import ReportData
from gliaflow.report.tables import Column, Table, absent, plural, rows_of
from gliaflow.report.themes import Theme

MOST_COLORS = 7  # folds; more are drawn alike
SPREAD = (0.0, -0.16, 0.16, -0.08, 0.08)  # sideways, so that patients of like Dice stay apart


def fold_table(data: ReportData) -> Table:
    """One row a fold: whom it tested, how well, and where its own validation patients put the operating point."""
    assert data.folds is not None
    folds = data.folds
    names = {
        "fold": Column("fold", "Fold", "count"),
        "site": Column("site", "Site"),
        "patients": Column("patients", "Tested", "count"),
        "slices": Column("slices", "Slices", "count"),
        "train_patients": Column("train_patients", "Trained on", "count"),
        "val_patients": Column("val_patients", "Chosen by", "count"),
        "dice_mean": Column("dice_mean", "Mean Dice", "score"),
        "dice_median": Column("dice_median", "Median", "score"),
        "slice_dice_tumor": Column("slice_dice_tumor", "Tumour slices", "score"),
        "epochs": Column("epochs", "Epochs", "count"),
        "threshold": Column("threshold", "Threshold", "score"),
        "min_pixels": Column("min_pixels", "Least px", "count"),
    }
    rows = rows_of(folds)
    for row in rows:
        row["threshold"] = row["threshold"] / 255
    if {"fold", "epoch"} <= set(data.history):
        epochs = data.history.groupby("fold")["epoch"].max()
        rows = [{**row, "epochs": epochs.get(row["fold"])} for row in rows]
    columns = [column for name, column in names.items() if any(not absent(row.get(name)) for row in rows)]
    caption = (
        f"The {plural(len(folds), 'fold')}: how many patients each tested, was trained on and was chosen by; mean and "
        "median volume Dice of the tested patients, and mean Dice of their slices with tumour; the epochs it was "
        "trained for, and the threshold and least pixels of a tumour that its choosing patients gave it."
    )
    return Table("folds", caption, columns, rows)


def fold_names(folds: pd.DataFrame) -> dict[int, str]:
    """What each fold is called: its site under the protocol `site`, else its number."""
    sites = folds["site"] if "site" in folds else pd.Series(None, index=folds.index)
    apart = sites.notna().all() and sites.is_unique
    return {int(fold): str(site) if apart else str(fold) for fold, site in zip(folds["fold"], sites, strict=True)}


def draw_fold_dice(patients: pd.DataFrame, names: Mapping[int, str], theme: Theme) -> Figure:
    """Volume Dice of each tested patient, one column a fold, with the fold's mean as a stroke."""
    figure = new_figure(theme, 2.6)
    axes = add_axes(figure, theme, left=0.46, bottom=0.44, right=0.12, top=0.36)
    below = axes.get_xaxis_transform()
    for at, (fold, name) in enumerate(names.items()):
        dice = patients.loc[patients["fold"] == fold, "dice"].dropna().sort_values(ignore_index=True)
        x = at + np.resize(SPREAD, len(dice))
        axes.plot(x, dice, "o", markersize=3.6, color=theme.series[0], alpha=0.75, markeredgewidth=0, clip_on=False)
        if len(dice):
            axes.plot([at - 0.34, at + 0.34], [dice.mean()] * 2, color=theme.ink, linewidth=1.5, zorder=4)
        if len(names) <= 12:
            write(axes, at, -0.045, name[:8], theme.ink, size=SMALL, ha="center", va="top", transform=below)
    axes.set_xlim(-0.6, max(len(names), 2) - 0.4)
    axes.set_ylim(0, 1)
    axes.xaxis.set_major_locator(NullLocator())
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(Decimal)
    middle = "fold" if all(name.isdigit() for name in names.values()) else "fold (the site that it tested)"
    write(axes, 0.5, -0.16, middle, theme.soft, size=SMALL, ha="center", va="top", transform=axes.transAxes)
    label(axes, theme, y="volume Dice")
    title(figure, theme, "Dice by fold")
    return figure


def draw_fold_learning(
    history: pd.DataFrame, measure: Literal["loss", "dice"], recipe: Mapping[str, Any], theme: Theme
) -> Figure:
    """`measure` by epoch in every fold: validation as a line, training thin, a dot at the epoch that was kept."""
    figure = new_figure(theme, 2.9)
    axes = add_axes(figure, theme, left=0.46, bottom=0.38, right=0.12, top=0.52)
    folds = sorted(int(fold) for fold in history["fold"].unique())
    colors = {fold: theme.series[at] if len(folds) <= MOST_COLORS else theme.soft for at, fold in enumerate(folds)}
    for fold, color in colors.items():
        own = history[history["fold"] == fold].sort_values("epoch")
        axes.plot(own["epoch"], own[measure], color=color, linewidth=0.6, alpha=0.6)
        axes.plot(own["epoch"], own[f"val_{measure}"], color=color, linewidth=1.4)
        kept = own[own["epoch"] == best_epoch(own, recipe)]
        axes.plot(kept["epoch"], kept[f"val_{measure}"], "o", color=color, markersize=4, zorder=4)
    if len(folds) <= MOST_COLORS:
        key(figure, [(f"fold {fold}" if fold == folds[0] else str(fold), colors[fold]) for fold in folds], theme)
    if measure == "dice":
        axes.set_ylim(0, 1)
    elif np.nanmin([0.0, *history[["loss", "val_loss"]].to_numpy().ravel()]) >= 0:
        axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(Decimal)
    epoch_axis(axes, np.sort(history["epoch"].unique()))
    label(axes, theme, x="epoch")
    title(figure, theme, f"{measure.capitalize()} by epoch")
    return figure
