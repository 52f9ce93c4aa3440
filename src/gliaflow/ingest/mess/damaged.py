"""Files that can't be read: damaged, incomplete, or no image at all."""

import struct
import zipfile
import zlib
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import tifffile

from gliaflow.ingest.mess.handmade import tiff
from gliaflow.ingest.mess.patients import next_image, next_pair, put


def unreadable(folder: Path, rng: np.random.Generator) -> Path:
    """An image of random bytes."""
    image, _ = next_pair(folder, rng)
    return put(image, b"\xa5" + rng.bytes(4095))


def truncated(folder: Path, rng: np.random.Generator) -> Path:
    """An image that ends after a third of its bytes, as a broken download does."""
    image, _ = next_pair(folder, rng)
    return put(image, image.read_bytes()[: image.stat().st_size // 3])


def empty(folder: Path, rng: np.random.Generator) -> Path:
    """An image of zero bytes."""
    image, _ = next_pair(folder, rng)
    return put(image, b"")


def no_permission(folder: Path, rng: np.random.Generator) -> Path:
    """An image that nobody but the administrator may read."""
    image, _ = next_pair(folder, rng)
    image.chmod(0)
    return image


def web_page(folder: Path, rng: np.random.Generator) -> Path:
    """What a server sent in place of the image: its error page."""
    image, _ = next_pair(folder, rng)
    return put(image, b"<!DOCTYPE html>\n<html><head><title>503 Service Unavailable</title></head></html>\n")


def zip_as_tiff(folder: Path, rng: np.random.Generator) -> Path:
    """The image in a zip archive that is called as the image is."""
    image, _ = next_pair(folder, rng)
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(zipfile.ZipInfo(image.name), image.read_bytes())
    return put(image, archive.getvalue())


def gif_as_tiff(folder: Path, rng: np.random.Generator) -> Path:
    """A GIF of one pixel."""
    image, _ = next_pair(folder, rng)
    return put(image, bytes.fromhex("47494638396101000100800000000000ffffff2c00000000010001000002024401003b"))


def webp_as_tiff(folder: Path, rng: np.random.Generator) -> Path:
    """The image as WebP."""
    image, pixels = next_image(folder, rng)
    return put(image, cv2.imencode(".webp", pixels)[1].tobytes())


def dicom_as_tiff(folder: Path, rng: np.random.Generator) -> Path:
    """The beginning of a DICOM file, as scanners write them."""
    image, _ = next_pair(folder, rng)
    return put(image, bytes(128) + b"DICM" + struct.pack("<HH2sHI", 2, 0, b"UL", 4, 0) + bytes(256))


def nifti_as_tiff(folder: Path, rng: np.random.Generator) -> Path:
    """A NIfTI header, of a whole volume, with nothing behind it."""
    image, _ = next_pair(folder, rng)
    return put(image, struct.pack("<I", 348) + bytes(340) + b"n+1\0" + bytes(4))


def truncated_png(folder: Path, rng: np.random.Generator) -> Path:
    """A PNG that ends amid its pixels."""
    image, pixels = next_image(folder, rng)
    content = cv2.imencode(".png", pixels)[1].tobytes()
    return put(image, content[: len(content) // 2])


def damaged_png(folder: Path, rng: np.random.Generator) -> Path:
    """A PNG with one bit turned amid its pixels, which its checksum tells."""
    image, pixels = next_image(folder, rng)
    content = bytearray(cv2.imencode(".png", pixels)[1].tobytes())
    content[len(content) // 2] ^= 1
    return put(image, bytes(content))


def truncated_jpeg(folder: Path, rng: np.random.Generator) -> Path:
    """A JPEG that ends amid its pixels."""
    image, pixels = next_image(folder, rng)
    content = cv2.imencode(".jpg", pixels)[1].tobytes()
    return put(image, content[: len(content) // 2])


def damaged_deflate(folder: Path, rng: np.random.Generator) -> Path:
    """A TIFF whose deflated pixels are damaged."""
    image, pixels = next_image(folder, rng)
    packed = bytearray(zlib.compress(pixels[:, :, 1].tobytes()))
    packed[len(packed) // 2 :] = bytes(value ^ 0x5A for value in packed[len(packed) // 2 :])
    return put(image, tiff([bytes(packed)], side=len(pixels), rows=len(pixels), compression=8))


def damaged_lzw(folder: Path, rng: np.random.Generator) -> Path:
    """A TIFF whose LZW codes are damaged."""
    image, pixels = next_image(folder, rng)
    content = bytearray(cv2.imencode(".tif", pixels, [cv2.IMWRITE_TIFF_COMPRESSION, 5])[1].tobytes())
    with tifffile.TiffFile(BytesIO(bytes(content))) as file:
        page = file.pages.first
        start, count = page.dataoffsets[0], page.databytecounts[0]
    content[start : start + count] = b"\xff" * count
    return put(image, bytes(content))


def endless_pages(folder: Path, rng: np.random.Generator) -> Path:
    """A TIFF whose page says that it is followed by itself."""
    image, pixels = next_image(folder, rng)
    strip = pixels[:, :, 1].tobytes()
    content = tiff([strip], side=len(pixels), rows=len(pixels))
    (directory,) = struct.unpack_from("<I", content, 4)
    return put(image, content[:-4] + struct.pack("<I", directory))


def offsets_beyond_the_end(folder: Path, rng: np.random.Generator) -> Path:
    """A TIFF whose pixels are said to lie a million bytes on."""
    image, pixels = next_image(folder, rng)
    return put(image, tiff([pixels[:, :, 1].tobytes()], side=len(pixels), rows=len(pixels), beyond=10**6))


def zstd_as_tiff(folder: Path, rng: np.random.Generator) -> Path:
    """A TIFF that says it is packed with Zstandard."""
    image, pixels = next_image(folder, rng)
    return put(image, tiff([rng.bytes(100)], side=len(pixels), rows=len(pixels), compression=50000))


def old_jpeg_as_tiff(folder: Path, rng: np.random.Generator) -> Path:
    """A TIFF with the JPEG of TIFF 6.0, which nobody could read even then."""
    image, pixels = next_image(folder, rng)
    return put(image, tiff([rng.bytes(100)], side=len(pixels), rows=len(pixels), compression=6))


MAKERS = (
    unreadable,
    truncated,
    empty,
    no_permission,
    web_page,
    zip_as_tiff,
    gif_as_tiff,
    webp_as_tiff,
    dicom_as_tiff,
    nifti_as_tiff,
    truncated_png,
    damaged_png,
    truncated_jpeg,
    damaged_deflate,
    damaged_lzw,
    endless_pages,
    offsets_beyond_the_end,
    zstd_as_tiff,
    old_jpeg_as_tiff,
)
