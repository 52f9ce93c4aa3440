"""The report's charts: which there are, what each says in words, and its pictures by light and by dark."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import pandas as pd
from matplotlib.figure import Figure

from gliaflow.report import calibration, calls, charts, curves, folds, leakage, marks
from gliaflow.report.canvas import png
from gliaflow.report.data import ReportData
from gliaflow.report.pictures import data_address
from gliaflow.report.scores import headline
from gliaflow.report.tables import plural
from gliaflow.report.themes import DARK, LIGHT, Theme


@dataclass(frozen=True)
class Chart:
    """A chart drawn twice; `alt` says in words what it shows."""

    key: str
    caption: str
    alt: str
    light: bytes
    dark: bytes

    @property
    def size(self) -> tuple[int, int]:
        """Width and height at which it is shown: half its pixels (PNG's header holds them)."""
        return int.from_bytes(self.light[16:20], "big") // 2, int.from_bytes(self.light[20:24], "big") // 2

    @property
    def src(self) -> str:
        return data_address(self.light, "image/png")

    @property
    def dark_src(self) -> str:
        return data_address(self.dark, "image/png")


def draw_charts(data: ReportData) -> dict[str, Chart]:
    """The charts that the data allow, by key: without a history no learning curves, without scores no patients."""
    drawn = (*_cohort(data), *_training(data), *_trust(data), *_folds(data), *_patients(data))
    return {chart.key: chart for chart in drawn}


def draw_chart(key: str, caption: str, alt: str, draw: Callable[[Theme], Figure]) -> Chart:
    """The chart that `draw` draws by a theme."""
    return Chart(key, caption, alt, png(draw(LIGHT)), png(draw(DARK)))


def _cohort(data: ReportData) -> list[Chart]:
    labels = data.labels
    if labels.empty:
        return []
    tumor = int(labels["has_tumor"].astype(bool).sum())
    counts = labels["site"].astype(str).value_counts().sort_index()
    by_site = ", ".join(f"{site} {count:,}" for site, count in counts.items())
    return [
        draw_chart(
            "class-balance",
            "Slices without and with tumour.",
            f"Bar chart: {plural(len(labels) - tumor, 'slice')} without tumour, {tumor:,} with.",
            lambda theme: charts.draw_balance(labels, theme),
        ),
        draw_chart(
            "slices-by-site",
            "Slices by site, those with tumour below in the same colour as beside.",
            f"Bar chart of slices by site: {by_site}.",
            lambda theme: charts.draw_sites(labels, theme),
        ),
    ]


def _training(data: ReportData) -> list[Chart]:
    drawn = []
    history = data.history
    if "fold" in history:
        return [_fold_learning(data, measure) for measure in ("loss", "dice")] if len(history) else []
    if not history.empty:
        best = curves.best_epoch(history, data.recipe)
        drawn.append(
            draw_chart(
                "learning-curve-loss",
                "Loss by epoch on the training and validation slices, and the learning rate.",
                f"Line chart of the loss over {plural(len(history), 'epoch')}: {_course(history, 'loss')}.",
                lambda theme: curves.draw_learning(history, "loss", best, theme),
            )
        )
        drawn.append(
            draw_chart(
                "learning-curve-dice",
                "Dice by epoch on the training and validation slices.",
                f"Line chart of Dice over {plural(len(history), 'epoch')}: {_course(history, 'dice')}.",
                lambda theme: curves.draw_learning(history, "dice", best, theme),
            )
        )
    threshold, curve = data.threshold, data.threshold_curve
    if threshold is not None and curve is not None and len(curve):
        drawn.append(
            draw_chart(
                "threshold-curve",
                "Mean volume Dice of the validation patients at each threshold; the line is the one chosen.",
                f"Line chart of validation Dice by threshold; {threshold / 255:.3f} was chosen.",
                lambda theme: curves.draw_thresholds(curve, threshold, theme),
            )
        )
    return drawn


def _trust(data: ReportData) -> list[Chart]:
    """Calibration of slices and pixels, the calls, the ROC curve and the leakage meter."""
    drawn = []
    for unit in calibration.UNITS:
        curve, error = calibration.curve_of(data, unit), calibration.error_of(data, unit)
        if len(curve):
            said = f": {error}" if error else ""
            drawn.append(
                draw_chart(
                    f"reliability-{unit}",
                    f"Reliability of {calibration.WORDS[unit]}: the share with tumour at each probability, with 95 % "
                    f"intervals, and how many {unit} there are of each.",
                    f"Line chart of the share with tumour by probability, {data.scored} {unit}{said}; its values are "
                    "in the table of this chart.",
                    partial(calibration.draw_reliability, curve, unit, error),
                )
            )
    table = calls.call_table(data)
    if table.rows:
        counts = ", ".join(f"{row['slices']:,} “{row['call']}”" for row in table.rows)
        drawn.append(
            draw_chart(
                "slices-by-call",
                f"The {data.scored} slices by what was called, those with tumour below.",
                f"Bar chart of slices by call: {counts}; see the table of calls.",
                lambda theme: calls.draw_calls(data, theme),
            )
        )
    if calls.has_roc(data.predictions):
        drawn.append(
            draw_chart(
                "roc-curve",
                f"ROC curve of “this slice has tumour” on the {data.scored} slices, with both ends of what is called "
                "“unsure”.",
                f"Line chart of the share of slices with tumour found by the share of others called wrongly"
                f"{calls.area(data)}.",
                lambda theme: calls.draw_roc(data, theme),
            )
        )
    meter = data.leakage
    if meter is not None:
        drawn.append(
            draw_chart(
                "leakage-gap",
                "The same recipe tested on slices dealt at random and on whole patients, with 95 % intervals.",
                f"Dot plot of figures under both protocols. {leakage.in_words(meter)}",
                lambda theme: leakage.draw_leakage(meter, theme),
            )
        )
    return drawn


def _fold_learning(data: ReportData, measure: Literal["loss", "dice"]) -> Chart:
    history, recipe = data.history, data.recipe
    last = history.sort_values("epoch").groupby("fold")[f"val_{measure}"].last()
    name = {"loss": "the loss", "dice": "Dice"}[measure]
    return draw_chart(
        f"learning-curve-{measure}",
        f"{name[:1].upper()}{name[1:]} by epoch in every fold: validation, and training as a thin line.",
        f"Line chart of {name} by epoch in {plural(len(last), 'fold')}; at the end validation lies between "
        f"{last.min():.3f} and {last.max():.3f}.",
        lambda theme: folds.draw_fold_learning(history, measure, recipe, theme),
    )


def _folds(data: ReportData) -> list[Chart]:
    if data.folds is None:
        return []
    names = folds.fold_names(data.folds)
    means = ", ".join(f"{name} {mean:.3f}" for name, mean in zip(names.values(), data.folds["dice_mean"], strict=True))
    return [
        draw_chart(
            "dice-by-fold",
            "Volume Dice of each patient by the fold that tested it; the strokes are the folds' means.",
            f"Dot plot of volume Dice by fold, with the means {means}.",
            lambda theme: folds.draw_fold_dice(data.patients, names, theme),
        )
    ]


def _patients(data: ReportData) -> list[Chart]:
    scored = data.patients[data.patients["part"].isin(["test", "val"])].dropna(subset=["dice"])
    if scored.empty:
        return []
    found = headline(data)
    test = scored[scored["part"] == "test"]
    span = f", from {test['dice'].min():.3f} to {test['dice'].max():.3f}" if len(test) else ""
    who = f"{data.scored} patient"
    marked = "; filled marks are test patients, hollow ones validation" if (scored["part"] == "val").any() else ""
    return [
        draw_chart(
            "dice-by-patient",
            f"Volume Dice of each patient, by site{marked}. The line is the mean of the {who}s, the band its 95 % "
            "interval.",
            f"Dot plot of volume Dice of {plural(len(test), who)}{span}; see the table of patients.",
            lambda theme: marks.draw_patients(scored, found.value, found.low, found.high, theme),
        ),
        draw_chart(
            "dice-by-size",
            f"Volume Dice by the size of the true tumour{marked}.",
            f"Scatter plot of volume Dice by tumour size of {plural(len(scored), 'patient')}.",
            lambda theme: marks.draw_sizes(scored, theme),
        ),
    ]


def _course(history: pd.DataFrame, measure: str) -> str:
    """`training from 0.512 to 0.101, validation from 0.601 to 0.233`."""
    said = []
    for column, name in ((measure, "training"), (f"val_{measure}", "validation")):
        values = history[column].dropna() if column in history else history.iloc[:0, 0]
        if len(values):
            said.append(f"{name} from {values.iloc[0]:.3f} to {values.iloc[-1]:.3f}")
    return ", ".join(said) or "no values"
