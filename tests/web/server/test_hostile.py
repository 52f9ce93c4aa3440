"""A corpus of files made to harm: each is told off in under 2 seconds, and leaves nothing."""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable

import numpy as np
import pytest
import tifffile

Files = list[tuple[str, bytes]]
MIB = 1 << 20


def png(width: int, height: int, rows: bytes = b"", depth: int = 8) -> bytes:
    """A grey PNG whose header says `width` x `height`, with whatever rows."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def jpeg(width: int, height: int) -> bytes:
    frame = struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\1\x11\0"
    return b"\xff\xd8\xff\xc0" + frame + b"\xff\xda\0\x08\1\1\0\0\x3f\0" + bytes(64) + b"\xff\xd9"


def bmp(width: int, height: int) -> bytes:
    return b"BM" + struct.pack("<IIIIiiHHIIiiII", 54, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)


def tiff(width: int, height: int, **options: object) -> bytes:
    """A TIFF whose header says `width` x `height` for the strip of an 8 x 8 picture."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.zeros((8, 8), np.uint8), **options)
    content = bytearray(buffer.getvalue())
    (start,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, start)
    for entry in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from("<HH", content, entry)
        if tag in (256, 257, 278):  # width, height, rows a strip
            struct.pack_into("<I" if kind == 4 else "<H", content, entry + 8, width if tag == 256 else height)
    return bytes(content)


def nifti(side: int, voxels: int, slices: int | None = None, row: float = 1.0) -> bytes:
    """A NIfTI whose header says `side` voxels each way (but so many `slices`), `row` mm long, with so many `voxels`."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, side, side, side if slices is None else slices, 1, 1, 1, 1)
    struct.pack_into("<hh", header, 70, 2, 8)  # uint8
    struct.pack_into("<8f", header, 76, *[1.0] * 8)
    struct.pack_into("<f", header, 108, 352.0)
    struct.pack_into("<h", header, 254, 1)
    struct.pack_into("<12f", header, 280, row, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0)
    header[344:348] = b"n+1\0"
    return bytes(header) + bytes(voxels)


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(*members: tarfile.TarInfo | tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
    return buffer.getvalue()


def link(name: str, to: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, to
    return info


def encrypted(content: bytes) -> bytes:
    """A zip whose member says that it is encrypted."""
    return content.replace(b"PK\x03\x04\x14\0\0\0", b"PK\x03\x04\x14\0\1\0").replace(
        b"PK\x01\x02\x14\x03\x14\0\0\0", b"PK\x01\x02\x14\x03\x14\0\1\0"
    )


def overlapping(size: int, members: int) -> bytes:
    """A zip whose members are all the same bytes, as in D. Fifield's bomb."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.tif", bytes(size))
        for number in range(1, members):
            again = zipfile.ZipInfo(f"{number}.tif")
            for name in ("compress_type", "CRC", "compress_size", "file_size", "header_offset"):
                setattr(again, name, getattr(archive.filelist[0], name))
            archive.filelist.append(again)
            archive.NameToInfo[again.filename] = again
    return buffer.getvalue()


HUGE = 1 << 31
CORPUS: dict[str, Callable[[Callable[..., bytes]], Files]] = {
    "zip bomb of one member": lambda _: [("bomb.zip", zipped(("a.tif", bytes(60 * MIB))))],
    "zip bomb of many members": lambda _: [("b.zip", zipped(*[(f"{n}.png", bytes(2 * MIB)) for n in range(20)]))],
    "zip bomb of overlapping members": lambda _: [("bomb.zip", overlapping(20 * MIB, 500))],
    "zip of too many members": lambda _: [("many.zip", zipped(*[(f"{n}.png", b"") for n in range(3000)]))],
    "tar.gz bomb": lambda _: [("bomb.tgz", gzip.compress(tarred(("a.tif", bytes(60 * MIB))), 1))],
    "tar.bz2 bomb": lambda _: [("bomb.tbz", bz2.compress(tarred(("a.tif", bytes(40 * MIB))), 1))],
    "tar.xz bomb": lambda _: [("bomb.txz", lzma.compress(tarred(("a.tif", bytes(60 * MIB))), preset=0))],
    "gzip bomb that is no tar": lambda _: [("bomb.nii.gz", gzip.compress(bytes(100 * MIB), 1))],
    "zip in a zip": lambda picture: [("deep.zip", zipped(("in.zip", zipped(("a.png", picture())))))],
    "zip in a zip, ten deep": lambda picture: [("deep.zip", _deep(picture(), 10))],
    "zip of names that lead out": lambda picture: [("x.zip", zipped(("../../../tmp/evil.png", picture())))],
    "zip of absolute names": lambda picture: [("x.zip", zipped(("/tmp/evil.png", picture())))],
    "zip of names for Windows": lambda picture: [("x.zip", zipped(("C:\\evil.png", picture())))],
    "zip of names that are too long": lambda picture: [("x.zip", zipped(("n" * 5000 + ".png", picture())))],
    "zip of one name twice": lambda picture: [("x.zip", _twice(picture()))],
    "zip of a link": lambda _: [("x.zip", _zipped_link("a.png", "/etc/passwd"))],
    "encrypted zip": lambda picture: [("x.zip", encrypted(zipped(("a.png", picture()))))],
    "zip of what systems leave": lambda _: [("x.zip", zipped(("__MACOSX/._a.png", b"x"), (".DS_Store", b"x")))],
    "empty zip": lambda _: [("x.zip", zipped())],
    "truncated zip": lambda picture: [("x.zip", zipped(("a.png", picture()))[:-30])],
    "damaged zip": lambda picture: [("x.zip", zipped(("a.png", picture())).replace(b"IDAT", b"JDAT"))],
    "tar of links": lambda _: [("x.tar", tarred(link("a.png", "/etc/passwd"), link("b", "..")))],
    "tar of a link, and a file below it": lambda p: [("x.tar", tarred(link("d", "/tmp"), ("../d/evil.png", p())))],
    "truncated tar": lambda picture: [("x.tar", tarred(("a.png", picture()))[:1500])],
    "truncated TIFF": lambda picture: [("a.tif", picture(suffix=".tif")[:-500])],
    "truncated PNG": lambda picture: [("a.png", picture()[:-500])],
    "truncated JPEG": lambda picture: [("a.jpg", picture(suffix=".jpg")[:-100])],
    "truncated BMP": lambda picture: [("a.bmp", picture(suffix=".bmp")[:-500])],
    "head of a TIFF": lambda _: [("a.tif", b"II*\0\x08\0\0\0")],
    "TIFF that leads in circles": lambda _: [("a.tif", b"II*\0\x08\0\0\0\0\0\x08\0\0\0")],
    "head of a PNG": lambda _: [("a.png", b"\x89PNG\r\n\x1a\n")],
    "head of a JPEG": lambda _: [("a.jpg", b"\xff\xd8\xff\xe0")],
    "head of a BMP": lambda _: [("a.bmp", b"BM")],
    "gigapixel PNG": lambda _: [("a.png", png(60_000, 60_000))],
    "PNG of the largest size": lambda _: [("a.png", png(HUGE - 1, HUGE - 1))],
    "gigapixel JPEG": lambda _: [("a.jpg", jpeg(65_500, 65_500))],
    "gigapixel BMP": lambda _: [("a.bmp", bmp(60_000, 60_000))],
    "BMP of a negative width": lambda _: [("a.bmp", bmp(-60_000, -60_000))],
    "gigapixel TIFF": lambda _: [("a.tif", tiff(60_000, 60_000))],
    "gigapixel TIFF, deflated": lambda _: [("a.tif", tiff(60_000, 60_000, compression="zlib"))],
    "PNG bomb within the pixel limit": lambda _: [("a.png", png(7990, 7990, bytes(10)))],
    "PNG bombs within the pixel limit": lambda _: _often(_sound(4000), 60),
    "NIfTI of gigavoxels": lambda _: [("a.nii", nifti(30_000, 10))],
    "packed NIfTI of gigavoxels": lambda _: [("a.nii.gz", gzip.compress(nifti(30_000, 10)))],
    "NIfTI bomb within the voxel limit": lambda _: [("a.nii.gz", gzip.compress(nifti(450, 450**3), 1))],
    "NIfTI of thousands of thin slices": lambda _: [("a.nii.gz", gzip.compress(nifti(45, 45**2 * 31_000, 31_000), 1))],
    "NIfTI of a few huge slices": lambda _: [("a.nii.gz", gzip.compress(nifti(5000, 5000**2 * 2, 2), 1))],
    "NIfTI of pixels that are half a kilometre long": lambda _: [("a.nii", nifti(32, 32**3, row=5e5))],
    "NIfTI of no voxels": lambda _: [("a.nii", nifti(0, 0))],
    "truncated NIfTI": lambda _: [("a.nii", nifti(32, 32**3 - 99))],
    "truncated packed NIfTI": lambda _: [("a.nii.gz", gzip.compress(nifti(32, 32**3))[:-9])],
    "head of a DICOM": lambda _: [("a.dcm", bytes(128) + b"DICM")],
    "DICOM of rubbish": lambda _: [("a.dcm", bytes(128) + b"DICM" + bytes(range(256)) * 8)],
    "text": lambda _: [("a.tif", b"Brain\n" * 1000)],
    "HTML": lambda _: [("a.png", b"<script>alert(1)</script>")],
    "SVG": lambda _: [("a.png", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>")],
    "ELF": lambda _: [("a.png", b"\x7fELF\2\1\1" + bytes(500))],
    "PDF": lambda _: [("a.png", b"%PDF-1.7\n%%EOF")],
    "pickle": lambda _: [("a.png", b"cos\nsystem\n(S'touch /tmp/evil'\ntR.")],
    "numpy array of objects": lambda _: [("a.npy", _npy(np.array([{}], object)))],
    "GIF and JavaScript": lambda _: [("a.gif", b"GIF89a/*" + bytes(20) + b"*/=1;alert(1)//")],
    "nothing": lambda _: [("a.png", b"")],
    "nothing, often": lambda _: [(f"{n}.png", b"") for n in range(900)],
    "too many files": lambda _: [(f"{n}.png", b"x") for n in range(1200)],
    "one byte": lambda _: [("a.png", b"\0")],
    "zeros": lambda _: [("a.tif", bytes(MIB))],
    "name that leads out": lambda _: [("../../etc/passwd", b"x")],
    "name of control characters": lambda _: [("\x1b[2J\x07\x00a.png", b"x")],
    "name that is far too long": lambda _: [("n" * 3000 + ".png", b"x")],
    "name that turns round": lambda _: [("a\u202egnp.exe", b"x")],
    "mask": lambda picture: [("P_1_mask.png", picture())],
}


def _deep(content: bytes, depth: int) -> bytes:
    for level in range(depth):
        content = zipped((f"{level}.zip", content))
    return content


def _twice(content: bytes) -> bytes:
    return zipped(("a.png", content), ("b.png", content)).replace(b"b.png", b"a.png")


def _zipped_link(name: str, to: str) -> bytes:
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, to)
    return buffer.getvalue()


def _often(content: bytes, times: int) -> Files:
    return [(f"{number}.png", content) for number in range(times)]


def _sound(side: int) -> bytes:
    return png(side, side, bytes((side + 1) * side))


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def contention() -> float:
    """How many times longer than alone work takes now: others may use this machine's cores, too."""
    start, own = time.perf_counter(), time.thread_time()
    sum(range(2_000_000))
    return max(1.0, (time.perf_counter() - start) / (time.thread_time() - own))


@pytest.mark.parametrize("name", CORPUS)
def test_it_is_told_off_at_once_and_leaves_nothing(served, picture, name: str) -> None:
    files = CORPUS[name](picture)
    seconds = []
    for _ in range(3):
        busy = contention()
        start = time.perf_counter()
        response = served.send(*files)
        seconds.append((time.perf_counter() - start) / max(busy, contention()))
        if seconds[-1] < 2:
            break
    assert 400 <= response.status_code < 500, response.text[:500]
    assert min(seconds) < 2, seconds
    said = response.json()
    assert set(said) <= {"message", "refused"} and len(said["message"]) > 20
    where = str(served.service.scratch.root)
    assert where not in response.text and "/tmp/gliaflow" not in response.text
    assert all(letter.isprintable() for refused in said.get("refused", []) for letter in "".join(refused.values()))
    assert [path.name for path in served.service.scratch.root.iterdir()] == ["alive"]


def test_rows_beyond_those_that_a_picture_says_are_not_unpacked(served) -> None:
    (study,) = served.send(("a.png", png(8, 8, bytes(20 * MIB)))).json()["studies"]
    assert (study["slices"][0]["height"], study["slices"][0]["width"]) == (8, 8)


def test_after_all_that_it_still_answers(served, picture) -> None:
    assert served.client.get("/ready").status_code == 200
    assert served.send(("a.png", picture())).status_code == 200


def test_what_is_two_things_at_once_is_what_it_begins_as(served, picture) -> None:
    content = picture()
    for behind in (zipped(("evil.png", picture(1))), b"<script>alert(1)</script>"):
        response = served.send(("a.png", content + behind))
        assert response.status_code == 200
        (study,) = response.json()["studies"]
        assert [part["name"] for part in study["slices"]] == ["a.png"]
        assert "script" not in response.text
