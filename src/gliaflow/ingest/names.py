"""One parser for the names of slices: what a path says of patient, slice number, site and role.

1. `<patient>_<number>` or `<patient>-<number>`: words such as "slice" or "img" at the end of the patient are left out;
   where nothing remains, the nearest folder that is no images or masks folder is the patient, or "unnamed".
2. A patient `TCGA_<site>_<case>_<date>` is one of kaggle_3m; the clinical case is `TCGA_<site>_<case>`.
3. A mask ends in `_mask` or `_seg` (or with a hyphen), or lies in a folder `mask`, `masks`, `label` or `labels`.
   Everything else is an image.
4. Any other name is odd, also one that ends in a negative number.
5. A slice of a volume, which is a file of many, is called `<file>/<patient>_<number>.slice`, or `..._mask.slice`: there
   is no such file, but what is said of slices by name holds for it as well.
"""

import re
import unicodedata
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

IMAGE_SUFFIXES = frozenset({".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp"})
MASK_FOLDERS = frozenset({"mask", "masks", "label", "labels"})
IMAGE_FOLDERS = frozenset({"image", "images", "img", "imgs"})
VOLUME_SUFFIXES = (".nii", ".nii.gz", ".dcm")
SLICE = ".slice"
CLINICAL_NAME = "data.csv"
SYSTEM_NAMES = frozenset({"__macosx", "thumbs.db", "desktop.ini"})
UNNAMED = "unnamed"

_MASK_ENDING = re.compile(r"[_-](?:mask|seg)$", re.IGNORECASE)
_KAGGLE = re.compile(r"(TCGA_([A-Z0-9]{2})_[A-Z0-9]{4})_[0-9]{8}", re.IGNORECASE)
_NUMBERED = re.compile(r"(?:(.*?)[_\- ])?([0-9]{1,9})", re.DOTALL)
_WORD_AND_NUMBER = re.compile(r"(?:(.*)[_\- ])?(?:slice|img|image|scan|mri|z)([0-9]{1,9})", re.IGNORECASE | re.DOTALL)
_NEGATIVE = re.compile(r"(?:.*[_ ])?-[0-9]+", re.DOTALL)  # -3 is another slice than 3
_GENERIC_ENDING = re.compile(r"(?:^|[_\- ]+)(?:slice|img|image|scan|mri|z)$", re.IGNORECASE)


@dataclass(frozen=True)
class SliceName:
    """What a path says of its slice; `site` and `case` only where the name is of kaggle_3m."""

    patient: str
    slice: int
    site: str | None
    case: str | None
    role: Literal["image", "mask"]


def role_of(path: str) -> Literal["image", "mask"] | None:
    """The role of the file at `path` (posix, relative to the data root), or None where its suffix is no image's."""
    file = PurePosixPath(path)
    if file.suffix.lower() not in IMAGE_SUFFIXES:
        return None
    in_masks = any(folder.lower() in MASK_FOLDERS for folder in file.parts[:-1])
    return "mask" if in_masks or _MASK_ENDING.search(file.stem) else "image"


def is_volume(path: str) -> bool:
    """Whether a file's name is that of a volume."""
    return path.lower().endswith(VOLUME_SUFFIXES)


def slice_path(volume: str, patient: str, number: int, role: Literal["image", "mask"]) -> str:
    """What the slice `number` of a volume (the path of its file) is called."""
    return f"{volume}/{patient}_{number}{'_mask' if role == 'mask' else ''}{SLICE}"


def volume_of(path: str) -> tuple[str, int] | None:
    """The volume's path and the slice's number in a path that `slice_path` made; None for that of a file."""
    file = PurePosixPath(path)
    if file.suffix != SLICE or not file.parent.name.lower().endswith(VOLUME_SUFFIXES):
        return None
    return str(file.parent), int(_MASK_ENDING.sub("", file.stem).rpartition("_")[2])


def parse_name(path: str) -> SliceName | None:
    """What `path` (posix, relative to the data root) says of its slice; None where the name is odd."""
    role = role_of(path)
    file = PurePosixPath(unicodedata.normalize("NFC", path))
    if role is None and volume_of(path):
        role = "mask" if _MASK_ENDING.search(file.stem) else "image"
    if role is None:
        return None
    stem = _MASK_ENDING.sub("", file.stem)
    if _NEGATIVE.fullmatch(stem):
        return None
    numbered = _NUMBERED.fullmatch(stem) or _WORD_AND_NUMBER.fullmatch(stem)
    if not numbered:
        return None
    patient = numbered[1] or ""
    while patient != (shorter := _GENERIC_ENDING.sub("", patient)):
        patient = shorter
    patient, number = patient.strip("_- ") or _folder_patient(file), int(numbered[2])
    if kaggle := _KAGGLE.fullmatch(patient):
        return SliceName(patient.upper(), number, kaggle[2].upper(), kaggle[1].upper(), role)
    return SliceName(patient, number, None, None, role)


def _folder_patient(file: PurePosixPath) -> str:
    """The nearest folder above `file` that is not merely called images or masks."""
    for folder in reversed(file.parts[:-1]):
        if folder.lower() not in MASK_FOLDERS | IMAGE_FOLDERS:
            return folder
    return UNNAMED
