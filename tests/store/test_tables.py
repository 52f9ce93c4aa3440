"""Tables keep their types, and equal tables have equal bytes."""

import numpy as np
import pandas as pd
import pytest

from gliaflow.store import tables
from gliaflow.store.tables import read_rows, read_table, write_table


def test_types_survive_and_bytes_are_the_same(tmp_path):
    frame = pd.DataFrame(
        {
            "patient": pd.Series(["a", None], dtype="str"),
            "slice": pd.Series([1, None], dtype="Int64"),
            "has_tumor": [True, False],
            "dice": [0.5, float("nan")],
        },
        index=[7, 3],
    )
    write_table(frame, tmp_path / "1.parquet")
    write_table(frame.copy(), tmp_path / "2.parquet")
    assert (tmp_path / "1.parquet").read_bytes() == (tmp_path / "2.parquet").read_bytes()
    pd.testing.assert_frame_equal(read_table(tmp_path / "1.parquet"), frame.reset_index(drop=True))


def test_rows_of_some_patients_are_read_without_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "ROWS", 100)
    names = [f"patient-{number:02d}" for number in range(40)]
    frame = pd.DataFrame({"patient": pd.Series(np.repeat(names, 10), dtype="str"), "slice": np.arange(400)})
    path = tmp_path / "slices.parquet"
    write_table(frame, path)
    content = bytearray(path.read_bytes())
    content[len(content) // 8 : len(content) // 4] = bytes(len(content) // 4 - len(content) // 8)  # in the first groups
    path.write_bytes(content)
    with pytest.raises(OSError):
        read_table(path)
    rows = read_rows(path, "patient", ["patient-39", "patient-38"])
    pd.testing.assert_frame_equal(rows, frame[380:].reset_index(drop=True))
