"""Tables on disk: parquet with the same bytes for the same frame."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 1 << 16  # of a group that is read or passed over as one


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write `frame`, its index dropped, as zstd parquet; equal frames give equal bytes under the same libraries."""
    table = pa.Table.from_pandas(frame.reset_index(drop=True), preserve_index=False)
    pq.write_table(table, path, compression="zstd", row_group_size=ROWS)


def read_table(path: Path) -> pd.DataFrame:
    """Read a table that `write_table` wrote."""
    return pd.read_parquet(path)


def read_rows(path: Path, column: str, values: Sequence[str]) -> pd.DataFrame:
    """The rows of a table with one of `values` in `column`; where it is sorted by that, groups without are not read."""
    return pd.read_parquet(path, filters=[(column, "in", list(values))])
