"""Tables of training, scoring and predicting."""

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.typing import Series

from schemas.base import TEXT, Table

UNIT = {"min_value": 0, "max_value": 1}


class HistoryTable(Table):
    """train: one row an epoch."""

    epoch: int = pa.Field(ge=1)
    loss: float
    dice: float = pa.Field(in_range=UNIT)
    val_loss: float
    val_dice: float = pa.Field(in_range=UNIT)
    learning_rate: float = pa.Field(gt=0)

    @pa.check("epoch", error="must count 1, 2, 3 ...")
    def counted_from_one(cls, epoch: pd.Series) -> pd.Series:
        return epoch == pd.Series(np.arange(1, len(epoch) + 1), index=epoch.index)


class Overlap(Table):
    """Pixel counts that every overlap metric comes from."""

    true_pixels: int = pa.Field(ge=0)
    predicted_pixels: int = pa.Field(ge=0)
    intersection: int = pa.Field(ge=0)

    @pa.dataframe_check(error="intersection must be at most true_pixels and at most predicted_pixels")
    def intersection_fits(cls, frame: pd.DataFrame) -> pd.Series:
        return frame["intersection"] <= frame[["true_pixels", "predicted_pixels"]].min(axis=1)


class PredictionTable(Overlap):
    """evaluate: one row a slice of val and test. pool: one row a slice, with the fold that tested it."""

    patient: str = pa.Field(str_matches=TEXT)
    slice: int = pa.Field(ge=0)
    part: str = pa.Field(isin=["val", "test"])
    site: str = pa.Field(str_matches=TEXT)
    image_path: str = pa.Field(str_matches=TEXT)
    mask_path: str = pa.Field(str_matches=TEXT)
    mask: int = pa.Field(isin=[0, 1])
    has_mask: int = pa.Field(isin=[0, 1])
    score: float = pa.Field(in_range=UNIT)
    tumor_probability: float = pa.Field(in_range=UNIT)
    call: str = pa.Field(isin=["tumor", "unsure", "empty"])
    pixels: int = pa.Field(ge=1)
    hd95: float = pa.Field(nullable=True, ge=0)
    nsd: float = pa.Field(nullable=True, in_range=UNIT)
    fold: Series[pd.Int64Dtype] | None = pa.Field(ge=0)

    class Config:
        unique = ["patient", "slice"]

    @pa.dataframe_check(error="mask must be 1 exactly where true_pixels > 0")
    def mask_counted(cls, frame: pd.DataFrame) -> pd.Series:
        return frame["mask"] == (frame["true_pixels"] > 0)

    @pa.dataframe_check(error="has_mask must be 1 exactly where predicted_pixels > 0")
    def prediction_counted(cls, frame: pd.DataFrame) -> pd.Series:
        return frame["has_mask"] == (frame["predicted_pixels"] > 0)

    @pa.dataframe_check(error="true_pixels and predicted_pixels must be at most pixels")
    def fits_the_slice(cls, frame: pd.DataFrame) -> pd.Series:
        return frame[["true_pixels", "predicted_pixels"]].max(axis=1) <= frame["pixels"]

    @pa.dataframe_check(error="hd95 is missing exactly where a mask is empty")
    def distance_known(cls, frame: pd.DataFrame) -> pd.Series:
        return frame["hd95"].isna() == (frame[["true_pixels", "predicted_pixels"]] == 0).any(axis=1)

    @pa.dataframe_check(error="nsd is missing exactly where both masks are empty, and 0 where one is")
    def outlines_known(cls, frame: pd.DataFrame) -> pd.Series:
        empty = (frame[["true_pixels", "predicted_pixels"]] == 0).sum(axis=1)
        return (frame["nsd"].isna() == (empty == 2)) & ((empty != 1) | (frame["nsd"] == 0))


class PatientTable(Overlap):
    """evaluate: one row a patient of val and test (under the protocol `slice` a patient may be in both).

    pool: one row a patient, with the fold that tested it.
    """

    patient: str = pa.Field(str_matches=TEXT)
    site: str = pa.Field(str_matches=TEXT)
    part: str = pa.Field(isin=["val", "test"])
    slices: int = pa.Field(ge=1)
    tumor_slices: int = pa.Field(ge=0)
    dice: float = pa.Field(in_range=UNIT)
    iou: float = pa.Field(in_range=UNIT)
    accuracy: float = pa.Field(in_range=UNIT)
    mean_slice_dice: float = pa.Field(nullable=True, in_range=UNIT)
    hd95: float = pa.Field(nullable=True, ge=0)
    nsd: float = pa.Field(nullable=True, in_range=UNIT)
    fold: Series[pd.Int64Dtype] | None = pa.Field(ge=0)

    class Config:
        unique = ["patient", "part"]

    @pa.dataframe_check(error="Dice must be at least IoU")
    def dice_above_iou(cls, frame: pd.DataFrame) -> pd.Series:
        return frame["dice"] >= frame["iou"]

    @pa.dataframe_check(error="tumor_slices must be at most slices")
    def tumor_within(cls, frame: pd.DataFrame) -> pd.Series:
        return frame["tumor_slices"] <= frame["slices"]

    @pa.dataframe_check(error="mean_slice_dice is missing exactly where there is no tumour slice")
    def mean_known(cls, frame: pd.DataFrame) -> pd.Series:
        return frame["mean_slice_dice"].isna() == (frame["tumor_slices"] == 0)

    @pa.dataframe_check(error="nsd is missing exactly where both masks are empty throughout, and hd95 then, too")
    def outlines_known(cls, frame: pd.DataFrame) -> pd.Series:
        nothing = frame["true_pixels"] + frame["predicted_pixels"] == 0
        return (frame["nsd"].isna() == nothing) & (frame["hd95"].isna() | ~nothing)


class ConfidenceTable(Table):
    """evaluate: one row a patient, part and level of probability, round(255 p), that a pixel has."""

    patient: str = pa.Field(str_matches=TEXT)
    part: str = pa.Field(isin=["val", "test"])
    level: int = pa.Field(in_range={"min_value": 0, "max_value": 255})
    pixels: int = pa.Field(ge=1)
    tumor_pixels: int = pa.Field(ge=0)

    class Config:
        unique = ["patient", "part", "level"]

    @pa.dataframe_check(error="tumor_pixels must be at most pixels")
    def tumor_within(cls, frame: pd.DataFrame) -> pd.Series:
        return frame["tumor_pixels"] <= frame["pixels"]


class FrameTable(Table):
    """predict: the notebook's prediction frame, one row a slice; paths of results are relative to their artifact."""

    patient: str = pa.Field(str_matches=TEXT)
    slice: int = pa.Field(ge=0)
    image_path: str = pa.Field(str_matches=TEXT)
    mask_path: str = pa.Field(str_matches=TEXT)
    mask: int = pa.Field(isin=[0, 1])
    predicted_mask: str = pa.Field(unique=True, str_matches=TEXT)
    has_mask: int = pa.Field(isin=[0, 1])
    overlay: str = pa.Field(nullable=True, str_matches=TEXT)  # not unique=True: it takes nulls for repeats

    class Config:
        unique = ["patient", "slice"]

    @pa.dataframe_check(error="overlay must not repeat")
    def own_overlay(cls, frame: pd.DataFrame) -> pd.Series:
        return frame["overlay"].isna() | ~frame["overlay"].duplicated(keep=False)

    @pa.dataframe_check(error="there is an overlay exactly where there is true or predicted tumour")
    def overlaid(cls, frame: pd.DataFrame) -> pd.Series:
        return frame["overlay"].notna() == ((frame["mask"] == 1) | (frame["has_mask"] == 1))
