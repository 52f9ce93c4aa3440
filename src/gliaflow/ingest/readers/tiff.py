"""TIFF by tifffile; compressions that it leaves to other packages by OpenCV, where that reads them right."""

import io
import zlib

import numpy as np
import tifffile

from gliaflow.ingest.readers.pixels import MOST_PIXELS, check_size
from gliaflow.ingest.readers.raster import decode_with_opencv
from gliaflow.ingest.readers.streams import lzw_length, packbits_length
from gliaflow.ingest.reasons import UnusableFile

_DEFLATED = frozenset({8, 32946})
_OPENCV_READS = frozenset({1, 5, 7, 32773}) | _DEFLATED  # none, LZW, JPEG, PackBits
_WHITE_IS_0, _BLACK_IS_0, _RGB, _PALETTE, _YCBCR = 0, 1, 2, 3, 6


def matches(content: bytes) -> bool:
    """Whether `content` begins as a TIFF or BigTIFF does."""
    return content[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def decode(content: bytes) -> np.ndarray:
    """Pixels as the file holds them, [H, W] or [H, W, C], in the file's channel order; raises UnusableFile."""
    try:
        with tifffile.TiffFile(io.BytesIO(content)) as tiff:
            return _decode_page(tiff, content)
    except UnusableFile:
        raise
    except Exception as error:  # tifffile meets damaged bytes with errors of any kind
        raise UnusableFile("unreadable", f"a TIFF that is damaged ({type(error).__name__}: {error})") from error


def _decode_page(tiff: tifffile.TiffFile, content: bytes) -> np.ndarray:
    try:
        page = tiff.pages.first
    except IndexError:
        raise UnusableFile("truncated", f"{len(content)} bytes of a TIFF without a page") from None
    _check_one_page(tiff)
    size = (page.imagelength, page.imagewidth)
    if not all(isinstance(side, int) for side in size):
        raise UnusableFile("unreadable", "a TIFF that is damaged (its size is no number)")
    if page.dtype is None:
        raise UnusableFile("wrong_depth", f"pixels of {page.bitspersample} bit in a format that is none")
    check_size(*size, pixel_bytes=page.samplesperpixel * page.dtype.itemsize)
    if page.samplesperpixel not in (1, 3, 4) or page.imagedepth != 1:
        raise UnusableFile("wrong_channels", f"{page.samplesperpixel} channels")
    if page.photometric not in (_WHITE_IS_0, _BLACK_IS_0, _RGB, _PALETTE, _YCBCR):
        raise UnusableFile("wrong_channels", f"colours stored as {getattr(page.photometric, 'name', page.photometric)}")
    ends = [offset + count for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True)]
    if not ends or min(page.databytecounts) == 0 or max(ends) > len(content):
        raise UnusableFile("truncated", f"{len(content)} bytes of a TIFF of at least {max(ends, default=0)}")
    by_tifffile = page.compression == 1 or (page.compression in _DEFLATED and page.predictor in (1, 2))
    if page.photometric == _PALETTE or not by_tifffile:
        return _decode_by_opencv(page, content)
    if page.photometric == _WHITE_IS_0 and page.dtype.kind != "u":
        # of 1 bit too: tifffile writes True, other programs the background as 1
        raise UnusableFile("wrong_depth", f"pixels of type {page.dtype} in which 0 is white")
    _check_unpacked(page, content)
    pixels = page.asarray(maxworkers=1)  # threads cost more than they save on a slice
    if page.planarconfig == 2 and pixels.ndim == 3:
        pixels = np.moveaxis(pixels, 0, -1)  # (C, H, W) -> (H, W, C)
    if page.photometric == _WHITE_IS_0:
        pixels = ~pixels
    return np.asarray(pixels)


def _check_one_page(tiff: tifffile.TiffFile) -> None:
    try:
        tiff.pages[1]
    except IndexError:
        return
    raise UnusableFile("several_pages", "a TIFF of more than one page")


def _check_unpacked(page: tifffile.TiffPage, content: bytes) -> None:
    """Each strip or tile unpacks to what its size says, no more (a bomb) and, where all must be there, no less."""
    assert page.dtype is not None
    chunk = int(np.prod(page.chunks)) * page.dtype.itemsize
    if chunk > 8 * MOST_PIXELS:
        raise UnusableFile("too_many_pixels", f"tiles of {chunk} bytes")
    total = 0
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        if page.compression == 1:
            total += count
            continue
        unpacker = zlib.decompressobj()
        size = len(unpacker.decompress(content[offset : offset + count], chunk + 1))
        if size > chunk:
            raise UnusableFile("unreadable", "a TIFF strip that unpacks to more than its size, as a bomb does")
        if not unpacker.eof and size < chunk:
            raise UnusableFile("truncated", "a TIFF strip whose deflated data ends early")
        total += size
    planes = page.samplesperpixel if page.planarconfig == 2 else 1
    needed = planes * page.imagelength * _row_bytes(page, page.imagewidth)
    if total < needed:
        raise UnusableFile("truncated", f"{total} of {needed} bytes of pixels")


def _row_bytes(page: tifffile.TiffPage, width: int) -> int:
    """The bytes of a row of `width` pixels, of one channel where each has its own plane; rows begin with a byte."""
    samples = 1 if page.planarconfig == 2 else page.samplesperpixel
    return (width * samples * page.bitspersample + 7) // 8


def _check_packed(page: tifffile.TiffPage, content: bytes) -> None:
    """Each strip or tile that OpenCV is given unpacks to all its rows; of JPEG, each has its end."""
    if page.compression == 1 or page.compression in _DEFLATED:
        return _check_unpacked(page, content)
    if page.compression == 7:
        for offset, size in zip(page.dataoffsets, page.databytecounts, strict=True):
            if content.find(b"\xff\xd9", offset, offset + size) < 0:
                raise UnusableFile("truncated", "a TIFF strip of JPEG without its end")
        return
    count = {5: lzw_length, 32773: packbits_length}[page.compression]
    width = page.tilewidth if page.is_tiled else page.imagewidth
    left = page.imagelength
    for offset, size in zip(page.dataoffsets, page.databytecounts, strict=True):
        rows = page.tilelength if page.is_tiled else min(page.rowsperstrip, left)
        left -= rows
        needed = rows * _row_bytes(page, width)
        unpacked = count(content[offset : offset + size], needed)
        if unpacked < needed:
            raise UnusableFile("truncated", f"a TIFF strip that unpacks to {unpacked} of {needed} bytes")
    if left > 0 and not page.is_tiled:
        raise UnusableFile("truncated", f"a TIFF that lacks its last {left} rows")


def _decode_by_opencv(page: tifffile.TiffPage, content: bytes) -> np.ndarray:
    """What OpenCV is known to read right: one channel or three, interleaved, 0 for black."""
    plain = page.samplesperpixel in (1, 3) and page.planarconfig == 1 and page.photometric != _WHITE_IS_0
    deep = page.bitspersample in (16, 32, 64) and page.photometric in (_BLACK_IS_0, _RGB)
    if not plain or not (page.bitspersample in (1, 8) or deep) or page.compression not in _OPENCV_READS:
        name = getattr(page.compression, "name", page.compression)
        found = f"{page.samplesperpixel} channels of {page.bitspersample} bit with the compression {name}"
        raise UnusableFile("unsupported_compression", found)
    _check_packed(page, content)
    return decode_with_opencv(content)
