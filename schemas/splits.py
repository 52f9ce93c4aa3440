"""Tables of splitting: the part of every slice, and what the leak audit found."""

import pandas as pd
import pandera.pandas as pa

from schemas.base import PARTS, TEXT, Table


class PartTable(Table):
    """split: one row a slice and its part; `fold` is the fold in which the patient is tested."""

    patient: str = pa.Field(str_matches=TEXT)
    slice: int = pa.Field(ge=0)
    part: str = pa.Field(isin=PARTS)
    fold: pd.Int64Dtype = pa.Field(nullable=True, coerce=True, ge=0)

    class Config:
        unique = ["patient", "slice"]


class LeakTable(Table):
    """split: one row a leak between two parts: a shared patient, or an exact or near duplicate slice."""

    kind: str = pa.Field(isin=["patient", "exact", "near"])
    part_a: str = pa.Field(isin=PARTS)
    patient_a: str = pa.Field(str_matches=TEXT)
    slice_a: pd.Int64Dtype = pa.Field(nullable=True, coerce=True, ge=0)
    part_b: str = pa.Field(isin=PARTS)
    patient_b: str = pa.Field(str_matches=TEXT)
    slice_b: pd.Int64Dtype = pa.Field(nullable=True, coerce=True, ge=0)
    similarity: float = pa.Field(in_range={"min_value": 0, "max_value": 1})

    @pa.dataframe_check(error="a leak is between two different parts")
    def across_parts(cls, frame: pd.DataFrame) -> pd.Series:
        return frame["part_a"] != frame["part_b"]

    @pa.dataframe_check(error="a leak of kind patient names no slices, the others name both")
    def slices_named(cls, frame: pd.DataFrame) -> pd.Series:
        whole = frame["kind"] == "patient"
        return (frame["slice_a"].isna() == whole) & (frame["slice_b"].isna() == whole)

    @pa.dataframe_check(error="similarity must be 1 for the kinds patient and exact")
    def exact_is_one(cls, frame: pd.DataFrame) -> pd.Series:
        return (frame["kind"] == "near") | (frame["similarity"] == 1)
