"""Odd masks: what no longer tells tumour from no tumour, and sound ones in unusual dress."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import tifffile

from gliaflow.ingest.mess.patients import next_mask, next_pair, put
from gliaflow.ingest.phantom.write import write_tiff


def mask_of_another_size(folder: Path, rng: np.random.Generator) -> Path:
    """A mask of half its image's size."""
    mask, pixels = next_mask(folder, rng)
    write_tiff(mask, pixels[::2, ::2])
    return mask


def transposed_mask(folder: Path, rng: np.random.Generator) -> Path:
    """An oblong image whose mask lies on its side."""
    image, mask = next_pair(folder, rng)
    pixels = tifffile.imread(image)
    oblong = pixels[: len(pixels) * 3 // 4]
    write_tiff(image, oblong)
    write_tiff(mask, np.where(oblong[:, :, 1].T > 128, 255, 0).astype(np.uint8))
    return mask


def grey_mask(folder: Path, rng: np.random.Generator) -> Path:
    """A mask of many values, as a probability map or an image in the mask's place has."""
    image, mask = next_pair(folder, rng)
    write_tiff(mask, tifffile.imread(image)[..., 1])
    return mask


def jpeg_mask(folder: Path, rng: np.random.Generator) -> Path:
    """A mask saved as JPEG, which leaves greys around the edges."""
    mask, pixels = next_mask(folder, rng)
    return put(mask, cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 40])[1].tobytes())


def mask_of_two_labels(folder: Path, rng: np.random.Generator) -> Path:
    """A mask that tells core from oedema, 1 from 2."""
    mask, pixels = next_mask(folder, rng)
    labels = (pixels > 0).astype(np.uint8)
    labels[: len(labels) * 3 // 8] *= 2
    write_tiff(mask, labels)
    return mask


def coloured_mask(folder: Path, rng: np.random.Generator) -> Path:
    """A mask painted in red."""
    mask, pixels = next_mask(folder, rng)
    write_tiff(mask, np.dstack([pixels, np.zeros_like(pixels), np.zeros_like(pixels)]))
    return mask


def negative_mask(folder: Path, rng: np.random.Generator) -> Path:
    """A mask of 0 and -1, as True becomes in some languages."""
    mask, pixels = next_mask(folder, rng)
    tifffile.imwrite(mask, -(pixels > 0).astype(np.int16), metadata=None, software=False)
    return mask


def mask_is_image(folder: Path, rng: np.random.Generator) -> Path:
    """A mask that is a copy of its image."""
    image, mask = next_pair(folder, rng)
    shutil.copyfile(image, mask)
    return mask


def mask_of_ones(folder: Path, rng: np.random.Generator) -> Path:
    """A mask of 0 and 1, which looks black."""
    mask, pixels = next_mask(folder, rng)
    write_tiff(mask, pixels // 255)
    return mask


def mask_of_bits(folder: Path, rng: np.random.Generator) -> Path:
    """A mask of one bit a pixel."""
    mask, pixels = next_mask(folder, rng)
    tifffile.imwrite(mask, pixels > 0, photometric="minisblack", metadata=None, software=False)
    return mask


def floating_mask(folder: Path, rng: np.random.Generator) -> Path:
    """A mask of 0.0 and 1.0."""
    mask, pixels = next_mask(folder, rng)
    tifffile.imwrite(mask, pixels.astype(np.float32) / 255, metadata=None, software=False)
    return mask


def grey_mask_in_rgb(folder: Path, rng: np.random.Generator) -> Path:
    """A mask of three equal channels."""
    mask, pixels = next_mask(folder, rng)
    write_tiff(mask, np.dstack([pixels] * 3))
    return mask


def empty_mask(folder: Path, rng: np.random.Generator) -> Path:
    """A mask without tumour."""
    mask, pixels = next_mask(folder, rng)
    write_tiff(mask, np.zeros_like(pixels))
    return mask


def inverted_mask(folder: Path, rng: np.random.Generator) -> Path:
    """A mask that is black where the tumour is; its pixels alone can't tell."""
    mask, pixels = next_mask(folder, rng)
    write_tiff(mask, 255 - pixels)
    return mask


MAKERS = (
    mask_of_another_size,
    transposed_mask,
    grey_mask,
    jpeg_mask,
    mask_of_two_labels,
    coloured_mask,
    negative_mask,
    mask_is_image,
    mask_of_ones,
    mask_of_bits,
    floating_mask,
    grey_mask_in_rgb,
    empty_mask,
    inverted_mask,
)
