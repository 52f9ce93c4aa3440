"""Tables of models at work: images to predict, answers, patients in figures, contests between models, and drift."""

import pandas as pd
import pandera.pandas as pa

from gliaflow.inference.profile import MEASURES, OF_PREDICTIONS
from schemas.base import PARTS, SHA256, TEXT, Table, in_order
from schemas.evaluation import UNIT
from schemas.ingest import SliceKeys


class ImageTable(SliceKeys):
    """gather: one row an image to predict."""

    site: str = pa.Field(str_matches=TEXT)
    image_path: str = pa.Field(unique=True, str_matches=TEXT)
    image_sha256: str = pa.Field(str_matches=SHA256)

    @classmethod
    def remedy(cls) -> str:
        return "Mend or take away the files of these rows and run again; if they are sound, report this as a defect."


class AnswerTable(SliceKeys):
    """prediction, predictions: one row a slice; of one patient paths are relative to its result, of all to the root."""

    site: str = pa.Field(str_matches=TEXT)
    image_path: str = pa.Field(str_matches=TEXT)
    height: int = pa.Field(ge=1)
    width: int = pa.Field(ge=1)
    call: str = pa.Field(isin=["tumor", "unsure", "empty"])
    tumor_probability: float = pa.Field(in_range=UNIT)
    tumor_pixels: int = pa.Field(ge=0)
    mask: str = pa.Field(unique=True, str_matches=TEXT)
    overlay: str = pa.Field(nullable=True, str_matches=TEXT)
    model: str = pa.Field(str_matches=TEXT)

    @pa.dataframe_check(error="tumor_pixels must be at most height x width")
    def fits_the_slice(cls, frame: pd.DataFrame) -> pd.Series:
        return frame["tumor_pixels"] <= frame["height"] * frame["width"]

    @pa.dataframe_check(error="there is an overlay exactly where tumor_pixels > 0")
    def overlaid(cls, frame: pd.DataFrame) -> pd.Series:
        return frame["overlay"].notna() == (frame["tumor_pixels"] > 0)


class Profile(Table):
    """A patient in a few figures; NaN is what can't be told."""

    patient: str = pa.Field(unique=True, str_matches=TEXT)
    site: str = pa.Field(str_matches=TEXT)
    slices: int = pa.Field(ge=1)
    model: str = pa.Field(str_matches=TEXT)
    brightness_pre: float = pa.Field(nullable=True, in_range={"min_value": 0, "max_value": 255})
    brightness_flair: float = pa.Field(nullable=True, in_range={"min_value": 0, "max_value": 255})
    brightness_post: float = pa.Field(nullable=True, in_range={"min_value": 0, "max_value": 255})
    distance: float = pa.Field(nullable=True, ge=0)
    warnings: str
    tumor_share: float = pa.Field(nullable=True, ge=0)
    tumor_rate: float = pa.Field(nullable=True, in_range=UNIT)
    unsure_rate: float = pa.Field(nullable=True, in_range=UNIT)


class ProfileTable(Profile):
    """prediction, predictions: one row a patient that a model has met."""


class FingerprintTable(Profile):
    """fingerprint: one row a patient of the data that a model comes from.

    What it says of patients that it was trained on tells nothing: those measures are left out.
    """

    part: str = pa.Field(isin=PARTS)

    @pa.dataframe_check(error="measures of predictions are missing exactly in the part train")
    def held_out(cls, frame: pd.DataFrame) -> pd.Series:
        missing = frame[list(OF_PREDICTIONS)].isna()
        return missing.all(axis=1).where(frame["part"] == "train", ~missing.any(axis=1))


class ArrivalTable(ProfileTable):
    """drift: one row a patient that came after the model, in the order in which they came."""

    when: str = pa.Field(str_matches=TEXT)

    @pa.dataframe_check(error="rows must ascend by when")
    def ascending(cls, frame: pd.DataFrame) -> pd.Series:
        return in_order(frame, "when")


class DriftTable(Table):
    """drift: one row a measure: the model's own patients beside the last that came."""

    measure: str = pa.Field(unique=True, isin=list(MEASURES))
    reference_patients: int = pa.Field(ge=0)
    reference_median: float = pa.Field(nullable=True)
    reference_low: float = pa.Field(nullable=True)
    reference_high: float = pa.Field(nullable=True)
    recent_patients: int = pa.Field(ge=0)
    recent_median: float = pa.Field(nullable=True)
    above: float = pa.Field(nullable=True, in_range=UNIT)
    p: float = pa.Field(nullable=True, in_range=UNIT)
    adjusted: float = pa.Field(nullable=True, in_range=UNIT)
    drifted: bool

    @pa.dataframe_check(error="adjusted must be at least p")
    def adjusted_upwards(cls, frame: pd.DataFrame) -> pd.Series:
        return frame["p"].isna() | (frame["adjusted"] >= frame["p"])


class ContestTable(Table):
    """contest: one row a frozen test patient and model, each as it would be used."""

    patient: str = pa.Field(str_matches=TEXT)
    release: str = pa.Field(isin=["current", "challenger"])
    slices: int = pa.Field(ge=1)
    tumor_slices: int = pa.Field(ge=0)
    true_pixels: int = pa.Field(ge=0)
    predicted_pixels: int = pa.Field(ge=0)
    intersection: int = pa.Field(ge=0)
    dice: float = pa.Field(in_range=UNIT)

    class Config:
        unique = ["patient", "release"]

    @pa.dataframe_check(error="every patient is predicted by both models, and has one true mask")
    def paired(cls, frame: pd.DataFrame) -> pd.Series:
        groups = frame.groupby("patient")
        return (groups["release"].transform("nunique") == 2) & (groups["true_pixels"].transform("nunique") == 1)
