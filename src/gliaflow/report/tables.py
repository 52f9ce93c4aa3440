"""A table of the report: raw values in named columns, and how each column is written for people."""

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

Kind = Literal["text", "code", "count", "score", "tenth", "share", "number"]
MISSING = "–"


@dataclass(frozen=True)
class Column:
    """`name` keys the rows, `label` heads the column, `kind` says how its values are written."""

    name: str
    label: str
    kind: Kind = "text"

    @property
    def numeric(self) -> bool:
        return self.kind not in ("text", "code")


@dataclass(frozen=True)
class Table:
    """Rows of raw values; values are plain Python ones or numpy scalars, None or NaN where there is none."""

    key: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Mapping[str, Any]] = field(default_factory=list)

    def plain(self) -> list[dict[str, Any]]:
        """The rows as JSON can hold them: columns of this table alone, NaN as None, numpy scalars as Python's."""
        return [{column.name: plain(row.get(column.name)) for column in self.columns} for row in self.rows]

    def markdown(self) -> str:
        """The table in GitHub's markdown; values can't break out of their cells."""
        lines = ["| " + " | ".join(markdown_text(column.label) for column in self.columns) + " |"]
        lines.append("|" + "|".join("---:" if column.numeric else "---" for column in self.columns) + "|")
        for row in self.rows:
            cells = (markdown_text(write(row.get(column.name), column.kind)) for column in self.columns)
            lines.append("| " + " | ".join(cells) + " |")
        return "\n".join(lines)


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The frame's rows as mappings of column name to value."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: numpy and pandas scalars become Python's, NaN, NA and infinities None."""
    if absent(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        inner = [plain(item) for item in value]
        return sorted(inner, key=str) if isinstance(value, (set, frozenset)) else inner
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (bool, int, float, str)) else str(value)


def absent(value: Any) -> bool:
    """Whether `value` is None, NaN or pandas' NA or NaT."""
    return value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))


def write(value: Any, kind: Kind = "text") -> str:
    """`value` for people: counts with commas, scores to three decimals, shares in per cent, a dash for nothing."""
    value = plain(value)
    if value is None or value == "":
        return MISSING
    if kind in ("text", "code") or isinstance(value, (str, bool, list, dict)):
        return str(value)
    if kind == "count":
        return f"{value:,.0f}"
    if kind == "score":
        return f"{value:.3f}"
    if kind == "tenth":
        return f"{value:,.1f}"
    if kind == "share":
        return f"{100 * value:.1f} %"
    return f"{value:,.6g}"


def interval(low: Any, high: Any) -> str:
    """`low` to `high` to three decimals, or a dash where either is missing."""
    return MISSING if absent(plain(low)) or absent(plain(high)) else f"{low:.3f} to {high:.3f}"


def markdown_text(text: str) -> str:
    """`text` as markdown that shows just these characters."""
    escaped = html.escape(" ".join(text.split()), quote=False)
    return "".join(f"\\{letter}" if letter in "\\`*_[]|#~!" else letter for letter in escaped)


def join(words: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *most, last = list(words) or [""]
    return f"{', '.join(most)} and {last}" if most else last


def plural(count: int, word: str, several: str | None = None) -> str:
    """`1 slice`, `1,200 slices`."""
    return f"{count:,} {word if count == 1 else several or word + 's'}"


def percent(share: float) -> str:
    """`0.043` as `4 %`; of what is neither none nor all never `0 %` or `100 %`."""
    if 0 < share < 0.005:
        return "less than 1 %"
    return "more than 99 %" if 0.995 <= share < 1 else f"{100 * share:.0f} %"


def sentence(words: str) -> str:
    """`words` with a capital and a full stop; nothing of nothing."""
    return f"{words[0].upper()}{words[1:]}." if words else ""
