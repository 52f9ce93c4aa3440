"""Strips of MRI slices under one another as one labelled picture."""

import textwrap
from collections.abc import Sequence
from typing import Any

import cv2
from matplotlib.figure import Figure

from gliaflow.report.canvas import DPI, FONT, drawable, new_figure
from gliaflow.report.pictures import GAP, Strip
from gliaflow.report.themes import LIGHT

LABEL, HEAD_LINE, LINE = 214, 34, 21  # pixels: label column, first line, line of text


def draw_montage(strips: Sequence[Strip], columns: Sequence[str], cell: int) -> Figure:
    """The strips under one another in cells of `cell` pixels, names and notes to their left, `columns` above."""
    wide = LABEL + len(columns) * (cell + GAP)
    tall = HEAD_LINE + len(strips) * (cell + GAP)
    figure = new_figure(LIGHT, tall / DPI, wide / DPI)

    def write(x: float, y: float, text: str, color: str, align: str = "left") -> None:
        """Text centred on `y` pixels below the top."""
        look: dict[str, Any] = {"color": color, "fontsize": 4.7, "family": FONT, "parse_math": False}
        figure.text(x / wide, 1 - y / tall, drawable(text), ha=align, va="center", **look)

    for at, name in enumerate(columns):
        write(LABEL + at * (cell + GAP) + cell / 2, HEAD_LINE / 2, name, LIGHT.ink, "center")
    for row, strip in enumerate(strips):
        top = HEAD_LINE + row * (cell + GAP)
        for at, picture in enumerate(strip.cells):
            small = cv2.resize(picture, (cell, cell), interpolation=cv2.INTER_AREA)
            figure.figimage(small, xo=LABEL + at * (cell + GAP), yo=tall - top - cell, origin="upper")
        lines = [line for note in strip.note.split(", ") for line in textwrap.wrap(note, 24)][: cell // LINE]
        start = top + cell / 2 - LINE * len(lines) / 2
        write(4, start, strip.name, LIGHT.ink)
        for line, text in enumerate(lines, start=1):
            write(4, start + LINE * line, text, LIGHT.soft)
    return figure
