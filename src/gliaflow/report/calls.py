"""The answer to "is there a tumour in this slice?": how often it is given, how often it is right, and its ROC curve."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from gliaflow.report.canvas import SMALL, Count, Decimal, add_axes, label, new_figure, title, write
from gliaflow.report.curves import key
from gliaflow.report.data import ReportData
from gliaflow.report.measures import interval_of
from gliaflow.report.tables import MISSING, Column, Table, absent, percent, plural
from gliaflow.report.themes import Theme

CALLS = {"tumor": "tumour", "unsure": "unsure", "empty": "no tumour"}


def call_table(data: ReportData) -> Table:
    """One row a call: how many test slices got it, and how many of these hold tumour; empty without calls."""
    test = _called(data)
    rows = []
    for call, words in CALLS.items():
        own = test[test["call"] == call]
        tumor = int((own["mask"] > 0).sum())
        rows.append(
            {
                "call": words,
                "slices": len(own),
                "share": len(own) / len(test) if len(test) else None,
                "tumor": tumor,
                "empty": len(own) - tumor,
                "right": tumor / len(own) if len(own) else None,
            }
        )
    columns = [
        Column("call", "The call"),
        Column("slices", "Slices", "count"),
        Column("share", "Of all", "share"),
        Column("tumor", "With tumour", "count"),
        Column("empty", "Without", "count"),
        Column("right", "Share with tumour", "share"),
    ]
    caption = f"What was said of the {data.scored} slices, and what they hold."
    return Table("calls", caption, columns, rows if len(test) else [])


def call_summary(data: ReportData) -> str:
    """Two or three sentences: the share that it abstains from, and what the rest of its calls are worth."""
    test = _called(data)
    if test.empty:
        return ""
    unsure = int((test["call"] == "unsure").sum())
    if unsure == len(test):
        all_of_them = f"It says “unsure” of all {plural(unsure, 'slice')}"
        if data.detection is None or data.detection.get("sensitivity") is not None:
            return f"{all_of_them}."
        return (
            f"{all_of_them}: its validation patients did not have both slices with and slices without tumour, so "
            "nothing could be fitted."
        )
    said = [f"It says “unsure” of {unsure:,} of {plural(len(test), 'slice')} ({percent(unsure / len(test))})."]
    found, spared = data.metric("call_sensitivity"), data.metric("call_specificity")
    if found and spared:
        said.append(
            f"Where it does answer, it is right in {percent(found['value'])}{_range(found)} of the "
            f"{plural(int(found['n']), 'slice')} with tumour, and in {percent(spared['value'])}{_range(spared)} of the "
            f"{int(spared['n']):,} without."
        )
    missed = int(((test["call"] == "empty") & (test["mask"] > 0)).sum())
    few = {0: "No slice with tumour is", 1: "One slice with tumour is"}
    said.append(f"{few.get(missed, f'{missed:,} slices with tumour are')} called “no tumour”.")
    return " ".join(said)


def detection_facts(detection: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Where the band lies and what was asked of it, as (term, description) pairs; nothing where nothing was fitted."""
    if not detection or absent(detection.get("sensitivity")):
        return []
    low, high = detection["low"], detection["high"]
    if high >= 1:
        calls = f"“no tumour” below {low:.3f}, “unsure” above; never “tumour”: too many validation slices deceive it"
    elif high > low:
        calls = f"“no tumour” below a probability of {low:.3f}, “tumour” above {high:.3f}, “unsure” between"
    else:
        calls = f"“no tumour” below a probability of {low:.3f}, “tumour” above; it never has to say “unsure”"
    said = [
        ("Calls", calls),
        (
            "Asked of it",
            f"to call no more than {percent(1 - detection['sensitivity_target'])} of the slices with tumour "
            f"“no tumour”, and to be right in {percent(detection['precision_target'])} of those it calls “tumour”",
        ),
        (
            "Fitted on",
            f"{plural(detection['patients'], 'validation patient')}, {plural(detection['slices'], 'slice')}, "
            f"{detection['tumor_slices']:,} of them with tumour",
        ),
    ]
    expected = detection.get("sensitivity_left_out")
    if expected is not None:
        words = f"{percent(expected)} of the slices with tumour not called “no tumour”"
        said.append(("To be expected", f"{words}, by leaving each validation patient out in turn"))
    return said


def draw_calls(data: ReportData, theme: Theme) -> Figure:
    """How many slices got each call: those with tumour below, the others above them."""
    test = _called(data)
    counts = [
        (int(((test["call"] == call) & (test["mask"] > 0)).sum()), int((test["call"] == call).sum())) for call in CALLS
    ]
    figure = new_figure(theme, 3.3)
    axes = add_axes(figure, theme, left=0.5, bottom=0.42, right=0.1, top=0.58)
    for at, (tumor, total) in enumerate(counts):
        axes.bar(at, tumor, width=0.56, color=theme.series[1])
        axes.bar(at, total - tumor, bottom=tumor, width=0.56, color=theme.series[6])
        write(axes, at, total, f"{total:,} ({percent(total / len(test))})", theme.ink, ha="center", va="bottom")
    axes.set_xlim(-0.6, len(CALLS) - 0.4)
    axes.set_ylim(0, max(total for _, total in counts) * 1.12)
    axes.xaxis.set_major_locator(FixedLocator(range(len(CALLS))))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"“{list(CALLS.values())[int(x)]}”"))
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_formatter(Count)
    key(figure, [("with tumour", theme.series[1]), ("without", theme.series[6])], theme)
    label(axes, theme, x="what was called")
    title(figure, theme, "Slices by call")
    return figure


def roc_points(score: np.ndarray, tumor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ROC curve: false and true positive rate at every threshold on `score`, from (0, 0) to (1, 1).

    Parameters
    ----------
    score : ndarray of shape (S,), float
    tumor : ndarray of shape (S,), bool
        With at least one True and one False.

    Returns
    -------
    tuple of ndarray of shape (T + 1,), T being the number of different scores; equal scores are one step.
    """
    order = np.argsort(-score, kind="stable")
    last = np.flatnonzero(np.diff(score[order], append=-np.inf))  # of each run of equal scores
    found, false = np.cumsum(tumor[order])[last], np.cumsum(~tumor[order])[last]
    return np.append(0, false) / false[-1], np.append(0, found) / found[-1]


def has_roc(predictions: pd.DataFrame) -> bool:
    """Whether the test slices have scores, and hold slices with and without tumour."""
    test = predictions[predictions["part"] == "test"]
    return "score" in predictions and test["mask"].nunique() == 2


def draw_roc(data: ReportData, theme: Theme) -> Figure:
    """The ROC curve of the slice score on test, with the two ends of the abstention band and "any pixel marked"."""
    test = data.predictions[data.predictions["part"] == "test"]
    tumor = (test["mask"] > 0).to_numpy()
    figure = new_figure(theme, 3.3)
    axes = add_axes(figure, theme, left=0.5, bottom=0.42, right=0.14, top=0.36)
    axes.plot([0, 1], [0, 1], color=theme.line, linewidth=0.8, linestyle=(0, (3, 2)))
    axes.plot(*roc_points(test["score"].to_numpy(), tumor), color=theme.series[0], linewidth=1.6)
    points = [("any pixel marked", (test["has_mask"] > 0).to_numpy(), theme.series[1], "s")]
    if "call" in test:
        points.append(("called “tumour”", (test["call"] == "tumor").to_numpy(), theme.ink, "o"))
        points.append(("not called “no tumour”", (test["call"] != "empty").to_numpy(), theme.ink, "D"))
    for at, (name, positive, color, marker) in enumerate(points):
        x, y = float(positive[~tumor].mean()), float(positive[tumor].mean())
        axes.plot(x, y, marker, color=color, markersize=5, clip_on=False, zorder=5, markeredgecolor=theme.paper)
        _name(axes, at, name, color, marker, theme)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.xaxis.set_major_formatter(Decimal)
    axes.yaxis.set_major_formatter(Decimal)
    label(axes, theme, x="share of slices without tumour called wrongly", y="share of slices with tumour found")
    title(figure, theme, f"ROC curve{area(data)}")
    return figure


def area(data: ReportData) -> str:
    """`, area 0.973 (0.951 to 0.988)`; nothing where it is not known."""
    found = data.metric("tumor_auroc")
    if found is None:
        return ""
    range_ = interval_of(found)
    return f", area {found['value']:.3f}" + ("" if range_ == MISSING else f" ({range_})")


def _name(axes: Axes, at: int, name: str, color: str, marker: str, theme: Theme) -> None:
    """A line of the key, in the lower right where no good curve comes."""
    y = 0.24 - 0.085 * at
    axes.plot(0.4, y, marker, color=color, markersize=4.5, markeredgecolor=theme.paper)
    write(axes, 0.44, y - 0.004, name, theme.ink, size=SMALL, va="center")


def _range(metric: Mapping[str, Any]) -> str:
    low, high = metric.get("low"), metric.get("high")
    return "" if low is None or high is None else f" (95 % interval {100 * low:.0f} to {100 * high:.0f} %)"


def _called(data: ReportData) -> pd.DataFrame:
    """The test slices with a call; none where the run made no calls."""
    test = data.predictions[data.predictions["part"] == "test"]
    return test if "call" in test else test.iloc[:0].assign(call=pd.Series(dtype="str"))
