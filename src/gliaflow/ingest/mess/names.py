"""Odd names, and slices that lack their image or mask or have more than one."""

import os
from pathlib import Path

import numpy as np
import tifffile

from gliaflow.ingest.mess.patients import next_pair, put
from gliaflow.ingest.phantom.write import write_tiff


def _renamed(pair: tuple[Path, Path], stem: str, mask_stem: str | None = None, suffix: str = ".tif") -> Path:
    """Both files of a pair under another name, which may hold a folder; gives the image."""
    image, mask = pair
    target = image.with_name(f"{stem}{suffix}") if "/" not in stem else image.parent / f"{stem}{suffix}"
    target.parent.mkdir(parents=True, exist_ok=True)
    mask.rename(target.with_name(f"{mask_stem or target.name.removesuffix(suffix) + '_mask'}{suffix}"))
    return image.rename(target)


def image_without_mask(folder: Path, rng: np.random.Generator) -> Path:
    """An image that has no mask."""
    image, mask = next_pair(folder, rng)
    mask.unlink()
    return image


def mask_without_image(folder: Path, rng: np.random.Generator) -> Path:
    """A mask that has no image."""
    image, mask = next_pair(folder, rng)
    image.unlink()
    return mask


def two_files_for_one_slice(folder: Path, rng: np.random.Generator) -> Path:
    """A second image of a slice, its number written with a leading zero, of other content than the first."""
    image, _ = next_pair(folder, rng)
    patient, _, number = image.stem.rpartition("_")
    second = image.with_name(f"{patient}_0{number}.tif")
    write_tiff(second, tifffile.imread(image)[:, ::-1])
    return second


def composed_and_decomposed(folder: Path, rng: np.random.Generator) -> Path:
    """Two images of one slice whose names differ in how an umlaut is spelt in bytes."""
    pair = next_pair(folder, rng)
    pixels = tifffile.imread(pair[0])
    image = _renamed(pair, "J\u00f6rg_1")
    write_tiff(image.with_name("Jo\u0308rg_1.tif"), pixels[::-1])
    return image


def odd_name(folder: Path, rng: np.random.Generator) -> Path:
    """An image whose name tells neither patient nor slice."""
    image, mask = next_pair(folder, rng)
    mask.unlink()
    return image.rename(image.with_name("IMG final(2).tif"))


def name_of_a_copy(folder: Path, rng: np.random.Generator) -> Path:
    """What a desktop calls a second copy of an image."""
    image, mask = next_pair(folder, rng)
    mask.unlink()
    return image.rename(image.with_name(f"{image.stem} - Copy.tif"))


def negative_number(folder: Path, rng: np.random.Generator) -> Path:
    """A pair numbered from the middle of the head, this one below it."""
    image, mask = next_pair(folder, rng)
    return _renamed((image, mask), f"{image.parent.name}_-1")


def huge_number(folder: Path, rng: np.random.Generator) -> Path:
    """A pair numbered by the time of day."""
    image, mask = next_pair(folder, rng)
    return _renamed((image, mask), f"{image.parent.name}_20240131235959")


def no_number(folder: Path, rng: np.random.Generator) -> Path:
    """A pair that is called the last."""
    image, mask = next_pair(folder, rng)
    return _renamed((image, mask), f"{image.parent.name}_last")


def undecodable_name(folder: Path, rng: np.random.Generator) -> Path:
    """An image with a name in Latin 1. Raises OSError where the file system takes only UTF-8."""
    image, mask = next_pair(folder, rng)
    mask.unlink()
    return image.rename(os.fsdecode(os.fsencode(image.parent) + b"/J\xf6rg_1.tif"))


def another_case(folder: Path, rng: np.random.Generator) -> Path:
    """An image in small letters whose mask is in capitals."""
    image, mask = next_pair(folder, rng)
    mask.rename(mask.with_name(f"{image.stem}_MASK.TIF"))
    return image.rename(image.with_name(image.name.lower()))


def leading_zeros(folder: Path, rng: np.random.Generator) -> Path:
    """An image whose number has leading zeros that its mask's lacks."""
    image, mask = next_pair(folder, rng)
    patient, _, number = image.stem.rpartition("_")
    return _renamed((image, mask), f"{patient}_{int(number):05d}", mask.stem)


def spaces(folder: Path, rng: np.random.Generator) -> Path:
    """A pair with spaces in its names, and around them."""
    image, mask = next_pair(folder, rng)
    patient, _, number = image.stem.rpartition("_")
    return _renamed((image, mask), f"second visit / {patient} slice {number}", f" {patient} slice {number}_mask")


def name_for_unix_alone(folder: Path, rng: np.random.Generator) -> Path:
    """A pair in a folder that Windows has no name for."""
    image, mask = next_pair(folder, rng)
    return _renamed((image, mask), f'CON: "T1"? <a|b>*/{image.stem}')


def newline_in_name(folder: Path, rng: np.random.Generator) -> Path:
    """A pair in a folder whose name has two lines."""
    image, mask = next_pair(folder, rng)
    return _renamed((image, mask), f"first\nsecond/{image.stem}")


def apple_double(folder: Path, rng: np.random.Generator) -> Path:
    """The shadow of an image that a Mac leaves beside it on foreign disks."""
    image, mask = next_pair(folder, rng)
    shadow = put(image.with_name(f"._{image.name}"), bytes.fromhex("00051607000200004d6163204f532058"))
    image.unlink()
    mask.unlink()
    return shadow


MAKERS = (
    image_without_mask,
    mask_without_image,
    two_files_for_one_slice,
    composed_and_decomposed,
    odd_name,
    name_of_a_copy,
    negative_number,
    huge_number,
    no_number,
    undecodable_name,
    another_case,
    leading_zeros,
    spaces,
    name_for_unix_alone,
    newline_in_name,
    apple_double,
)
