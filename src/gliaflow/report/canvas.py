"""The charts' common ground: a figure of fixed size with quiet axes, and its PNG in equal bytes for equal content."""

import io
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from gliaflow.report.themes import Theme

WIDTH = 3.6  # inches; with DPI the chart is 720 pixels wide, shown at 360
DPI = 200
FONT = "DejaVu Sans"  # comes with matplotlib, so it is the same everywhere
TEXT = 7.5
SMALL = 6.8

Count = FuncFormatter(lambda value, _: f"{value:,.0f}")
Decimal = FuncFormatter(lambda value, _: f"{value:.3g}")


def new_figure(theme: Theme, height: float, width: float = WIDTH) -> Figure:
    """An empty figure of `width` x `height` inches on the theme's paper, with an Agg canvas of its own."""
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor=theme.paper)
    FigureCanvasAgg(figure)
    return figure


def add_axes(figure: Figure, theme: Theme, *, left: float, bottom: float, right: float, top: float) -> Axes:
    """Axes with margins in inches; only the left and lower spines, fine horizontal rules behind."""
    width, height = figure.get_size_inches()
    axes = figure.add_axes(
        (left / width, bottom / height, (width - left - right) / width, (height - bottom - top) / height)
    )
    axes.set_facecolor(theme.paper)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(theme.line)
        spine.set_linewidth(0.8)
    axes.tick_params(
        which="both", colors=theme.soft, labelsize=SMALL, labelfontfamily=FONT, length=0, pad=3, labelcolor=theme.soft
    )
    axes.grid(visible=True, axis="y", color=theme.line, linewidth=0.5)
    axes.set_axisbelow(True)
    return axes


def write(
    axes: Axes, x: float, y: float, text: str, color: str, *, size: float = TEXT, most: int = 26, **kw: Any
) -> None:
    """Text at data coordinates (or those of `transform`), never read as a formula; see `drawable`."""
    kw = {"parse_math": False, "family": FONT, "clip_on": False, **kw}
    axes.text(x, y, drawable(text, most), color=color, fontsize=size, **kw)


def title(figure: Figure, theme: Theme, text: str) -> None:
    """A title at the figure's upper left corner."""
    top = 1 - 0.03 / figure.get_size_inches()[1]
    figure.text(0, top, text, color=theme.ink, fontsize=8.3, family=FONT, weight="bold", va="top", parse_math=False)


def label(axes: Axes, theme: Theme, *, x: str = "", y: str = "") -> None:
    for name, set_label in ((x, axes.set_xlabel), (y, axes.set_ylabel)):
        if name:
            set_label(name, color=theme.soft, fontsize=SMALL, family=FONT, labelpad=3)


def scale_shares(axes: Axes) -> None:
    """Let a chart of one mark a line run from 0 to 1 to the right; its lines are named beside it, if at all."""
    axes.set_xlim(0, 1)
    axes.spines["left"].set_visible(False)
    axes.yaxis.set_major_locator(NullLocator())
    axes.xaxis.set_major_locator(FixedLocator([0, 0.2, 0.4, 0.6, 0.8, 1]))
    axes.xaxis.set_major_formatter(Decimal)


def drawable(text: str, most: int = 26) -> str:
    """`text` as the font can draw it: unknown characters as hollow squares, no longer than `most`."""
    known = _characters()
    text = "".join(
        letter if ord(letter) in known and unicodedata.category(letter)[0] != "C" else "\u25a1" for letter in text
    )
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-(most - most // 2 - 1) :]}"


@cache
def _characters() -> frozenset[int]:
    return frozenset(FT2Font(str(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf")).get_charmap())


def png(figure: Figure) -> bytes:
    """The figure as PNG without the software's name."""
    buffer = io.BytesIO()
    options: dict[str, Any] = {"metadata": {"Software": None}, "pil_kwargs": {"optimize": True}}
    figure.savefig(buffer, format="png", dpi=figure.dpi, facecolor=figure.get_facecolor(), **options)
    return buffer.getvalue()
