"""The labelled slice table: what is known of every usable slice, from files, pixels and the patient's record."""

import pandas as pd

from gliaflow.ingest.clinical import CODES, KEY


def label_slices(slices: pd.DataFrame, facts: pd.DataFrame, clinical: pd.DataFrame | None) -> pd.DataFrame:
    """Join the slice table with the facts of all volumes (by patient and slice) and the clinical table (by case).

    Slices without facts, which could not be prepared, are left out. Patients without a clinical row have nulls there.
    """
    labels = slices.merge(facts, on=["patient", "slice"], how="inner", validate="one_to_one")
    labels = labels.sort_values(["patient", "slice"], ignore_index=True)
    labels["has_tumor"] = labels["tumor_pixels"] > 0
    for code in CODES:
        known = clinical.set_index(KEY)[code] if clinical is not None else pd.Series(dtype="float64")
        labels[code] = labels["case"].map(known).astype("float64")
    return labels
