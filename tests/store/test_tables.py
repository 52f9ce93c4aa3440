"""Tables keep their types, and equal tables have equal bytes."""

import pandas as pd

from gliaflow.store.tables import read_table, write_table


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
