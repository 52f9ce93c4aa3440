"""Tables on disk: parquet with the same bytes for the same frame."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write `frame`, its index dropped, as zstd parquet; equal frames give equal bytes under the same libraries."""
    pq.write_table(pa.Table.from_pandas(frame.reset_index(drop=True), preserve_index=False), path, compression="zstd")


def read_table(path: Path) -> pd.DataFrame:
    """Read a table that `write_table` wrote."""
    return pd.read_parquet(path)
