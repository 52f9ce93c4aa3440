"""Small files that unpack, or say they unpack, to more than a machine holds."""

import os
import zlib
from pathlib import Path

import numpy as np

from gliaflow.ingest.mess.handmade import png, tiff
from gliaflow.ingest.mess.patients import next_image, next_pair, put

BOMB_SIDE, BOMB_ROWS = 30_000, 300  # pixels along each side, rows a strip
HOLE_BYTES = (256 << 20) + 1  # more than a scan accepts; the disk holds none of them


def decompression_bomb(folder: Path, rng: np.random.Generator) -> Path:
    """A sound TIFF of some kilobytes that unpacks to 30000 x 30000 pixels: 100 strips that are all the same bytes."""
    image, _ = next_pair(folder, rng)
    strip = zlib.compress(bytes(BOMB_SIDE * BOMB_ROWS), 9)
    return put(image, tiff([strip], side=BOMB_SIDE, rows=BOMB_ROWS, compression=8, shared=BOMB_SIDE // BOMB_ROWS))


def gigapixel_header(folder: Path, rng: np.random.Generator) -> Path:
    """A TIFF of one strip whose header says that it has four gigapixels."""
    image, _ = next_pair(folder, rng)
    return put(image, tiff([bytes(64)], side=65_000, rows=65_000))


def strip_bomb(folder: Path, rng: np.random.Generator) -> Path:
    """A TIFF of modest size whose only strip unpacks to a thousand times as much."""
    image, pixels = next_image(folder, rng)
    strip = zlib.compress(bytes(1000 * pixels[:, :, 0].size), 9)
    return put(image, tiff([strip], side=len(pixels), rows=len(pixels), compression=8))


def png_bomb(folder: Path, rng: np.random.Generator) -> Path:
    """A PNG that says it has 30000 x 30000 pixels."""
    image, _ = next_pair(folder, rng)
    return put(image, png(BOMB_SIDE, BOMB_SIDE, zlib.compress(bytes(BOMB_SIDE + 1), 9)))


def png_text_bomb(folder: Path, rng: np.random.Generator) -> Path:
    """A sound PNG with a comment that unpacks to 64 MB."""
    image, pixels = next_image(folder, rng)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels[:, :, 1])
    comment = b"Comment\0\0" + zlib.compress(bytes(64_000_000), 9)
    return put(image, png(len(pixels), len(pixels), zlib.compress(rows), (b"zTXt", comment)))


def too_large(folder: Path, rng: np.random.Generator) -> Path:
    """An image of 256 MiB, all of them a hole in the file."""
    image, _ = next_pair(folder, rng)
    put(image, b"")
    os.truncate(image, HOLE_BYTES)
    return image


MAKERS = (decompression_bomb, gigapixel_header, strip_bomb, png_bomb, png_text_bomb, too_large)
