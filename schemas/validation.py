"""Lazy validation of tables: a failure names every offending row, in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pandera.pandas as pa
from pandas.api.types import infer_dtype
from pandera.errors import SchemaError, SchemaErrorReason, SchemaErrors

from gliaflow.errors import GliaflowError
from schemas.base import PATTERNS

NOUNS = {"int64": "a whole number", "Int64": "a whole number", "float64": "a number", "bool": "True or False"}
ROW_KEYS = ("Patient", "patient", "patient_a", "slice", "slice_a", "part", "epoch", "path", "image_path")


@dataclass(frozen=True)
class Problem:
    """One broken rule: of a row (`row` is its position), or of the whole table (`row` is None)."""

    rule: str
    column: str | None = None
    row: int | None = None
    value: Any = None
    about: str = ""

    def __str__(self) -> str:
        where = "the whole table" if self.row is None else f"row {self.row}{self.about}"
        if self.column is None:
            return f"{where}: {self.rule}"
        arrived = "" if self.row is None else f" is {self.value!r};"
        return f"{where}: {self.column}{arrived} {self.rule}"


class InvalidTable(GliaflowError, ValueError):
    """A table that breaks its schema; `problems` holds every broken rule and row, the message all of them in words."""

    def __init__(self, what: str, problems: list[Problem], remedy: str) -> None:
        rows = len({problem.row for problem in problems if problem.row is not None})
        count = f" in {rows} {'row' if rows == 1 else 'rows'}" if rows else ""
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"The {what} breaks its rules{count}:\n{lines}\n{remedy}")
        self.problems = problems


def validate(frame: pd.DataFrame, schema: type[pa.DataFrameModel], what: str) -> pd.DataFrame:
    """Check `frame` against `schema`; return it, coerced where harmless (int64 to float64 in nullable columns).

    `what` names the table in messages, e.g. "clinical table data.csv". Raises InvalidTable listing every offending row.
    """
    plain = _text_as_str(frame.reset_index(drop=True), schema)
    try:
        return schema.validate(plain, lazy=True)
    except SchemaErrors as error:
        failures = error.schema_errors
    except SchemaError as error:
        failures = [error]
    problems = list(dict.fromkeys(problem for failure in failures for problem in _problems(plain, failure)))
    # A check that could not even run (on a column of the wrong type) adds nothing to the failure that made it so.
    told = [problem for problem in problems if problem.rule != _CANNOT_CHECK] or problems
    told = told or [Problem(str(failure)) for failure in failures]  # whatever happens, a failure says something
    told.sort(key=lambda problem: -1 if problem.row is None else problem.row)
    remedy = getattr(schema, "remedy", lambda: "")()
    raise InvalidTable(what, told, remedy) from None


def _text_as_str(frame: pd.DataFrame, schema: type[pa.DataFrameModel]) -> pd.DataFrame:
    """Columns of text that came as Python objects become the type str; nothing else changes."""
    expected = schema.to_schema().columns
    text = [name for name in frame.columns if name in expected and str(expected[name].dtype) not in NOUNS]
    objects = [name for name in text if frame[name].dtype == object]
    plain = [name for name in objects if infer_dtype(frame[name], skipna=True) in ("string", "empty")]
    return frame.astype(dict.fromkeys(plain, "str"))


_CANNOT_CHECK = "a rule could not be checked"


def _problems(frame: pd.DataFrame, failure: SchemaError) -> Iterator[Problem]:
    """The rows, or the one table-wide fact, behind one of pandera's errors."""
    code, cases = failure.reason_code, failure.failure_cases
    rows = cases["index"].tolist() if isinstance(cases, pd.DataFrame) and "index" in cases else []
    on_column = type(failure.schema).__name__ == "Column"
    column = failure.schema.name if on_column else None
    match code:
        case SchemaErrorReason.COLUMN_NOT_IN_DATAFRAME:
            yield Problem("must be there; the column is missing", str(cases))
        case SchemaErrorReason.COLUMN_NOT_IN_SCHEMA:
            yield Problem("is a column that does not belong here", str(cases))
        case SchemaErrorReason.CHECK_ERROR:
            yield Problem(_CANNOT_CHECK)
        case SchemaErrorReason.WRONG_DATATYPE | SchemaErrorReason.DATATYPE_COERCION:
            yield from _wrong_type(frame, str(column), str(failure.schema.dtype))
        case SchemaErrorReason.DUPLICATES:
            keys = list(dict.fromkeys(cases["column"])) if "column" in cases else [str(column)]
            for row in dict.fromkeys(rows):
                value = tuple(frame.loc[row, keys]) if len(keys) > 1 else frame.loc[row, keys[0]]
                yield Problem("must not repeat", " + ".join(keys), row, _plain(value), _about(frame, row))
        case SchemaErrorReason.SERIES_CONTAINS_DUPLICATES:
            for row in rows:
                yield Problem("must not repeat", column, row, _plain(frame.loc[row, column]), _about(frame, row))
        case SchemaErrorReason.SERIES_CONTAINS_NULLS:
            for row in rows:
                yield Problem("must not be missing", column, row, None, _about(frame, row))
        case _:
            rule = _rule(failure.check)
            for row in dict.fromkeys(row for row in rows if row is not None):
                value = _plain(frame.loc[row, column]) if on_column else None
                yield Problem(rule, column, row, value, _about(frame, row))
            if all(row is None for row in rows):
                yield Problem(rule, column)


def _wrong_type(frame: pd.DataFrame, column: str, dtype: str) -> Iterator[Problem]:
    """The rows whose value is no number, whole number, text or truth value as `dtype` wants; else the column's type."""
    values = frame[column]
    if dtype in ("int64", "Int64", "float64"):
        numbers = pd.to_numeric(values, errors="coerce")
        wrong = numbers.isna() & (values.notna() | (dtype == "int64"))
        if dtype != "float64":
            wrong |= numbers.notna() & (numbers % 1 != 0)
    elif dtype == "bool":
        wrong = ~values.map(lambda value: value is True or value is False)
    else:
        wrong = values.map(lambda value: not isinstance(value, str) and not pd.isna(value))
    rule = f"must be {NOUNS.get(dtype, 'text')}"
    for row in values.index[wrong.to_numpy(bool)]:
        yield Problem(rule, column, row, _plain(values.loc[row]), _about(frame, row))
    if not wrong.any():
        expected = dtype if dtype in NOUNS else "str"
        yield Problem(f"must have the type {expected}, not {values.dtype}", column)


def _rule(check: Any) -> str:
    """A check's rule in words: the message it was given, or a sentence for pandera's own checks."""
    limits = getattr(check, "statistics", None) or {}
    match getattr(check, "name", None):
        case "greater_than_or_equal_to":
            return f"must be at least {limits['min_value']}"
        case "greater_than":
            return f"must be greater than {limits['min_value']}"
        case "less_than_or_equal_to":
            return f"must be at most {limits['max_value']}"
        case "in_range":
            return f"must lie between {limits['min_value']} and {limits['max_value']}"
        case "isin":
            choices = [repr(choice) for choice in limits["allowed_values"]]
            return f"must be {' or '.join([', '.join(choices[:-1]), choices[-1]]) if choices[1:] else choices[0]}"
        case "str_matches":
            return PATTERNS.get(limits["pattern"], f"must match {limits['pattern']}")
    return str(getattr(check, "error", None) or check)


def _about(frame: pd.DataFrame, row: int) -> str:
    """What row this is, for a person: " (patient TCGA_CS_4941, slice 3)"."""
    values = {key: _plain(frame[key].iloc[row]) for key in ROW_KEYS if key in frame.columns}
    told = [f"{key} {value}" for key, value in values.items() if value is not None]
    return f" ({', '.join(told)})" if told else ""


def _plain(value: Any) -> Any:
    """A value as plain Python prints it: 3, not np.int64(3)."""
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    if pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value
