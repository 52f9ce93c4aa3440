"""Whether the patients that come are still like those that a model comes from, measure by measure."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

FEWEST = 5  # patients on either side below which nothing is told
CHANCE = 0.05  # of calling any measure drifted at one look where none is
BAND = (0.05, 0.95)  # quantiles of the reference that are shown

COLUMNS = {
    "measure": "str",
    "reference_patients": "int64",
    "reference_median": "float64",
    "reference_low": "float64",
    "reference_high": "float64",
    "recent_patients": "int64",
    "recent_median": "float64",
    "above": "float64",
    "p": "float64",
    "adjusted": "float64",
    "drifted": "bool",
}


def measure_drift(reference: pd.DataFrame, recent: pd.DataFrame, measures: Sequence[str]) -> pd.DataFrame:
    """Hold the patients of `recent` against those of `reference`, one row each, by each of `measures`.

    Missing values are left out. The test is Mann and Whitney's (1947), two-sided, of whole patients: exact where a side
    has no more than 8 and there are no ties. The p-values of one look are adjusted by Holm's method (1979), so
    that where nothing has drifted a look says otherwise with a probability of CHANCE at most; every look is a chance of
    its own.

    Returns
    -------
    DataFrame
        A row a measure: counts, medians, the band from the 5th to the 95th percentile of the reference, `above` (how
        often a recent patient has more than one of the reference, ties counting half: 0.5 is no drift), p and its
        adjusted value (NaN of fewer than FEWEST on either side), and whether it has drifted.
    """
    rows = []
    for measure in measures:
        old, new = (table[measure].dropna().to_numpy(dtype="float64") for table in (reference, recent))
        row = {"measure": measure, "reference_patients": len(old), "recent_patients": len(new)}
        if len(old):
            low, median, high = np.quantile(old, [BAND[0], 0.5, BAND[1]])
            row |= {"reference_low": low, "reference_median": median, "reference_high": high}
        if len(new):
            row["recent_median"] = float(np.median(new))
        if min(len(old), len(new)) >= FEWEST:
            test = stats.mannwhitneyu(new, old, alternative="two-sided")
            row |= {"above": float(test.statistic) / (len(new) * len(old)), "p": min(float(test.pvalue), 1.0)}
        rows.append(row)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    adjusted = adjust(table["p"].to_numpy(dtype="float64"))
    return table.assign(adjusted=adjusted, drifted=np.nan_to_num(adjusted, nan=1.0) <= CHANCE).astype(COLUMNS)


def adjust(p: np.ndarray) -> np.ndarray:
    """p-values adjusted for their number by Holm's step-down method (1979), float64 [N]; NaN isn't counted."""
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    adjusted = np.full(len(p), np.nan)
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * p[order]), 1.0)
    return adjusted
