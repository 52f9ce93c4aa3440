"""The objects of the API as pydantic models: what `/openapi.json` tells of them."""

from typing import Literal

from pydantic import BaseModel, Field

Call = Literal["tumor", "unsure", "empty"]


class Refused(BaseModel):
    """A file that could not be used."""

    name: str
    reason: str = Field(description="A code", examples=["truncated"])
    message: str = Field(description="Why, and what to do about it")


class Said(BaseModel):
    """Why there is no answer."""

    message: str
    refused: list[Refused] | None = None


class UsedModel(BaseModel):
    name: str = Field(examples=["release ac3f38f3a293"])
    engine: str = Field(description="What runs the network", examples=["OpenVINO, bfloat16"])
    training: str | None = Field(description="What it was trained on, in a few words", examples=["60 patients"])


class Slice(BaseModel):
    name: str
    height: int
    width: int
    call: Call
    tumor_probability: float = Field(ge=0, le=1, description="Calibrated probability that the slice holds tumour")
    tumor_pixels: int = Field(ge=0)
    area_mm2: float | None = Field(description="null where the spacing isn't known")
    image: str = Field(description="FLAIR as a grey PNG of height x width, in a data: address")
    mask: str | None = Field(description="Grey PNG of 0 and 255, likewise; null where nothing is tumour")


class Masks(BaseModel):
    name: str
    type: str = Field(description="Media type", examples=["image/tiff"])
    content: str = Field(description="The file in base64")


class Study(BaseModel):
    """A patient's slices together."""

    name: str
    kind: Literal["picture", "nifti", "dicom"]
    call: Call = Field(description="The gravest of its slices")
    tumor_probability: float = Field(ge=0, le=1, description="The greatest of its slices")
    tumor_slices: int = Field(ge=0)
    tumor_pixels: int = Field(ge=0)
    volume_ml: float | None
    spacing_mm: tuple[float, float, float] | None = Field(
        description="From slice to slice, row to row, column to column"
    )
    warnings: list[str] = Field(description="How it is unlike what the model was trained on")
    remarks: list[str] = Field(description="How the images were made of the files, where that is not plain")
    slices: list[Slice]
    mask_files: list[Masks] = Field(description="The masks in the format that the files came in")


class Answered(BaseModel):
    """What the model says of the files. Research use only."""

    model: UsedModel
    seconds: float
    studies: list[Study]
    refused: list[Refused]
    table: str = Field(description="CSV, a row a slice")


class RequestLimits(BaseModel):
    file_bytes: int
    total_bytes: int
    files: int
    slices: int
    pixels: int
    seconds: float


class ModelCard(BaseModel):
    name: str
    engine: str
    card: str | None = Field(description="The model card, in Markdown")
    size: int = Field(description="Height and width in pixels that slices are brought to")
    limits: RequestLimits
    token_needed: bool
    niivue: bool = Field(description="Whether the page can show a volume in three planes")
    formats: list[str]


class Sample(BaseModel):
    name: str
    about: str


class Status(BaseModel):
    status: str
