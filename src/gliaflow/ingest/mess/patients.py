"""Where mess is put: the patients of a phantom, and pairs after their last slice that may be spoilt."""

import re
import shutil
from pathlib import Path

import numpy as np
import tifffile

from gliaflow.ingest.phantom import PhantomError
from gliaflow.ingest.phantom.write import write_tiff

PHANTOM_PATIENT = re.compile(r"TCGA_[A-Z]{2}_P\d{3}_\d{8}")  # no real case starts with a P
DOUBLE = "lgg-mri-segmentation"  # the folder that holds the second copy in the archive that Kaggle delivers
RENAMED = "renamed"
TABLES = "tables"
MESS_FOLDERS = frozenset({DOUBLE, RENAMED, TABLES})


def patients_of(folder: Path) -> list[Path]:
    """The phantom's patient folders, sorted. Raises PhantomError if there are none, or others beside them."""
    homes = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    homes = [home for home in homes if home.name not in MESS_FOLDERS]
    strange = [home.name for home in homes if not PHANTOM_PATIENT.fullmatch(home.name)]
    if strange or not homes:
        found = f"the folder {strange[0]}, which is none" if strange else "no patient"
        raise PhantomError(
            f"Mess is added to phantom patients alone, {folder} holds {found}: make a phantom of its own"
        )
    return homes


def draw_patient(folder: Path, rng: np.random.Generator) -> Path:
    """The folder of some patient."""
    homes = patients_of(folder)
    return homes[rng.integers(len(homes))]


def numbered(home: Path, number: int | str, mask: bool = False) -> Path:
    """The path of a patient's image, or mask, of slice `number`."""
    return home / f"{home.name}_{number}{'_mask' if mask else ''}.tif"


def last_slice(home: Path) -> int:
    """The greatest slice number of a patient, of images or masks, also below folders of its folder."""
    numbers = (re.search(r"_0*(\d{1,6})(_mask)?\.[a-z]+$", path.name, re.IGNORECASE) for path in home.rglob("*"))
    return max(int(found[1]) for found in numbers if found)


def next_pair(folder: Path, rng: np.random.Generator) -> tuple[Path, Path]:
    """A pair (image, mask), yet to be spoilt, after the last slice of some patient: a copy of the first."""
    home = draw_patient(folder, rng)
    number = last_slice(home) + 1
    image, mask = numbered(home, number), numbered(home, number, mask=True)
    shutil.copyfile(numbered(home, 1), image)
    shutil.copyfile(numbered(home, 1, mask=True), mask)
    return image, mask


def next_image(folder: Path, rng: np.random.Generator) -> tuple[Path, np.ndarray]:
    """The image of `next_pair` and its pixels, uint8 [H, W, 3]."""
    image, _ = next_pair(folder, rng)
    return image, tifffile.imread(image)


def next_mask(folder: Path, rng: np.random.Generator) -> tuple[Path, np.ndarray]:
    """The mask of `next_pair` and its pixels, uint8 {0, 255} [H, W], with a lesion of a quarter of the side."""
    _, mask = next_pair(folder, rng)
    pixels = tifffile.imread(mask)
    height, width = pixels.shape
    pixels[height // 4 : height // 2, width // 4 : width // 2] = 255
    write_tiff(mask, pixels)
    return mask, pixels


def put(path: Path, content: bytes) -> Path:
    """Write `content` to `path`, and give `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
