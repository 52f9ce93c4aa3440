"""Odd images: of other channels, depths and shapes than slices have, and sound ones in unusual dress."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile

from gliaflow.ingest.mess.patients import next_image, put


def _write(path: Path, pixels: np.ndarray, **options: Any) -> Path:
    tifffile.imwrite(path, pixels, metadata=None, software=False, **options)
    return path


def two_channels(folder: Path, rng: np.random.Generator) -> Path:
    """An image of two channels."""
    image, pixels = next_image(folder, rng)
    return _write(image, pixels[:, :, :2], photometric="minisblack", planarconfig="contig", extrasamples=[0])


def five_channels(folder: Path, rng: np.random.Generator) -> Path:
    """An image of five channels."""
    image, pixels = next_image(folder, rng)
    five = np.dstack([pixels, pixels[:, :, :2]])
    return _write(image, five, photometric="minisblack", planarconfig="contig", extrasamples=[0] * 4)


def cmyk(folder: Path, rng: np.random.Generator) -> Path:
    """An image in the colours of a printing press."""
    image, pixels = next_image(folder, rng)
    return _write(image, np.dstack([255 - pixels, pixels[:, :, 0]]), photometric="separated")


def several_pages(folder: Path, rng: np.random.Generator) -> Path:
    """A TIFF that holds a whole volume, a page a slice."""
    image, pixels = next_image(folder, rng)
    return _write(image, np.stack([pixels, pixels]), photometric="rgb")


def not_a_number(folder: Path, rng: np.random.Generator) -> Path:
    """A floating-point image with NaN where there was nothing to compute."""
    image, pixels = next_image(folder, rng)
    values = pixels.astype(np.float32)
    values[:2] = np.nan
    return _write(image, values, photometric="rgb")


def infinite(folder: Path, rng: np.random.Generator) -> Path:
    """A floating-point image that somewhere was divided by zero."""
    image, pixels = next_image(folder, rng)
    values = pixels[:, :, 1].astype(np.float32)
    values[0, 0] = np.inf
    return _write(image, values, photometric="minisblack")


def complex_numbers(folder: Path, rng: np.random.Generator) -> Path:
    """An image before the phase was thrown away."""
    image, pixels = next_image(folder, rng)
    return _write(image, pixels[:, :, 1].astype(np.complex64), photometric="minisblack")


def one_pixel(folder: Path, rng: np.random.Generator) -> Path:
    """An image of one pixel."""
    image, pixels = next_image(folder, rng)
    return _write(image, pixels[:1, :1], photometric="rgb")


def thin(folder: Path, rng: np.random.Generator) -> Path:
    """An image of 4 x 2000 pixels: a profile, not a slice."""
    image, pixels = next_image(folder, rng)
    return _write(image, np.resize(pixels, (4, 2000, 3)), photometric="rgb")


def rgba(folder: Path, rng: np.random.Generator) -> Path:
    """An image with alpha, as screen captures have."""
    image, pixels = next_image(folder, rng)
    return _write(image, np.dstack([pixels, 255 - pixels[:, :, 0]]), photometric="rgb", extrasamples=["unassalpha"])


def png_as_tiff(folder: Path, rng: np.random.Generator) -> Path:
    """A PNG that is called .tif."""
    image, pixels = next_image(folder, rng)
    return put(image, cv2.imencode(".png", pixels[:, :, ::-1])[1].tobytes())


def bmp_as_tiff(folder: Path, rng: np.random.Generator) -> Path:
    """A BMP that is called .tif."""
    image, pixels = next_image(folder, rng)
    return put(image, cv2.imencode(".bmp", pixels[:, :, ::-1])[1].tobytes())


def tiled(folder: Path, rng: np.random.Generator) -> Path:
    """A TIFF in deflated tiles, as slide scanners write them."""
    image, pixels = next_image(folder, rng)
    return _write(image, pixels, photometric="rgb", tile=(16, 16), compression="zlib")


def lzw(folder: Path, rng: np.random.Generator) -> Path:
    """A TIFF packed with LZW."""
    image, pixels = next_image(folder, rng)
    code = cv2.imencode(".tif", pixels[:, :, ::-1], [cv2.IMWRITE_TIFF_COMPRESSION, 5])[1]
    return put(image, code.tobytes())


def big_tiff(folder: Path, rng: np.random.Generator) -> Path:
    """A BigTIFF, its numbers of 64 bits."""
    image, pixels = next_image(folder, rng)
    return _write(image, pixels, photometric="rgb", bigtiff=True)


def big_endian(folder: Path, rng: np.random.Generator) -> Path:
    """A TIFF of the old Macs' byte order."""
    image, pixels = next_image(folder, rng)
    return _write(image, pixels, photometric="rgb", byteorder=">")


def separate_planes(folder: Path, rng: np.random.Generator) -> Path:
    """A TIFF that holds its channels one after the other."""
    image, pixels = next_image(folder, rng)
    return _write(image, np.moveaxis(pixels, -1, 0), photometric="rgb", planarconfig="separate")


def white_is_zero(folder: Path, rng: np.random.Generator) -> Path:
    """A grey TIFF that stores white as 0."""
    image, pixels = next_image(folder, rng)
    return _write(image, 255 - pixels[:, :, 1], photometric="miniswhite")


def palette(folder: Path, rng: np.random.Generator) -> Path:
    """A TIFF whose values are places in a table of greys."""
    image, pixels = next_image(folder, rng)
    greys = np.tile(np.arange(256, dtype=np.uint16) * 257, (3, 1))
    return _write(image, pixels[:, :, 1], photometric="palette", colormap=greys)


def sixteen_bits(folder: Path, rng: np.random.Generator) -> Path:
    """8 bits in 16, of which the upper ones are all 0."""
    image, pixels = next_image(folder, rng)
    return _write(image, pixels.astype(np.uint16), photometric="rgb")


def floating(folder: Path, rng: np.random.Generator) -> Path:
    """An image from 0 to 1, as programs that compute leave them."""
    image, pixels = next_image(folder, rng)
    return _write(image, pixels.astype(np.float32) / 255, photometric="rgb")


def black(folder: Path, rng: np.random.Generator) -> Path:
    """A slice above the head."""
    image, pixels = next_image(folder, rng)
    return _write(image, np.zeros_like(pixels), photometric="rgb")


MAKERS = (
    two_channels,
    five_channels,
    cmyk,
    several_pages,
    not_a_number,
    infinite,
    complex_numbers,
    one_pixel,
    thin,
    rgba,
    png_as_tiff,
    bmp_as_tiff,
    tiled,
    lzw,
    big_tiff,
    big_endian,
    separate_planes,
    white_is_zero,
    palette,
    sixteen_bits,
    floating,
    black,
)
