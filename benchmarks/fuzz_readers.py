"""Fuzz the readers, guided by coverage: whatever the bytes, they give an image or a mask, or raise UnusableFile.

Anything else that comes out, a file that takes more than 10 seconds, or more than 2 GiB of memory, ends the run and is
kept as a file. Prints the figures of docs/dirty-folders.md: python benchmarks/fuzz_readers.py WORK --minutes 10
Needs atheris, which exists for Linux on x86-64 alone.
"""

import argparse
import io
import logging
import random
import struct
import sys
import tempfile
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

try:
    import atheris
except ImportError:
    sys.exit("Fuzzing needs atheris, which exists for Linux on x86-64 alone: pip install 'gliaflow[dev]' there.")

with atheris.instrument_imports(include=["tifffile", "gliaflow.ingest.readers"]):
    import tifffile

    from gliaflow.ingest.mess import KINDS, generator_of
    from gliaflow.ingest.phantom.clinical import HEADER, draw_row
    from gliaflow.ingest.phantom.patient import Patient
    from gliaflow.ingest.phantom.write import write_patient
    from gliaflow.ingest.readers import read_image, read_mask
from gliaflow.ingest.reasons import LONGEST_FOUND, UnusableFile

LONGEST = 8192  # bytes of an input
SLOWEST_SECONDS, MOST_MIB = 10, 2048
PNG = b"\x89PNG\r\n\x1a\n"


def one_input(content: bytes) -> None:
    """Read `content` as an image and as a mask; only UnusableFile may come out."""
    for read, channels in ((read_image, (3,)), (read_mask, ())):
        try:
            pixels = read(content)
        except UnusableFile as fault:
            assert 0 < len(fault.found) <= LONGEST_FOUND + 4, f"{len(fault.found)} characters of explanation"
            continue
        assert pixels.dtype == np.uint8 and pixels.shape == (*pixels.shape[:2], *channels), pixels.shape
        if read is read_mask:
            assert pixels.max() <= 1


def mutate(content: bytes, longest: int, seed: int) -> bytes:
    """libFuzzer's mutation; half of the PNGs get sound checksums, without which none would come past them."""
    mutated = bytes(atheris.Mutate(content, longest))
    if mutated.startswith(PNG) and random.Random(seed).random() < 0.5:
        mutated = with_checksums(mutated)
    return mutated[:longest]


def with_checksums(png: bytes) -> bytes:
    """A PNG with the checksum of every chunk made to fit."""
    mended, position = bytearray(png), len(PNG)
    while position + 12 <= len(mended):
        (length,) = struct.unpack_from(">I", mended, position)
        end = position + 12 + length
        if end > len(mended):
            break
        struct.pack_into(">I", mended, end - 4, zlib.crc32(mended[position + 4 : end - 4]))
        position = end
    return bytes(mended)


def seeds() -> Iterator[tuple[str, bytes]]:
    """Sound files of every format and kind that is read, and what the makers of mess leave."""
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (12, 16), dtype=np.uint8)
    rgb = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
    mask = np.where(grey > 200, 255, 0).astype(np.uint8)
    colours = rng.integers(0, 2**16, (3, 256), dtype=np.uint16)
    written: dict[str, tuple[np.ndarray, dict[str, object]]] = {
        "rgb": (rgb, {"photometric": "rgb"}),
        "grey": (grey, {}),
        "mask": (mask, {}),
        "deflate": (rgb, {"photometric": "rgb", "compression": "zlib"}),
        "predictor": (rgb, {"photometric": "rgb", "compression": "zlib", "predictor": True}),
        "tiles": (rgb, {"photometric": "rgb", "tile": (16, 16), "compression": "zlib"}),
        "planes": (np.moveaxis(rgb, -1, 0), {"photometric": "rgb", "planarconfig": "separate"}),
        "big": (grey, {"bigtiff": True}),
        "big_endian": (grey.astype(np.uint16) * 200, {"byteorder": ">"}),
        "strips": (rgb, {"photometric": "rgb", "rowsperstrip": 3}),
        "float": (grey.astype(np.float32) / 255, {}),
        "half": (grey.astype(np.float16) / 255, {}),
        "signed": (grey.astype(np.int16) - 100, {}),
        "white_is_0": (255 - grey, {"photometric": "miniswhite"}),
        "palette": (grey, {"photometric": "palette", "colormap": colours}),
        "bits": (mask > 0, {"photometric": "minisblack"}),
        "pages": (np.stack([grey, grey]), {"photometric": "minisblack"}),
        "rgba": (np.dstack([rgb, grey]), {"photometric": "rgb", "extrasamples": ["unassalpha"]}),
        "described": (grey, {"description": "ImageJ=1.53\nimages=2\n", "metadata": None}),
    }
    for name, (array, options) in written.items():
        out = io.BytesIO()
        tifffile.imwrite(out, array, **options)  # type: ignore[arg-type]
        yield f"{name}.tif", out.getvalue()
    for compression in (5, 7, 32773, 8):
        for name, array in (("rgb", rgb), ("grey", grey)):
            code = cv2.imencode(".tif", array, [cv2.IMWRITE_TIFF_COMPRESSION, compression])[1]
            yield f"{name}_{compression}.tif", code.tobytes()
    for suffix in (".png", ".jpg", ".bmp"):
        for name, array in (("rgb", rgb), ("grey", grey), ("mask", mask)):
            yield f"{name}{suffix}", cv2.imencode(suffix, array)[1].tobytes()
    yield "deep.png", cv2.imencode(".png", np.dstack([rgb, grey]).astype(np.uint16) * 257)[1].tobytes()
    yield "rle.bmp", run_length_bmp()
    yield "progressive.jpg", cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    yield from made_bad()


def run_length_bmp() -> bytes:
    """A BMP of 16 x 12 grey pixels, run-length encoded, which OpenCV reads and does not write."""
    rows = b"".join(bytes([16, 10 * row]) + b"\0\0" for row in range(12)) + b"\0\1"
    palette = b"".join(bytes([value, value, value, 0]) for value in range(256))
    start = 54 + len(palette)
    header = struct.pack("<2sIHHI", b"BM", start + len(rows), 0, 0, start)
    header += struct.pack("<IiiHHIIiiII", 40, 16, 12, 1, 8, 1, len(rows), 0, 0, 256, 0)
    return header + palette + rows


def made_bad() -> Iterator[tuple[str, bytes]]:
    """The small files that the makers of mess leave."""
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as parent:
        for kind, make in KINDS.items():
            root = Path(parent, kind)
            root.mkdir()
            images = rng.integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
            masks = np.where(images[..., 1] > 200, 255, 0).astype(np.uint8)
            write_patient(root, Patient("TCGA_CS_P001_19990101", "TCGA_CS_P001", images, masks))
            (root / "data.csv").write_text(f"{HEADER}\n{draw_row('TCGA_CS_P001', 0, 0)}\n")
            try:
                path = make(root, generator_of(kind))
            except OSError:  # a name that this file system does not take
                continue
            if path.is_file() and 0 < path.stat().st_size <= LONGEST:
                yield f"mess_{kind}", path.read_bytes()


def main() -> None:
    """Write the seeds into WORK/corpus, and fuzz until the time is up or something is found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, metavar="WORK", help="folder for the corpus and for what is found")
    parser.add_argument("--minutes", type=float, default=10, help="how long (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the fuzzer (default: %(default)s)")
    options = parser.parse_args()
    corpus = options.work / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for name, content in seeds():
        (corpus / name).write_bytes(content)
    warnings.simplefilter("error")  # as in the tests: a warning is a defect
    logging.getLogger("tifffile").setLevel(logging.CRITICAL + 1)
    flags = {
        "max_total_time": round(60 * options.minutes),
        "seed": options.seed,
        "max_len": LONGEST,
        "timeout": SLOWEST_SECONDS,
        "rss_limit_mb": MOST_MIB,
        "malloc_limit_mb": MOST_MIB,
        "print_final_stats": 1,
        "reload": 0,
        "artifact_prefix": f"{options.work}/",
    }
    arguments = [f"-{name}={value}" for name, value in flags.items()]
    atheris.Setup([sys.argv[0], *arguments, str(corpus)], one_input, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
