"""Colours of the page and its charts, by light and by dark; the series are Okabe and Ito's colour-blind-safe ones."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Theme:
    """`paper` behind, `ink` for text, `soft` for lesser text, `line` for rules; `series` tells groups apart."""

    name: str
    paper: str
    ink: str
    soft: str
    line: str
    wash: str
    accent: str
    warning: str
    warning_wash: str
    series: tuple[str, ...]


LIGHT = Theme(
    name="light",
    paper="#ffffff",
    ink="#1b1d20",
    soft="#595f66",
    line="#d5d8dc",
    wash="#f5f6f7",
    accent="#0b5f93",
    warning="#8f3d00",
    warning_wash="#fdf1e7",
    series=("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a7f85"),
)
DARK = Theme(
    name="dark",
    paper="#14171a",
    ink="#e4e6e8",
    soft="#a2a9b1",
    line="#383e45",
    wash="#1d2125",
    accent="#7cc0ec",
    warning="#f5b27d",
    warning_wash="#2c2118",
    series=("#56b4e9", "#ec7a26", "#1fc095", "#d995bb", "#e9b440", "#f0e442", "#9ba1a8"),
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
