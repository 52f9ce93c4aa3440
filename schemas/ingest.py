"""Tables of the way in: files, slices, rejected files, facts of prepared slices, labelled slices, volumes."""

import pandas as pd
import pandera.pandas as pa

from gliaflow.ingest.reasons import REASONS
from schemas.base import PHASH, SHA256, TEXT, Table, in_order
from schemas.clinical import ClinicalCodes


class FileTable(Table):
    """scan: one row a file under the data root."""

    path: str = pa.Field(unique=True, str_matches=TEXT)
    size: int = pa.Field(ge=0)
    sha256: str = pa.Field(nullable=True, str_matches=SHA256)
    role: str = pa.Field(isin=["image", "mask", "clinical", "other"])
    patient: str = pa.Field(nullable=True, str_matches=TEXT)
    slice: pd.Int64Dtype = pa.Field(nullable=True, coerce=True, ge=0)
    site: str = pa.Field(nullable=True, str_matches=TEXT)
    problem: str = pa.Field(nullable=True, isin=list(REASONS))

    @pa.dataframe_check(error="an image, a mask or a clinical table has a sha256 or a problem")
    def content_known(cls, frame: pd.DataFrame) -> pd.Series:
        return (frame["role"] == "other") | frame["sha256"].notna() | frame["problem"].notna()

    @pa.dataframe_check(error="patient and slice are known together or not at all")
    def name_known(cls, frame: pd.DataFrame) -> pd.Series:
        return frame["patient"].isna() == frame["slice"].isna()


class SliceKeys(Table):
    """What identifies a slice: patient and slice number, unique and ascending."""

    patient: str = pa.Field(str_matches=TEXT)
    slice: int = pa.Field(ge=0)

    class Config:
        unique = ["patient", "slice"]

    @pa.dataframe_check(error="rows must ascend by patient, then slice")
    def ascending(cls, frame: pd.DataFrame) -> pd.Series:
        return in_order(frame, "patient", "slice")


class SliceTable(SliceKeys):
    """pair: one row an image-mask pair."""

    site: str = pa.Field(str_matches=TEXT)
    case: str = pa.Field(nullable=True, str_matches=TEXT)
    image_path: str = pa.Field(unique=True, str_matches=TEXT)
    mask_path: str = pa.Field(unique=True, str_matches=TEXT)
    image_sha256: str = pa.Field(str_matches=SHA256)
    mask_sha256: str = pa.Field(str_matches=SHA256)

    @pa.dataframe_check(error="image and mask must be two files")
    def two_files(cls, frame: pd.DataFrame) -> pd.Series:
        return frame["image_path"] != frame["mask_path"]

    @classmethod
    def remedy(cls) -> str:
        return "Mend or take away the files of these rows and run again; if they are sound, report this as a defect."


class RejectedTable(Table):
    """scan, pair, prepare: one row a file that is not used, with its reason."""

    path: str = pa.Field(unique=True, str_matches=TEXT)
    reason: str = pa.Field(isin=list(REASONS))
    found: str = pa.Field(str_matches=TEXT)
    stage: str = pa.Field(isin=["scan", "pair", "prepare"])
    counted: bool

    @pa.dataframe_check(error="counted must be what the reason's rule says")
    def as_ruled(cls, frame: pd.DataFrame) -> pd.Series:
        return frame["counted"] == frame["reason"].map(lambda code: code in REASONS and REASONS[code].counted)


class SliceFacts(SliceKeys):
    """What prepare measured of each slice; `index` is its row in the patient's arrays."""

    index: int = pa.Field(ge=0)
    height: int = pa.Field(ge=1)
    width: int = pa.Field(ge=1)
    tumor_pixels: int = pa.Field(ge=0)
    brain_pixels: int = pa.Field(ge=0)
    missing: str = pa.Field(isin=["", "pre", "post", "pre,post"])
    mean_pre: float = pa.Field(in_range={"min_value": 0, "max_value": 255})
    mean_flair: float = pa.Field(in_range={"min_value": 0, "max_value": 255})
    mean_post: float = pa.Field(in_range={"min_value": 0, "max_value": 255})
    phash: str = pa.Field(str_matches=PHASH)

    @pa.dataframe_check(error="index must count a patient's slices 0, 1, 2 ...")
    def counted_from_zero(cls, frame: pd.DataFrame) -> pd.Series:
        return frame["index"] == frame.groupby("patient").cumcount()


class FactTable(SliceFacts):
    """prepare: one row a slice of the volume, in the order of its arrays."""


class LabelTable(SliceTable, SliceFacts, ClinicalCodes):
    """label: one row a usable slice, with all that is known of it."""

    has_tumor: bool

    @pa.dataframe_check(error="has_tumor must be True exactly where tumor_pixels > 0")
    def tumor_counted(cls, frame: pd.DataFrame) -> pd.Series:
        return frame["has_tumor"] == (frame["tumor_pixels"] > 0)


class VolumeTable(Table):
    """prepare: one row a patient: how many slices the volume has, and the digest of its content."""

    patient: str = pa.Field(unique=True, str_matches=TEXT)
    slices: int = pa.Field(ge=0)
    content: str = pa.Field(str_matches=TEXT)

    @pa.dataframe_check(error="rows must ascend by patient")
    def ascending(cls, frame: pd.DataFrame) -> pd.Series:
        return in_order(frame, "patient")
