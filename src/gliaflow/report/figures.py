"""The report's charts: which there are, what each says in words, and its pictures by light and by dark."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from gliaflow.report import charts, curves, marks
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
    return {chart.key: chart for chart in (*_cohort(data), *_training(data), *_patients(data))}


def _chart(key: str, caption: str, alt: str, draw: Callable[[Theme], Figure]) -> Chart:
    return Chart(key, caption, alt, png(draw(LIGHT)), png(draw(DARK)))


def _cohort(data: ReportData) -> list[Chart]:
    labels = data.labels
    if labels.empty:
        return []
    tumor = int(labels["has_tumor"].astype(bool).sum())
    counts = labels["site"].astype(str).value_counts().sort_index()
    by_site = ", ".join(f"{site} {count:,}" for site, count in counts.items())
    return [
        _chart(
            "class-balance",
            "Slices without and with tumour.",
            f"Bar chart: {plural(len(labels) - tumor, 'slice')} without tumour, {tumor:,} with.",
            lambda theme: charts.draw_balance(labels, theme),
        ),
        _chart(
            "slices-by-site",
            "Slices by site, those with tumour below in the same colour as beside.",
            f"Bar chart of slices by site: {by_site}.",
            lambda theme: charts.draw_sites(labels, theme),
        ),
    ]


def _training(data: ReportData) -> list[Chart]:
    drawn = []
    history = data.history
    if not history.empty:
        best = curves.best_epoch(history, data.recipe)
        drawn.append(
            _chart(
                "learning-curve-loss",
                "Loss by epoch on the training and validation slices, and the learning rate.",
                f"Line chart of the loss over {plural(len(history), 'epoch')}: {_course(history, 'loss')}.",
                lambda theme: curves.draw_learning(history, "loss", best, theme),
            )
        )
        drawn.append(
            _chart(
                "learning-curve-dice",
                "Dice by epoch on the training and validation slices.",
                f"Line chart of Dice over {plural(len(history), 'epoch')}: {_course(history, 'dice')}.",
                lambda theme: curves.draw_learning(history, "dice", best, theme),
            )
        )
    if data.threshold_curve is not None and len(data.threshold_curve):
        curve = data.threshold_curve
        drawn.append(
            _chart(
                "threshold-curve",
                "Mean volume Dice of the validation patients at each threshold; the line is the one chosen.",
                f"Line chart of validation Dice by threshold; {data.threshold / 255:.3f} was chosen.",
                lambda theme: curves.draw_thresholds(curve, data.threshold, theme),
            )
        )
    return drawn


def _patients(data: ReportData) -> list[Chart]:
    scored = data.patients[data.patients["part"].isin(["test", "val"])].dropna(subset=["dice"])
    if scored.empty:
        return []
    found = headline(data)
    test = scored[scored["part"] == "test"]
    span = f", from {test['dice'].min():.3f} to {test['dice'].max():.3f}" if len(test) else ""
    return [
        _chart(
            "dice-by-patient",
            "Volume Dice of each patient, by site; filled marks are test patients, hollow ones validation. "
            "The line is the mean on test, the band its 95 % interval.",
            f"Dot plot of volume Dice of {plural(len(test), 'test patient')}{span}; see the table of patients.",
            lambda theme: marks.draw_patients(scored, found.value, found.low, found.high, theme),
        ),
        _chart(
            "dice-by-size",
            "Volume Dice by the size of the true tumour; filled marks are test patients, hollow ones validation.",
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
