"""What the released model takes for unlike its training data, and of what it would warn how often."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from gliaflow.inference.foreign import summarise_trial
from gliaflow.report.tables import Column, Table, absent, percent, plural, rows_of


def in_words(known: Mapping[str, Any] | None) -> str:
    """What a warning is told from, of the `familiarity` in `model.json`; nothing without it."""
    if not known:
        return ""
    patients = plural(int(known["patients"]), "training patient")
    if absent(known.get("spread")):
        return f"There are only {patients}: too few to tell what is unlike them, so no warning is given."
    return (
        f"Predicting with the released model compares each patient's slices with those of {patients} and warns of what "
        "is unlike them: it may be segmented badly, however sure the network seems. Of patients like them at most "
        f"{percent(known['expected'])} get a warning all the same."
    )


def trial_table(tried: pd.DataFrame | None, known: Mapping[str, Any] | None) -> Table:
    """One row a kind of input made of held-out patients: how many were tried, and the share with a warning.

    No row where no warning is ever given.
    """
    never = not known or absent(known.get("spread"))
    rows = [] if tried is None or never else rows_of(summarise_trial(tried))
    columns = [
        Column("input", "Input"),
        Column("volumes", "Patients", "count"),
        Column("warned", "With a warning", "share"),
    ]
    caption = "Who got a warning: held-out patients as they are, and the same made into what the network never learnt."
    return Table("familiarity", caption, columns, rows)
