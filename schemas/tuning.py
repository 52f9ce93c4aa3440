"""Tables of tuning."""

import json

import pandas as pd
import pandera.pandas as pa

from schemas.base import Table
from schemas.evaluation import UNIT


class TrialTable(Table):
    """tuned: one row a trial; `dice` of a pruned trial is that of its last epoch, of a failed one there is none."""

    number: int = pa.Field(ge=0, unique=True)
    state: str = pa.Field(isin=["complete", "pruned", "failed"])
    dice: float = pa.Field(nullable=True, in_range=UNIT)
    epochs: int = pa.Field(ge=0)
    parameters: str
    why: str

    @pa.check("number", error="must count 0, 1, 2 ...")
    def counted_from_zero(cls, number: pd.Series) -> pd.Series:
        return number == pd.Series(range(len(number)), index=number.index)

    @pa.check("parameters", error="must be a JSON object")
    def is_object(cls, parameters: pd.Series) -> pd.Series:
        return parameters.map(_is_object)

    @pa.dataframe_check(error="dice is missing, and why is told, exactly where a trial failed")
    def failures_told(cls, frame: pd.DataFrame) -> pd.Series:
        failed = frame["state"] == "failed"
        return (frame["dice"].isna() == failed) & ((frame["why"] != "") == failed)


class CurveTable(Table):
    """tuned: one row an epoch of a trial."""

    trial: int = pa.Field(ge=0)
    epoch: int = pa.Field(ge=1)
    val_dice: float = pa.Field(in_range=UNIT)

    class Config:
        unique = ["trial", "epoch"]


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
