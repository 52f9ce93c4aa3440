"""Tables of a cross-validation beside the pooled ones of `schemas.evaluation`."""

import numpy as np
import pandas as pd
import pandera.pandas as pa

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
