"""Pixels of every depth, channel count and format by the stated rules, and every way in which a file can be bad."""

import io
import logging
import struct
import time
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile

from gliaflow.ingest.readers import pixels, read_image, read_mask, streams
from gliaflow.ingest.readers.quiet import quiet_decoders
from gliaflow.ingest.reasons import LONGEST_FOUND, UnusableFile

CASES = Path(__file__).with_name("fuzz_cases")
RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (20, 24), dtype=np.uint8)
RGB = RNG.integers(0, 256, (20, 24, 3), dtype=np.uint8)
RGBA = RNG.integers(0, 256, (20, 24, 4), dtype=np.uint8)
MASK = (GREY > 200).astype(np.uint8)


def tiff(array: np.ndarray, **options: Any) -> bytes:
    out = io.BytesIO()
    if array.ndim == 3 and array.shape[2] in (3, 4):
        options = {"photometric": "rgb", **options}
    tifffile.imwrite(out, array, **options)
    return out.getvalue()


def opencv(array: np.ndarray, suffix: str = ".png", *options: int) -> bytes:
    """`array`, grey or RGB(A), as OpenCV writes it."""
    order = {3: [2, 1, 0], 4: [2, 1, 0, 3]}
    swapped = array[:, :, order[array.shape[2]]] if array.ndim == 3 else array
    return bytes(cv2.imencode(suffix, swapped, options)[1].tobytes())


def refuse(content: bytes, reason: str, words: str = "") -> None:
    with pytest.raises(UnusableFile) as failure:
        read_image(content)
    assert (failure.value.reason, words in failure.value.found) == (reason, True), failure.value


@pytest.mark.parametrize(
    "content",
    [
        tiff(RGB),
        tiff(RGB, compression="zlib"),
        tiff(RGB, compression="zlib", predictor=True),
        tiff(RGB, tile=(16, 16), compression="zlib"),
        tiff(np.moveaxis(RGB, -1, 0), photometric="rgb", planarconfig="separate"),
        tiff(RGB, bigtiff=True),
        tiff(RGB, byteorder=">"),
        tiff(RGB, rowsperstrip=3),
        opencv(RGB, ".tif", cv2.IMWRITE_TIFF_COMPRESSION, 5),
        opencv(RGB, ".tif", cv2.IMWRITE_TIFF_COMPRESSION, 32773),
        opencv(RGB),
        opencv(RGB, ".bmp"),
        tiff(np.dstack([RGB, GREY])),
        opencv(np.dstack([RGB, GREY])),
    ],
    ids=[
        *["tiff", "deflate", "predictor", "tiles", "planes", "bigtiff", "big-endian", "strips", "lzw", "packbits"],
        *["png", "bmp", "rgba-tiff", "rgba-png"],
    ],
)
def test_channels_stay_in_the_files_order(content: bytes) -> None:
    image = read_image(content)
    assert image.dtype == np.uint8 and image.flags.c_contiguous and image.flags.writeable
    np.testing.assert_array_equal(image, RGB)


@pytest.mark.parametrize(
    "content",
    [tiff(GREY), opencv(GREY), opencv(GREY, ".bmp"), tiff(255 - GREY, photometric="miniswhite"), tiff(GREY[..., None])],
    ids=["tiff", "png", "bmp", "white-is-zero", "one-channel"],
)
def test_grey_becomes_three_equal_channels(content: bytes) -> None:
    np.testing.assert_array_equal(read_image(content), np.dstack([GREY] * 3))


def test_jpeg_is_near_to_what_was_saved() -> None:
    smooth = cv2.GaussianBlur(RGB, (0, 0), 4)
    for content in (opencv(smooth, ".jpg"), opencv(smooth, ".tif", cv2.IMWRITE_TIFF_COMPRESSION, 7)):
        assert np.abs(read_image(content).astype(int) - smooth).max() < 12


def test_a_palette_is_looked_up() -> None:
    colours = RNG.integers(0, 256, (3, 256), dtype=np.uint16) * 257
    expected = np.moveaxis((colours // 257)[:, GREY], 0, -1)
    np.testing.assert_array_equal(read_image(tiff(GREY, photometric="palette", colormap=colours)), expected)


def test_16_bit_is_scaled_by_its_greatest_value() -> None:
    deep = np.full((8, 8, 3), 100, np.uint16)
    deep[0, 0] = [0, 1000, 4000]
    image = read_image(tiff(deep))
    assert image[0, 0].tolist() == [0, 64, 255]  # 63.75 rounds up
    assert image[1, 1].tolist() == [6, 6, 6]  # 6.375
    np.testing.assert_array_equal(read_image(opencv(deep)), image)
    np.testing.assert_array_equal(read_image(tiff((RGB // 2).astype(np.uint16))), RGB // 2)  # 8 bit in 16


def test_negative_and_floating_values_go_from_least_to_greatest() -> None:
    signed = np.zeros((8, 8), np.int16)
    signed[0, :2] = [-100, 100]
    assert np.unique(read_image(tiff(signed))).tolist() == [0, 128, 255]
    real = np.full((8, 8), 0.5, np.float32)
    real[0, :2] = [0.25, 1.25]
    assert np.unique(read_image(tiff(real))).tolist() == [0, 64, 255]
    assert np.unique(read_image(tiff(np.full((8, 8), 3.5)))).tolist() == [0]


def test_black_and_true_false_are_images_too() -> None:
    assert not read_image(tiff(np.zeros((8, 8), np.uint16))).any()
    np.testing.assert_array_equal(read_image(tiff(MASK > 0, photometric="minisblack"))[:, :, 0], MASK * 255)


@pytest.mark.parametrize(
    "content",
    [
        tiff(MASK * np.uint8(255)),
        tiff(MASK),
        tiff(MASK * np.uint16(7)),
        tiff(MASK > 0, photometric="minisblack"),
        tiff(MASK.astype(np.float32)),
        opencv(MASK * np.uint8(255)),
        tiff(np.dstack([MASK] * 3)),
        opencv(np.dstack([MASK, MASK, MASK, GREY])),
    ],
    ids=["255", "1", "7", "bool", "float", "png", "rgb", "rgba"],
)
def test_masks_of_two_values_are_read(content: bytes) -> None:
    mask = read_mask(content)
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, MASK)


def test_empty_and_full_masks_are_masks() -> None:
    assert not read_mask(tiff(np.zeros((8, 8), np.uint8))).any()
    assert read_mask(tiff(np.full((8, 8), 255, np.uint8))).all()


@pytest.mark.parametrize(
    ("array", "found"),
    [
        (MASK + MASK[::-1], "2 values beside 0: 1, 2"),
        (GREY, "values beside 0: 1, 2, 3, 4, 5, ..."),
        (np.dstack([MASK, MASK, 1 - MASK]), "channels that differ"),
        (-MASK.astype(np.int16), "1 values beside 0: -1"),
    ],
)
def test_masks_of_more_values_are_refused(array: np.ndarray, found: str) -> None:
    with pytest.raises(UnusableFile) as failure:
        read_mask(tiff(array))
    assert failure.value.reason == "non_binary_mask"
    assert found in failure.value.found


def test_the_name_does_not_choose_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "p_1.tif"
    path.write_bytes(opencv(RGB))
    np.testing.assert_array_equal(read_image(path), RGB)


def test_wrong_channels_are_refused() -> None:
    refuse(tiff(RGB[:, :, :2], planarconfig="contig", photometric="minisblack"), "wrong_channels", "2 channels")
    five = np.dstack([RGB, RGB])[:, :, :5]
    refuse(tiff(five, planarconfig="contig", photometric="minisblack"), "wrong_channels", "5 channels")
    refuse(tiff(RGBA, photometric="separated"), "wrong_channels", "SEPARATED")
    jpeg = bytearray(opencv(RGB, ".jpg"))
    jpeg[jpeg.find(b"\xff\xc0") + 9] = 4
    refuse(bytes(jpeg), "wrong_channels", "4 channels")


def test_several_pages_are_refused() -> None:
    refuse(tiff(np.stack([GREY, GREY]), photometric="minisblack"), "several_pages")
    png = opencv(RGB)
    animation = struct.pack(">I4sII", 8, b"acTL", 2, 0)
    animation += struct.pack(">I", zlib.crc32(animation[4:]))
    refuse(png[:33] + animation + png[33:], "several_pages", "animated")


def test_depths_that_are_no_numbers_are_refused() -> None:
    refuse(tiff(np.zeros((8, 8), np.complex64)), "wrong_depth", "complex64")
    refuse(tiff(np.full((8, 8), np.nan, np.float32)), "not_finite", "64 values")
    refuse(tiff(np.zeros((8, 8), np.float32), photometric="miniswhite"), "wrong_depth", "0 is white")
    refuse(tiff(MASK > 0, photometric="miniswhite"), "wrong_depth", "type bool in which 0 is white")


def test_compressions_that_cant_be_read_right_are_refused() -> None:
    rgba = opencv(RGBA, ".tif", cv2.IMWRITE_TIFF_COMPRESSION, 5)
    refuse(rgba, "unsupported_compression", "4 channels of 8 bit with the compression LZW")
    lzw = bytearray(opencv(GREY, ".tif", cv2.IMWRITE_TIFF_COMPRESSION, 5))
    entry = lzw.find(struct.pack("<HHIH", 259, 3, 1, 5))
    assert entry > 0
    lzw[entry + 8 : entry + 10] = struct.pack("<H", 34925)
    refuse(bytes(lzw), "unsupported_compression", "LZMA")


def test_sizes_are_looked_at_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    contents = [tiff(RGB), opencv(RGB), opencv(RGB, ".jpg"), opencv(RGB, ".bmp")]
    monkeypatch.setattr(pixels, "MOST_PIXELS", 479)
    for content in contents:
        refuse(content, "too_many_pixels", "20 x 24 pixels")
    monkeypatch.setattr(pixels, "MOST_PIXELS", 480)
    monkeypatch.setattr(pixels, "LEAST_SIDE", 21)
    for content in contents:
        refuse(content, "too_small", "20 x 24 pixels")
    monkeypatch.setattr(pixels, "LEAST_SIDE", 20)
    for content in contents:
        assert read_image(content).shape == (20, 24, 3)


def test_bombs_are_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    png = bytearray(opencv(GREY))
    png[16:24] = struct.pack(">II", 100_000, 100_000)
    png[29:33] = struct.pack(">I", zlib.crc32(png[12:29]))
    refuse(bytes(png), "too_many_pixels", "100000 x 100000")
    strip = tiff(GREY, compression="zlib")
    with tifffile.TiffFile(io.BytesIO(strip)) as file:
        offset, count = file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]  # type: ignore[union-attr]
    bomb = zlib.compress(bytes(count * 900))[:count]
    refuse(strip[:offset] + bomb.ljust(count, b"\0") + strip[offset + count :], "unreadable", "as a bomb does")


@pytest.mark.parametrize(
    "content",
    [
        *[tiff(RGB), tiff(RGB, compression="zlib"), opencv(RGB), opencv(RGB, ".jpg"), opencv(RGB, ".bmp")],
        opencv(RGB, ".tif", cv2.IMWRITE_TIFF_COMPRESSION, 5),
    ],
    ids=["tiff", "deflate", "png", "jpeg", "bmp", "lzw"],
)
def test_truncated_files_are_never_half_read(content: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    whole = read_image(content)
    for end in [*range(1, 60), *range(60, len(content), 37), len(content) - 1]:
        try:
            image = read_image(content[:end])
        except UnusableFile as failure:
            assert failure.reason in (
                "truncated",
                "unreadable",
                "unknown_format",
                "too_small",
                "unsupported_compression",
            ), end
        else:
            np.testing.assert_array_equal(image, whole)  # what is missing was padding or an index after the pixels
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "content",
    [tiff(RGB), opencv(RGB), opencv(RGB, ".jpg"), opencv(RGB, ".bmp")],
    ids=["tiff", "png", "jpeg", "bmp"],
)
def test_half_a_file_is_called_truncated(content: bytes) -> None:
    refuse(content[: len(content) // 2], "truncated", f"{len(content) // 2} bytes")


def test_a_tiff_with_too_few_pixels_is_truncated() -> None:
    content = bytearray(tiff(GREY))
    with tifffile.TiffFile(io.BytesIO(bytes(content))) as file:
        counts = file.pages.first.tags["StripByteCounts"]
    content[counts.valueoffset : counts.valueoffset + 4] = struct.pack("<I", 400)
    refuse(bytes(content), "truncated", "400 of 480 bytes of pixels")


@pytest.mark.parametrize("compression", [5, 32773], ids=["lzw", "packbits"])
@pytest.mark.parametrize("array", [RGB, GREY, MASK, RGB[:9, :8].repeat(40, 0), GREY.astype(np.uint16) * 257])
def test_packed_lengths_are_those_of_the_pixels(compression: int, array: np.ndarray) -> None:
    content = opencv(array, ".tif", cv2.IMWRITE_TIFF_COMPRESSION, compression)
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        page = file.pages.first
        strips = [content[start : start + n] for start, n in zip(page.dataoffsets, page.databytecounts, strict=True)]
    length = {5: streams.lzw_length, 32773: streams.packbits_length}[compression]
    assert sum(length(strip, 10**6) for strip in strips) == array.nbytes
    assert all(length(strip, 20) in range(20, 20 + 4096) for strip in strips)
    cut = strips[0][: len(strips[0]) // 2]
    assert length(cut, 10**6) < length(strips[0], 10**6)


@pytest.mark.parametrize(("compression", "fill"), [(5, b"\0"), (5, b"\xff"), (32773, b"\x80")])
def test_damaged_strips_are_not_read_as_what_is_left_of_them(compression: int, fill: bytes) -> None:
    content = opencv(RGB, ".tif", cv2.IMWRITE_TIFF_COMPRESSION, compression)
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        start, count = file.pages.first.dataoffsets[0], file.pages.first.databytecounts[0]
    spoilt = content[: start + 40] + fill * (count - 40) + content[start + count :]
    with pytest.raises(UnusableFile) as failure:
        read_image(spoilt)
    assert failure.value.reason in ("unreadable", "truncated") and "strip" in failure.value.found


def test_what_opencv_decodes_is_looked_at_too() -> None:
    greys = np.tile(np.arange(256, dtype=np.uint16) * 257, (3, 1))
    for options in ({}, {"compression": "zlib"}):
        content = tiff(GREY, photometric="palette", colormap=greys, **options)
        assert (read_image(content)[:, :, 0] == GREY).all()
        with tifffile.TiffFile(io.BytesIO(content)) as file:
            counts = file.pages.first.tags["StripByteCounts"]
        short = content[: counts.valueoffset] + struct.pack("<I", 200) + content[counts.valueoffset + 4 :]
        refuse(short, "truncated")
    jpeg = opencv(RGB, ".tif", cv2.IMWRITE_TIFF_COMPRESSION, 7)
    refuse(jpeg.replace(b"\xff\xd9", b"\xff\x00"), "truncated", "a TIFF strip of JPEG without its end")


def test_bits_that_are_not_there_are_not_made_up() -> None:
    content = bytearray(tiff(np.ones((64, 64), bool), photometric="minisblack"))
    with tifffile.TiffFile(io.BytesIO(bytes(content))) as file:
        entry = file.pages.first.tags["ImageLength"].offset
    content[entry + 2 : entry + 12] = struct.pack("<HII", 4, 1, 6400)
    refuse(bytes(content), "truncated", "512 of 51200 bytes of pixels")


def test_pixels_of_many_bytes_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "MOST_BYTES", 20 * 24 * 16)
    assert read_image(tiff(GREY.astype(np.float64))).shape == (20, 24, 3)
    refuse(tiff(np.dstack([GREY] * 3).astype(np.float64)), "too_many_pixels", "20 x 24 pixels of 24 bytes each")


def test_scaling_goes_by_blocks_to_the_same_values(monkeypatch: pytest.MonkeyPatch) -> None:
    deep = RNG.integers(0, 2**16, (20, 24), dtype=np.uint16)
    whole = read_image(tiff(deep))
    monkeypatch.setattr(pixels, "_BLOCK", 100)
    np.testing.assert_array_equal(read_image(tiff(deep)), whole)


def test_a_png_of_a_depth_that_there_is_not_is_refused() -> None:
    png = bytearray(opencv(RGB))
    png[24] = 4
    png[29:33] = struct.pack(">I", zlib.crc32(png[12:29]))
    refuse(bytes(png), "unreadable", "a PNG of 4 bit in colours of type 2")


@pytest.mark.parametrize("case", sorted(CASES.iterdir()), ids=lambda path: path.stem)
def test_what_fuzzing_found_is_refused_at_once(case: Path) -> None:
    for read in (read_image, read_mask):
        start = time.process_time()
        with pytest.raises(UnusableFile) as failure:
            read(case)
        assert time.process_time() - start < 1
        assert len(failure.value.found) <= LONGEST_FOUND + len(" ...")


def test_a_png_with_damaged_pixels_is_refused() -> None:
    png = bytearray(opencv(RGB))
    png[len(png) // 2] ^= 1
    refuse(bytes(png), "unreadable", "damaged")


def test_a_tiff_whose_width_is_many_numbers_is_refused_at_once() -> None:
    content = bytearray(tiff(GREY))
    with tifffile.TiffFile(io.BytesIO(bytes(content))) as file:
        entry = file.pages.first.tags["ImageWidth"].offset
    content[entry + 2 : entry + 12] = struct.pack("<HII", 3, 60, 8)
    refuse(bytes(content), "unreadable", "its size is no number")


def test_what_is_no_image_is_refused() -> None:
    refuse(b"", "empty_file")
    refuse(b"%PDF-1.7 and so on", "unknown_format", "a PDF document")
    refuse(b"GIF89a" + bytes(20), "unknown_format", "a GIF")
    refuse("Müller, Jörg".encode(), "unknown_format", "text")
    refuse(bytes([1, 2, 255, 200]) + bytes(600), "unknown_format", "begins with the bytes 01 02 ff c8 00 00 00 00")
    refuse("ü".encode() * 300 + b"\0", "unknown_format", "text")
    refuse(b"BM" + bytes(30), "unreadable", "header of 0 bytes")


@pytest.mark.parametrize("seed", range(4))
def test_damaged_bytes_raise_nothing_else(
    seed: int, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    rng = np.random.default_rng(seed)
    contents = [
        *[tiff(RGB), tiff(GREY, compression="zlib"), tiff(GREY.astype(np.float32)), opencv(RGB), opencv(RGB, ".bmp")],
        *[opencv(GREY, ".tif", cv2.IMWRITE_TIFF_COMPRESSION, 5)],
    ]
    for content in contents:
        for _ in range(25):
            damaged = np.frombuffer(content, np.uint8).copy()
            where = rng.integers(0, min(len(damaged), 400), rng.integers(1, 6))
            damaged[where] = rng.integers(0, 256, len(where))
            try:
                assert read_image(damaged.tobytes()).dtype == np.uint8
            except UnusableFile as failure:
                assert failure.found
    assert capfd.readouterr().err == ""
    assert caplog.text == ""


def test_decoders_are_only_quiet_inside() -> None:
    before = cv2.utils.logging.getLogLevel()
    with quiet_decoders():
        with quiet_decoders():
            assert cv2.utils.logging.getLogLevel() == cv2.utils.logging.LOG_LEVEL_SILENT
        assert not logging.getLogger("tifffile").isEnabledFor(logging.CRITICAL)
    assert cv2.utils.logging.getLogLevel() == before
    assert logging.getLogger("tifffile").level == logging.NOTSET
