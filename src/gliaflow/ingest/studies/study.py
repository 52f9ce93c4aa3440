"""A study: a patient's slices in order, as a model takes them, and how masks of them become files again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import numpy as np

Kind = Literal["picture", "nifti", "dicom"]


class Spacing(NamedTuple):
    """Millimetres from slice to slice, from row to row and from column to column."""

    slices: float
    rows: float
    columns: float


@dataclass(frozen=True)
class MaskFile:
    """A mask as a file: its name (posix, relative), its media type and its bytes."""

    name: str
    media_type: str
    content: bytes


class Form(Protocol):
    """The format that a study came in: plain data, so that it can be sent from one process to another."""

    @property
    def kind(self) -> Kind: ...

    def encode(self, masks: Sequence[np.ndarray], model: str) -> tuple[MaskFile, ...]:
        """Masks uint8 {0, 1} [H, W], one an image of the study, as files in the geometry and format that it came in.

        `model` is what made them, for formats that say so.
        """
        ...


@dataclass(frozen=True, eq=False)
class Study:
    """One patient's slices in order.

    name    : what to call it; from the names of files and folders that were given, never from what is inside them
    images  : uint8 [H, W, 3] each (pre-contrast, FLAIR, post-contrast), raw; those of a volume have one size
    slices  : what each slice is called
    files   : the names of the files that it was made of
    form    : how masks become files again
    spacing : None where it isn't known
    remarks : sentences on how the images were made of the files, where that is not plain
    """

    name: str
    images: Sequence[np.ndarray]
    slices: tuple[str, ...]
    files: tuple[str, ...]
    form: Form
    spacing: Spacing | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """A file that can't be used: its name as given, a code of `reasons.REASONS`, and the whole sentence."""

    name: str
    reason: str
    message: str
