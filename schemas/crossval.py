"""Tables of a cross-validation beside the pooled ones of `schemas.evaluation`."""

import numpy as np
import pandas as pd
import pandera.pandas as pa

from gliaflow.evaluation.audit import KINDS
from schemas.base import TEXT, Table
from schemas.evaluation import UNIT


class FoldTable(Table):
    """pool: one row a fold; `site` is the institution that it tests, where it tests one alone."""

    fold: int = pa.Field(ge=0)
    site: str = pa.Field(nullable=True, str_matches=TEXT)
    patients: int = pa.Field(ge=1)
    slices: int = pa.Field(ge=1)
    tumor_slices: int = pa.Field(ge=0)
    train_patients: int = pa.Field(ge=1)
    val_patients: int = pa.Field(ge=1)
    val_tumor_slices: int = pa.Field(ge=0)
    dice_mean: float = pa.Field(in_range=UNIT)
    dice_median: float = pa.Field(in_range=UNIT)
    slice_dice_tumor: float = pa.Field(nullable=True, in_range=UNIT)
    threshold: int = pa.Field(in_range={"min_value": 1, "max_value": 255})
    min_pixels: int = pa.Field(ge=0)

    @pa.check("fold", error="must count 0, 1, 2 ...")
    def counted_from_zero(cls, fold: pd.Series) -> pd.Series:
        return fold == pd.Series(np.arange(len(fold)), index=fold.index)

    @pa.dataframe_check(error="slice_dice_tumor is missing exactly where there is no tumour slice")
    def mean_known(cls, frame: pd.DataFrame) -> pd.Series:
        return frame["slice_dice_tumor"].isna() == (frame["tumor_slices"] == 0)


class DoubtTable(Table):
    """audit: one row a slice whose mask is doubted, the most doubtful first."""

    rank: int = pa.Field(ge=1)
    patient: str = pa.Field(str_matches=TEXT)
    slice: int = pa.Field(ge=0)
    index: int = pa.Field(ge=0)
    site: str = pa.Field(str_matches=TEXT)
    fold: pd.Int64Dtype = pa.Field(ge=0)
    true_pixels: int = pa.Field(ge=0)
    kind: str = pa.Field(isin=list(KINDS))
    doubt: float = pa.Field(in_range=UNIT)
    unmarked: float = pa.Field(ge=0)
    overmarked: float = pa.Field(ge=0)
    agreed: float = pa.Field(ge=0)
    neighbor: pd.Int64Dtype = pa.Field(nullable=True, ge=0)

    class Config:
        unique = ["patient", "slice"]

    @pa.check("rank", error="must count 1, 2, 3 ...")
    def counted_from_one(cls, rank: pd.Series) -> pd.Series:
        return rank == pd.Series(np.arange(1, len(rank) + 1), index=rank.index)

    @pa.check("doubt", error="must not rise from one row to the next")
    def most_doubtful_first(cls, doubt: pd.Series) -> pd.Series:
        return ~(doubt > doubt.shift(1))

    @pa.dataframe_check(error="a mask is of the kind `empty` exactly if it has no pixel")
    def empty_is_empty(cls, frame: pd.DataFrame) -> pd.Series:
        return (frame["kind"] == "empty") == (frame["true_pixels"] == 0)

    @pa.dataframe_check(error="a mask out of order fits another slice")
    def fits_elsewhere(cls, frame: pd.DataFrame) -> pd.Series:
        return (frame["kind"] != "order") | frame["neighbor"].notna()
