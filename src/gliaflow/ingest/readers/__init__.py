"""Readers, one module a format, each with `matches(content)` and `decode(content)`; bytes choose, not names.

`decode` gives pixels as the file holds them, [H, W] or [H, W, C] in RGB(A) order; `pixels` makes images and masks
of them, by rules that it states.
"""

from pathlib import Path

import numpy as np

from gliaflow.ingest.readers import raster, tiff
from gliaflow.ingest.readers.pixels import to_image, to_mask
from gliaflow.ingest.readers.quiet import quiet_decoders
from gliaflow.ingest.readers.strangers import describe
from gliaflow.ingest.reasons import UnusableFile

READERS = (tiff, raster)


def read_image(source: Path | bytes) -> np.ndarray:
    """The image uint8 [H, W, 3] in a file, given as its path or its bytes; channels in the file's order (RGB).

    Raises UnusableFile with a reason code; OSError where a path can't be read.
    """
    return to_image(_decode(source))


def read_mask(source: Path | bytes) -> np.ndarray:
    """The mask uint8 {0, 1} [H, W] in a file, given as its path or its bytes; raises as `read_image`."""
    return to_mask(_decode(source))


def read_pixels(source: Path | bytes) -> np.ndarray:
    """The pixels as the file holds them, [H, W] or [H, W, C] in RGB(A) order; raises as `read_image`."""
    return _decode(source)


def _decode(source: Path | bytes) -> np.ndarray:
    content = source.read_bytes() if isinstance(source, Path) else source
    if not content:
        raise UnusableFile("empty_file", "0 bytes")
    for reader in READERS:
        if reader.matches(content):
            with quiet_decoders():
                return reader.decode(content)
    raise UnusableFile("unknown_format", describe(content))
