"""Made slice tables as `examine` hands them to its checks."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

Labels = Callable[..., pd.DataFrame]


@pytest.fixture
def labels() -> Labels:
    """`labels(patients, slices, **columns)`: sound patients; the middle half of each has tumour.

    A column is a value for all rows, or a mapping of (patient, slice) to the value of that row.
    """

    def make(patients: int = 3, slices: int = 8, site: str = "CS", **columns: Any) -> pd.DataFrame:
        rows: list[dict[str, Any]] = []
        for patient in range(patients):
            for number in range(1, slices + 1):
                row: dict[str, Any] = {
                    "patient": f"P{patient}",
                    "slice": number,
                    "site": site,
                    "case": f"TCGA_{site}_{patient:04d}",
                    "image_sha256": f"{patient:032d}{number:032d}",
                    "height": 256,
                    "width": 256,
                    "tumor_pixels": 500 if slices / 4 < number <= 3 * slices / 4 else 0,
                    "brain_pixels": 60_000,
                    "head_pixels": 20_000,
                    "border_pixels": 0,
                    "missing": "",
                    "deviation": 30.0,
                    "mean_pre": 20.0 + 0.1 * patient,
                    "mean_flair": 20.0 + 0.1 * patient,
                    "mean_post": 20.0 + 0.1 * patient,
                }
                for name, value in columns.items():
                    row[name] = value.get((row["patient"], number), row.get(name)) if isinstance(value, dict) else value
                rows.append(row)
        return pd.DataFrame(rows)

    return make
