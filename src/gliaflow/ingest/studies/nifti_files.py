"""A NIfTI file's bytes as a volume on its grid, and masks as such bytes. Headers are looked at before voxels are read.

NIfTI-1 and NIfTI-2, plain or packed with gzip, in one file. Of a header's words (descrip, aux_file, db_name and the
extensions, where converters leave names) nothing is kept.
"""

import gzip
import io
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from gliaflow.ingest.reasons import UnusableFile
from gliaflow.ingest.studies.grids import Grid
from gliaflow.ingest.studies.packages import require
from gliaflow.ingest.studies.scans import Scan, check_slices, check_volume

PACKED = b"\x1f\x8b"
HEADER_BYTES = {1: 348, 2: 540}
MAGIC = {1: (b"n+1\0", 344), 2: (b"n+2\0\r\n\x1a\n", 4)}
PAIR = {1: (b"ni1\0", 344), 2: (b"ni2\0\r\n\x1a\n", 4)}
KEPT = (
    "pixdim", "xyzt_units", "qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y",
    "qoffset_z", "srow_x", "srow_y", "srow_z",
)  # fmt: skip
MOST_AHEAD = 64 << 20  # bytes of extensions before the voxels
MILLIMETRES = {1: 1000.0, 2: 1.0, 3: 0.001}  # of a unit's code
_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_UINT8 = 2


@dataclass(frozen=True, eq=False)
class Nifti:
    """A file's volumes, [I, J, K, V] as stored, and what a mask on the same grid begins with.

    `header` is a header of a mask of this shape, without any words of the file's.
    """

    volumes: np.ndarray
    grid: Grid
    slope: float
    intercept: float
    header: bytes
    packed: bool

    def scan(self, number: int) -> Scan:
        """One of the volumes."""
        return Scan(self.volumes[..., number], self.grid, self.slope, self.intercept)


def matches(head: bytes) -> bool:
    """Whether the first bytes of a file, 64 kB or all, are those of a NIfTI file, plain or packed."""
    start = _unpack_start(head)
    if start[:4] in (struct.pack("<i", HEADER_BYTES[1]), struct.pack(">i", HEADER_BYTES[1])) and len(start) < 348:
        return True  # cut off before its mark
    return any(start[at : at + len(magic)] == magic for magic, at in (*MAGIC.values(), *PAIR.values()))


def decode(content: bytes) -> Nifti:
    """The volumes in a file's bytes; raises UnusableFile."""
    if not content:
        raise UnusableFile("empty_file", "0 bytes")
    try:
        return _decode(io.BytesIO(content), content[:2] == PACKED)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnusableFile("truncated", f"packed data that are damaged or cut off ({error})") from None


def read_grid(head: bytes) -> tuple[Grid, int]:
    """Grid and number of volumes by the first bytes of a file, 64 kB or all; raises UnusableFile."""
    header, _ = _read_header(_unpack_start(head))
    shape, volumes = _shape(header)
    return Grid(shape, _affine(header)), volumes


def encode_mask(header: bytes, mask: np.ndarray, packed: bool) -> bytes:
    """A mask uint8 {0, 1} [I, J, K] as a file, with the `header` of its volume."""
    content = header + mask.astype(np.uint8).tobytes(order="F")
    return gzip.compress(content, 6, mtime=0) if packed else content


def _unpack_start(head: bytes) -> bytes:
    if not head.startswith(PACKED):
        return head[: HEADER_BYTES[2]]
    try:
        return zlib.decompressobj(31).decompress(head, HEADER_BYTES[2])
    except zlib.error:
        return b""


def _read_header(start: bytes) -> tuple[Any, int]:
    """The header (nibabel's) at the start of a file, and NIfTI's version."""
    require("nibabel", "NIfTI volumes")
    import nibabel

    for version, size in HEADER_BYTES.items():
        magic, at = PAIR[version]
        if start[at : at + len(magic)] == magic:
            raise UnusableFile("several_files", "the header of a pair of files, .hdr and .img")
        magic, at = MAGIC[version]
        if start[at : at + len(magic)] == magic:
            if len(start) < size:
                raise UnusableFile("truncated", f"{len(start)} bytes, which end in the header")
            kind = nibabel.Nifti1Header if version == 1 else nibabel.Nifti2Header
            try:
                return kind(start[:size], check=False), version
            except Exception as error:  # nibabel meets damaged headers with errors of several kinds
                raise UnusableFile("unreadable", f"a NIfTI header that is damaged ({type(error).__name__})") from None
    if len(start) < HEADER_BYTES[1]:
        raise UnusableFile("truncated", f"{len(start)} bytes, which end in the header")
    raise UnusableFile("unknown_format", "a file that doesn't begin as NIfTI does")


def _decode(packed: io.BytesIO, is_packed: bool) -> Nifti:
    stream: Any = gzip.GzipFile(fileobj=packed) if is_packed else packed
    start = stream.read(HEADER_BYTES[2])
    header, version = _read_header(start)
    shape, volumes = _shape(header)
    dtype, colours = _dtype(header)
    values = int(np.prod(shape, dtype=object)) * (colours or volumes)
    offset = float(header["vox_offset"])
    if not HEADER_BYTES[version] <= offset <= MOST_AHEAD:
        raise UnusableFile("unreadable", f"a NIfTI header by which voxels begin at byte {offset:g}")
    grid = Grid(shape, _affine(header))
    check_slices(grid)
    end = int(offset) + values * dtype.itemsize
    stream.seek(0)
    content = stream.read(end)
    if len(content) < end:
        raise UnusableFile("truncated", f"{len(content)} of {end} bytes")
    if is_packed:
        stream.read(1)  # on to the end of the packed data, where its checksum is
    stored = np.frombuffer(content, dtype, values, int(offset))
    if colours:  # interleaved: (3 or 4, I, J, K) -> (I, J, K, 3)
        stored = np.moveaxis(stored.reshape((colours, *shape), order="F"), 0, -1)[..., :3]
    else:
        stored = stored.reshape((*shape, volumes), order="F")
    slope, intercept = _slope(header)
    return Nifti(stored, grid, slope, intercept, _mask_header(header, version), is_packed)


def _shape(header: Any) -> tuple[tuple[int, int, int], int]:
    """Voxels each way, and the number of volumes (of colours, where voxels have them)."""
    dims = [int(side) for side in header["dim"]]
    if not 2 <= dims[0] <= 7:
        raise UnusableFile("wrong_channels", f"a NIfTI file of {dims[0]} dimensions")
    sides = [*dims[1 : dims[0] + 1], 1][: max(3, dims[0])]
    colours = {128: 3, 2304: 4}.get(int(header["datatype"]))
    check_volume((*sides, colours or 1), int(header["bitpix"]) / 8 / (colours or 1))
    volumes = int(np.prod(sides[3:], dtype=object))
    if colours and volumes == 1:
        volumes = 3
    elif volumes not in (1, 3) or colours:
        raise UnusableFile(
            "wrong_channels", f"{volumes} volumes in one file, where 1 is FLAIR and 3 are pre-contrast, FLAIR and post"
        )
    return (sides[0], sides[1], sides[2]), volumes


def _dtype(header: Any) -> tuple[np.dtype, int]:
    """The type of what is stored, and the number of interleaved colours (0 where there are none)."""
    try:
        dtype = header.get_data_dtype()
    except Exception:
        raise UnusableFile("wrong_depth", f"voxels of the type {int(header['datatype'])}") from None
    if dtype.names:
        return np.dtype(np.uint8), len(dtype.names)
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise UnusableFile("wrong_depth", f"voxels of type {dtype}")
    if int(header["bitpix"]) != 8 * dtype.itemsize:
        raise UnusableFile("unreadable", f"voxels of type {dtype} in {int(header['bitpix'])} bits")
    return dtype, 0


def _slope(header: Any) -> tuple[float, float]:
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if not np.isfinite(slope) or slope == 0:
        return 1.0, 0.0
    return slope, intercept if np.isfinite(intercept) else 0.0


def _affine(header: Any) -> np.ndarray:
    """Voxel indices to millimetres (LPS), float64 [4, 4]."""
    try:
        affine = np.asarray(header.get_best_affine(), np.float64)
    except Exception as error:
        raise UnusableFile("bad_geometry", f"a header that can't be understood ({type(error).__name__})") from None
    scale = MILLIMETRES.get(int(header["xyzt_units"]) & 7, 1.0)
    if not np.isfinite(affine).all():
        raise UnusableFile("bad_geometry", "a header with lengths that are no numbers")
    return np.asarray(_RAS_TO_LPS @ np.diag([scale, scale, scale, 1.0]) @ affine)


def _mask_header(source: Any, version: int) -> bytes:
    """Header and the empty mark of extensions of a mask on the grid of `source`, bit for bit."""
    header = type(source)(check=False)
    for field in KEPT:
        header[field] = source[field]
    header["dim"] = [3, *(int(side) for side in source["dim"][1:4]), 1, 1, 1, 1]
    if int(source["dim"][0]) == 2:
        header["dim"][3] = 1
    header["datatype"], header["bitpix"] = _UINT8, 8
    header["scl_slope"], header["scl_inter"], header["cal_max"] = 1.0, 0.0, 1.0
    header["vox_offset"] = HEADER_BYTES[version] + 4
    return bytes(header.binaryblock) + struct.pack("<I", 0)
