"""Charts of training: loss and Dice by epoch with the best epoch and learning rate, and Dice by threshold."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from gliaflow.report.canvas import FONT, SMALL, Decimal, add_axes, label, new_figure, title, write
from gliaflow.report.themes import Theme

HEIGHT = 2.9
Rate = FuncFormatter(lambda value, _: f"{value:.2g}")


def best_epoch(history: pd.DataFrame, recipe: Mapping[str, Any]) -> int | None:
    """The epoch whose weights were kept: of lowest `val_loss` or highest `val_dice`, as the recipe's `monitor` says.

    The first of equals; None where the monitored column is missing or all NaN.
    """
    monitor = str(recipe.get("monitor") or "val_loss")
    if monitor not in history or history[monitor].isna().all():
        return None
    values = history[monitor].to_numpy(dtype="float64")
    at = np.nanargmin(values) if monitor.endswith("loss") else np.nanargmax(values)
    return int(history["epoch"].iloc[at])


def draw_learning(history: pd.DataFrame, measure: Literal["loss", "dice"], best: int | None, theme: Theme) -> Figure:
    """`measure` on train and val by epoch, with a line at epoch `best`; below the loss, the learning rate."""
    rate = measure == "loss" and "learning_rate" in history and history["learning_rate"].notna().any()
    figure = new_figure(theme, HEIGHT)
    axes = add_axes(figure, theme, left=0.46, bottom=1.0 if rate else 0.38, right=0.12, top=0.52)
    epochs = history["epoch"].to_numpy()
    dotted = len(history) <= 12
    for column, color, width, name in (
        (measure, theme.series[0], 1.2, "training"),
        (f"val_{measure}", theme.series[1], 1.6, "validation"),
    ):
        if column in history:
            axes.plot(
                epochs,
                history[column],
                color=color,
                linewidth=width,
                marker="o" if dotted else None,
                markersize=2.6,
                label=name,
            )
    key(figure, [("training", theme.series[0]), ("validation", theme.series[1])], theme)
    if measure == "dice":
        axes.set_ylim(0, 1)
    elif np.nanmin([0.0, *history[[c for c in ("loss", "val_loss") if c in history]].to_numpy().ravel()]) >= 0:
        axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(Decimal)
    epoch_axis(axes, epochs)
    if best is not None:
        _mark_best(axes, best, epochs, theme)
    if rate:
        _draw_rate(figure, axes, history, best, theme)
    else:
        label(axes, theme, x="epoch")
    title(figure, theme, "Loss by epoch" if measure == "loss" else "Dice by epoch")
    return figure


def draw_thresholds(curve: Sequence[float], threshold: int, theme: Theme) -> Figure:
    """Mean volume Dice on val at thresholds 1..255 (as probability), the chosen one marked."""
    values = np.asarray(curve, dtype="float64")
    probabilities = np.arange(1, len(values) + 1) / 255
    figure = new_figure(theme, 2.3)
    axes = add_axes(figure, theme, left=0.46, bottom=0.38, right=0.12, top=0.36)
    axes.plot(probabilities, values, color=theme.series[1], linewidth=1.6)
    axes.axvline(threshold / 255, color=theme.ink, linewidth=0.8, linestyle=(0, (3, 2)))
    if 1 <= threshold <= len(values) and np.isfinite(values[threshold - 1]):
        axes.plot(threshold / 255, values[threshold - 1], marker="o", markersize=4.5, color=theme.ink, clip_on=False)
    left = threshold > 127
    write(
        axes,
        threshold / 255 + (-0.02 if left else 0.02),
        0.04,
        f"{threshold / 255:.3f}",
        theme.ink,
        ha="right" if left else "left",
    )
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.xaxis.set_major_formatter(Decimal)
    axes.yaxis.set_major_formatter(Decimal)
    label(axes, theme, x="threshold (probability)")
    title(figure, theme, "Validation Dice by threshold")
    return figure


def epoch_axis(axes: Axes, epochs: np.ndarray) -> None:
    """An axis of whole epochs, from the first to the last."""
    axes.set_xlim(epochs.min() - 0.5, epochs.max() + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True) if len(epochs) > 1 else FixedLocator([epochs[0]]))
    axes.xaxis.set_major_formatter(Decimal)


def _mark_best(axes: Axes, best: int, epochs: np.ndarray, theme: Theme) -> None:
    """A dashed line at the best epoch, its name on the side with more room."""
    axes.axvline(best, color=theme.ink, linewidth=0.8, linestyle=(0, (3, 2)), zorder=1)
    left = best > epochs.mean()
    gap = (axes.get_xlim()[1] - axes.get_xlim()[0]) * 0.015
    at: dict[str, Any] = {"ha": "right" if left else "left", "va": "top", "transform": axes.get_xaxis_transform()}
    behind = {"facecolor": theme.paper, "edgecolor": "none", "pad": 1}
    write(axes, best + (-gap if left else gap), 0.97, f"best: epoch {best}", theme.ink, size=SMALL, bbox=behind, **at)


def _draw_rate(figure: Figure, above: Axes, history: pd.DataFrame, best: int | None, theme: Theme) -> None:
    """The learning rate as a step line in a strip below the loss, on the same epochs."""
    axes = add_axes(figure, theme, left=0.46, bottom=0.38, right=0.12, top=HEIGHT - 0.78)
    rates = history["learning_rate"].to_numpy(dtype="float64")
    axes.plot(history["epoch"], rates, color=theme.soft, linewidth=1.1, drawstyle="steps-mid")
    top = float(np.nanmax(rates)) or 1.0
    axes.set_ylim(0, top * 1.1)
    axes.yaxis.set_major_locator(FixedLocator([0, top]))
    axes.yaxis.set_major_formatter(Rate)
    epoch_axis(axes, history["epoch"].to_numpy())
    above.xaxis.set_major_locator(NullLocator())
    if best is not None:
        axes.axvline(best, color=theme.ink, linewidth=0.8, linestyle=(0, (3, 2)), zorder=1)
    write(axes, 0.0, 1.06, "learning rate", theme.soft, size=SMALL, va="bottom", transform=axes.transAxes)
    label(axes, theme, x="epoch")


def key(figure: Figure, names: Sequence[tuple[str, str]], theme: Theme) -> None:
    """Names in their lines' colours, in a row under the title."""
    width, height = figure.get_size_inches()
    x = 0.0
    for name, color in names:
        y = 1 - 0.34 / height
        figure.add_artist(_stroke(x / width, (x + 0.16) / width, y, color, figure))
        figure.text(
            (x + 0.21) / width, y, name, color=theme.ink, fontsize=SMALL, family=FONT, va="center", parse_math=False
        )
        x += 0.36 + 0.068 * len(name)


def _stroke(left: float, right: float, y: float, color: str, figure: Figure) -> Line2D:
    return Line2D([left, right], [y, y], color=color, linewidth=1.8, transform=figure.transFigure)
