"""A DICOM file's header and pixels. Sizes in the header are looked at before pixels are decoded.

Of a header only what is needed is kept: the patient's name, number, dates and the scanner's words stay in the file, and
neither messages nor warnings of the packages that read it are passed on, which would quote them.
"""

import io
import logging
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from gliaflow.ingest.readers.pixels import check_size
from gliaflow.ingest.reasons import UnusableFile
from gliaflow.ingest.studies.files import File, read_file
from gliaflow.ingest.studies.packages import require
from gliaflow.ingest.studies.scans import check_volume

PREAMBLE = 128
MARK = b"DICM"
END = b"\xff\xd9"  # of pictures in JPEG, JPEG-LS and JPEG 2000
DEFLATED = "1.2.840.10008.1.2.1.99"
RLE = "1.2.840.10008.1.2.5"
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
KEPT = frozenset({
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "Modality",
    "Rows", "Columns", "NumberOfFrames", "InstanceNumber", "SeriesNumber", "SeriesDescription", "ProtocolName",
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices",
    "RescaleSlope", "RescaleIntercept", "MaximumFractionalValue",
})  # fmt: skip
KEPT_SEQUENCES = frozenset({
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "PlanePositionSequence",
    "PlaneOrientationSequence", "PixelMeasuresSequence", "PixelValueTransformationSequence",
})  # fmt: skip
FLOATS = ("FloatPixelData", "DoubleFloatPixelData")
# JPEG: markers of frames, which hold height and width; 0xF7 is that of JPEG-LS (ISO 14495-1, C.1.1)
_JPEG_SIZES = (frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}) | {0xF7}


@dataclass(frozen=True, eq=False)
class Header:
    """What is kept of a file's header: the values KEPT, by keyword, of sequences a list of such dictionaries."""

    file: File
    data: dict[str, Any]
    frames: int

    @property
    def several(self) -> bool:
        """Whether it is of a kind that may hold several frames, each described in a sequence."""
        return self.frames > 1 or any(word in self.data["SOPClass"] for word in ("Enhanced", "Multi-frame"))

    def get(self, keyword: str, default: Any = None) -> Any:
        """A value of the header, or `default` where there is none that can be understood."""
        return self.data.get(keyword, default)

    def numbers(self, keyword: str, count: int) -> np.ndarray | None:
        """`count` finite numbers, float64, or None."""
        return finite_numbers(self.get(keyword), count)


def finite_numbers(value: Any, count: int) -> np.ndarray | None:
    """`count` finite numbers, float64, of a header's value; None where it is something else."""
    try:
        found = np.array([float(number) for number in (value if count > 1 else [value])])
    except (TypeError, ValueError, OverflowError):
        return None
    return found if len(found) == count and np.isfinite(found).all() else None


def matches(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a DICOM file, with or without the preamble of part 10."""
    if head[PREAMBLE : PREAMBLE + len(MARK)] == MARK:
        return True
    group, element, vr = head[:2], head[2:4], head[4:6]  # without: group 2 or 8, low elements, in order
    known = group in (b"\x02\0", b"\x08\0") and len(element) == 2 and element[1] == 0
    plain_length = len(head) > 8 and struct.unpack_from("<I", head, 4)[0] < 64
    return known and (vr in (b"UL", b"UI", b"CS", b"DA", b"TM", b"SH", b"OB") or plain_length)


def read_header(file: File) -> Header:
    """The header of a file; raises UnusableFile."""
    with quiet_dicom():
        data = _keep(_parse(read_file(file), with_pixels=False))
    frames = finite_numbers(data.get("NumberOfFrames", 1), 1)
    return Header(file, data, max(1, int(frames[0])) if frames is not None else 1)


def _keep(data: Any) -> dict[str, Any]:
    """The values of a pydicom dataset that are kept; those that can't be understood are left out."""
    from pydicom.uid import UID

    kept: dict[str, Any] = {}
    for keyword in KEPT | KEPT_SEQUENCES:
        try:
            value = data.get(keyword)
            if keyword in KEPT_SEQUENCES and value is not None:
                value = [_keep(item) for item in value]
        except Exception:  # pydicom converts values when they are asked for, and raises errors of many kinds
            continue
        if value is not None and value != "":
            kept[keyword] = value
    kept["SOPClass"] = UID(str(kept.get("SOPClassUID", ""))).name  # of a kind that isn't known, the UID itself
    return kept


def read_frames(header: Header) -> np.ndarray:
    """The pixels of a file as numbers, [F, H, W], 0 for black, before any rescaling; raises UnusableFile."""
    rows, columns = size_of(header)
    try:
        with quiet_dicom():
            data = _parse(read_file(header.file), with_pixels=True)
            samples, bits = int(data.get("SamplesPerPixel", 1) or 1), int(data.get("BitsAllocated", 0) or 0)
            if samples != 1:
                raise UnusableFile("wrong_channels", f"{samples} channels")
            if not 1 <= bits <= 64:
                raise UnusableFile("wrong_depth", f"pixels of {bits} bits")
            check_size(rows, columns, bits / 8)
            check_volume((header.frames, rows, columns), bits / 8)
            _check_pixels(data, header.frames, rows, columns, bits)
            pixels = np.asarray(data.pixel_array).reshape(header.frames, rows, columns)
            return _upright(data, pixels)
    except UnusableFile:
        raise
    except Exception as error:  # decoders meet damaged pixels with errors of any kind
        raise UnusableFile("unreadable", f"pixels that can't be decoded ({type(error).__name__})") from None


def size_of(header: Header) -> tuple[int, int]:
    """Rows and columns; 0 where they are not told."""
    rows, columns = (header.numbers(name, 1) for name in ("Rows", "Columns"))
    return (int(rows[0]), int(columns[0])) if rows is not None and columns is not None else (0, 0)


@contextmanager
def quiet_dicom() -> Iterator[None]:
    """Keep what pydicom and highdicom would say of a header to themselves: they quote it."""
    loggers = [logging.getLogger(name) for name in ("pydicom", "highdicom")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def _parse(content: bytes, *, with_pixels: bool) -> Any:
    require("pydicom", "DICOM files")
    import pydicom

    if not content:
        raise UnusableFile("empty_file", "0 bytes")
    try:
        with quiet_dicom():
            _refuse_deflated(content)
            data = pydicom.dcmread(io.BytesIO(content), stop_before_pixels=not with_pixels, force=True)
            data.get("SOPClassUID")
            if "TransferSyntaxUID" not in data.file_meta:  # a bare file: plain pixels, as its header is encoded
                implicit, little = data.original_encoding
                uids = pydicom.uid
                plain = uids.ImplicitVRLittleEndian if implicit else uids.ExplicitVRLittleEndian
                data.file_meta.TransferSyntaxUID = plain if little else uids.ExplicitVRBigEndian
    except UnusableFile:
        raise
    except Exception as error:  # damaged headers, of any kind
        raise UnusableFile("unreadable", f"a DICOM file that is damaged ({type(error).__name__})") from None
    return data


def _refuse_deflated(content: bytes) -> None:
    """A deflated file would be unpacked whole before its sizes could be looked at."""
    if DEFLATED.encode() in content[: 1 << 12]:
        raise UnusableFile("unsupported_transfer_syntax", "a deflated file")


def _check_pixels(data: Any, frames: int, rows: int, columns: int, bits: int) -> None:
    """As many bytes as the header's sizes need; compressed, in a way that can be read and of pictures of that size."""
    if any(name in data for name in FLOATS):
        return
    if "PixelData" not in data:
        raise UnusableFile("truncated", "a file without pixels")
    syntax = data.file_meta.TransferSyntaxUID
    if not syntax.is_compressed:
        needed = (frames * rows * columns * bits + 7) // 8
        if (length := len(data.PixelData or b"")) < needed:
            raise UnusableFile("truncated", f"{length} of {needed} bytes of pixels")
        return
    from pydicom.encaps import generate_frames
    from pydicom.pixels.decoders.base import get_decoder

    try:
        available = get_decoder(syntax).is_available
    except NotImplementedError:  # pydicom's word for a syntax that it does not know: refused below
        available = False
    if not available:
        raise UnusableFile("unsupported_transfer_syntax", f"pixels in {syntax.name}")
    found = 0
    for found, frame in enumerate(generate_frames(data.PixelData, number_of_frames=frames), start=1):
        if syntax == RLE:
            if len(frame) > 2 * rows * columns * (bits // 8) + 1024:
                raise UnusableFile("unreadable", "packed pixels that are longer than plain ones")
        elif END not in frame[-4:]:  # without which CharLS looks for it for seconds
            raise UnusableFile("truncated", "a packed picture without its end")
        elif (size := codestream_size(frame)) != (rows, columns):
            raise UnusableFile("unreadable", f"a packed picture of {size} in a file of {rows} x {columns} pixels")
        if found >= frames:
            break
    if found < frames:
        raise UnusableFile("truncated", f"{found} of {frames} pictures")


def codestream_size(frame: bytes) -> tuple[int, int] | None:
    """Height and width that a JPEG, JPEG-LS or JPEG 2000 picture states; None where it states none."""
    if frame.startswith(b"\xff\x4f\xff\x51"):  # JPEG 2000: SIZ follows at once (ISO 15444-1, A.5.1)
        width, height, left, top = struct.unpack_from(">IIII", frame, 8)
        return height - top, width - left
    position = 2
    while position + 9 < len(frame):
        if frame[position] != 0xFF:
            return None
        marker = frame[position + 1]
        if marker in _JPEG_SIZES:
            height, width = struct.unpack_from(">HH", frame, position + 5)
            return height, width
        if marker == 0xFF:
            position += 1
        elif 0xD0 <= marker <= 0xD8 or marker == 1:
            position += 2
        else:
            position += 2 + struct.unpack_from(">H", frame, position + 2)[0]
    return None


def _upright(data: Any, pixels: np.ndarray) -> np.ndarray:
    """Pixels in which more is brighter."""
    if str(data.get("PhotometricInterpretation", "")) != "MONOCHROME1":
        return pixels
    if pixels.dtype.kind != "u":
        return -pixels if pixels.dtype.kind == "f" else ~pixels
    greatest = pixels.dtype.type((1 << min(int(data.BitsStored), 8 * pixels.dtype.itemsize)) - 1)
    return np.asarray(greatest - np.minimum(pixels, greatest))
