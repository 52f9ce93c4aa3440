import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gliaflow.report.tables import (
    Column,
    Kind,
    Table,
    absent,
    interval,
    join,
    markdown_text,
    percent,
    plain,
    plural,
    sentence,
    write,
)


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (0.87651, "score", "0.877"),
        (1941105, "count", "1,941,105"),
        (0.3456, "share", "34.6 %"),
        (1234.56, "tenth", "1,234.6"),
        (np.float64(0.00025), "number", "0.00025"),
        (None, "score", "–"),
        (float("nan"), "count", "–"),
        (pd.NA, "text", "–"),
        (float("inf"), "score", "–"),
        ("", "text", "–"),
        ("a_b", "code", "a_b"),
        (True, "text", "True"),
    ],
)
def test_values_are_written_for_people(value: Any, kind: Kind, text: str) -> None:
    assert write(value, kind) == text


def test_plain_values_fit_into_json() -> None:
    values = {"a": np.int64(3), "b": [np.float32(0.5), float("nan")], "c": pd.NA, "d": {"z", "y"}, "e": pd.NaT}
    assert (
        json.dumps(plain(values), allow_nan=False)
        == '{"a": 3, "b": [0.5, null], "c": null, "d": ["y", "z"], "e": null}'
    )


def test_only_missing_scalars_are_absent() -> None:
    assert [absent(value) for value in (None, np.nan, pd.NA, 0, "", [], [None])] == [True] * 3 + [False] * 4


def test_an_interval_needs_both_ends() -> None:
    assert interval(0.71234, 0.9) == "0.712 to 0.900"
    assert interval(None, 0.9) == interval(0.1, float("nan")) == "–"


def test_markdown_cells_cannot_break_out() -> None:
    table = Table(
        "t", "", [Column("name", "Name"), Column("n", "n", "count")], [{"name": "a|b\n<img src=x>*_", "n": 1200}]
    )
    assert table.markdown().splitlines() == ["| Name | n |", "|---|---:|", r"| a\|b &lt;img src=x&gt;\*\_ | 1,200 |"]
    assert markdown_text("[x](y) `z`") == r"\[x\](y) \`z\`"


def test_plain_rows_hold_the_columns_of_the_table_alone() -> None:
    table = Table("t", "", [Column("a", "A"), Column("b", "B")], [{"a": np.int64(1), "c": 3}])
    assert table.plain() == [{"a": 1, "b": None}]


def test_words() -> None:
    assert join([]) == "" and join(["a"]) == "a" and join(["a", "b", "c"]) == "a, b and c"
    assert (
        plural(1, "leak") == "1 leak"
        and plural(1200, "leak") == "1,200 leaks"
        and plural(2, "axis", "axes") == "2 axes"
    )


def test_per_cents_never_claim_none_or_all_of_what_is_neither() -> None:
    assert [percent(share) for share in (0, 0.001, 0.043, 0.5, 0.9949, 0.9996, 1)] == [
        "0 %", "less than 1 %", "4 %", "50 %", "99 %", "more than 99 %", "100 %",
    ]  # fmt: skip
    assert sentence("a b") == "A b." and sentence("") == ""
