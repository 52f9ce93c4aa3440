"""PNG, JPEG and BMP by OpenCV, after their own headers and ends were looked at.

A JPEG has no checksums: one that is damaged amid its pixels is read with the damage.
"""

import struct
import zlib

import cv2
import numpy as np

from gliaflow.ingest.readers.pixels import check_size
from gliaflow.ingest.reasons import UnusableFile

PNG, JPEG, BMP = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM"
_PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}  # PNG, section 11.2.2
_ANCILLARY = 0x20  # bit of a chunk's first letter: it may be left out (PNG, section 5.4)
_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # markers of frames, which hold height and width
_JPEG_ALONE = frozenset(range(0xD0, 0xDA)) | {0x01}  # markers without a length


def matches(content: bytes) -> bool:
    """Whether `content` begins as a PNG, JPEG or BMP does."""
    return content.startswith((PNG, JPEG, BMP))


def decode(content: bytes) -> np.ndarray:
    """Pixels as the file holds them, [H, W] or [H, W, 3 or 4], in RGB(A) order; raises UnusableFile."""
    try:
        if content.startswith(PNG):
            content = _check_png(content)
        elif content.startswith(JPEG):
            _check_jpeg(content)
        else:
            _check_bmp(content)
    except (struct.error, IndexError) as error:
        raise UnusableFile("truncated", f"{len(content)} bytes, which end in the header") from error
    return decode_with_opencv(content)


def decode_with_opencv(content: bytes) -> np.ndarray:
    """As `decode`, for what OpenCV reads; headers must have been looked at before."""
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise UnusableFile("unreadable", f"OpenCV could not decode it ({error.err})") from error
    if pixels is None:
        raise UnusableFile("unreadable", "OpenCV could not decode it")
    if pixels.ndim == 3 and pixels.shape[2] >= 3:
        order = [2, 1, 0, 3][: pixels.shape[2]]
        pixels = pixels[:, :, order]  # OpenCV gives BGR(A)
    return np.asarray(pixels)


def _check_png(content: bytes) -> bytes:
    """Size within limits, all chunks there and undamaged, one picture; gives the PNG without what pixels don't need.

    What else there is (text, colour profiles, times) libpng may complain of on the terminal, naming no file.
    """
    needed = [PNG]
    width, height, depth, colours = struct.unpack_from(">IIBB", content, 16)
    if depth not in _PNG_DEPTHS.get(colours, ()):
        raise UnusableFile("unreadable", f"a PNG of {depth} bit in colours of type {colours}")
    check_size(height, width, pixel_bytes=4 * max(1, depth // 8))
    position, name = len(PNG), b""
    while name != b"IEND":
        length, name = struct.unpack_from(">I4s", content, position)
        end = position + 12 + length
        if end > len(content):
            raise UnusableFile("truncated", f"{len(content)} bytes of a PNG of at least {end}")
        if name == b"acTL":
            raise UnusableFile("several_pages", "an animated PNG")
        (checksum,) = struct.unpack_from(">I", content, end - 4)
        if zlib.crc32(content[position + 4 : end - 4]) != checksum:
            raise UnusableFile("unreadable", f"a PNG whose part {name.decode('latin-1')!r} is damaged")
        if name == b"tRNS" or not name[0] & _ANCILLARY:
            needed.append(content[position:end])
        position = end
    return b"".join(needed)


def _check_jpeg(content: bytes) -> None:
    """Size within limits, and the mark of the end after the picture's data."""
    position = 2
    while True:
        start, marker = content[position], content[position + 1]
        if start != 0xFF:
            raise UnusableFile("unreadable", "a JPEG whose header is damaged")
        if marker == 0xFF:  # padding
            position += 1
            continue
        if marker in _JPEG_ALONE:
            position += 2
            continue
        (length,) = struct.unpack_from(">H", content, position + 2)
        if marker in _JPEG_SIZES:
            height, width, channels = struct.unpack_from(">HHB", content, position + 5)
            check_size(height, width)
            if channels not in (1, 3):
                raise UnusableFile("wrong_channels", f"a JPEG of {channels} channels")
        position += 2 + length
        if marker == 0xDA:  # start of the picture's data
            if content.find(b"\xff\xd9", position) < 0:
                raise UnusableFile("truncated", f"{len(content)} bytes of a JPEG without its end")
            return


def _check_bmp(content: bytes) -> None:
    """Size within limits, and as many bytes as it needs."""
    start, header = struct.unpack_from("<II", content, 10)
    if header < 40:
        raise UnusableFile("unreadable", f"a BMP with a header of {header} bytes")
    width, height, _, depth, compression = struct.unpack_from("<iiHHI", content, 18)
    check_size(abs(height), width)
    needed = start + (width * depth + 31) // 32 * 4 * abs(height)
    if compression in (0, 3) and len(content) < needed:
        raise UnusableFile("truncated", f"{len(content)} bytes of a BMP of {needed}")
