"""Files made byte by byte, for what no library writes: TIFFs that lie, and PNGs with any part."""

import struct
import zlib

SHORT, LONG = 3, 4  # types of TIFF 6.0, section 2: uint16 and uint32


def tiff(strips: list[bytes], *, side: int, rows: int, compression: int = 1, shared: int = 1, beyond: int = 0) -> bytes:
    """A little-endian grey TIFF of `side` x `side` pixels of 8 bits, in `strips` of `rows` rows each.

    `shared` lists the strips that many times, and `beyond` is added to where they are said to lie. The directory of
    tags is at the end.
    """
    count = len(strips) * shared
    lists = 8  # where the strips' offsets begin; their sizes, the strips and the directory follow
    at, offsets = lists + 8 * count, []
    for strip in strips:
        offsets.append(at + beyond)
        at += len(strip)
    offsets, sizes = offsets * shared, [len(strip) for strip in strips] * shared
    data = struct.pack(f"<{2 * count}I", *offsets, *sizes) + b"".join(strips)
    data += b"\0" * (len(data) % 2)
    tags = [  # (tag, type, count, value or offset)
        (256, LONG, 1, side),  # width
        (257, LONG, 1, side),  # length
        (258, SHORT, 1, 8),  # bits a sample
        (259, SHORT, 1, compression),
        (262, SHORT, 1, 1),  # black is zero
        (273, LONG, count, offsets[0] if count == 1 else lists),
        (277, SHORT, 1, 1),  # samples a pixel
        (278, LONG, 1, rows),
        (279, LONG, count, sizes[0] if count == 1 else lists + 4 * count),
    ]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return struct.pack("<2sHI", b"II", 42, 8 + len(data)) + data + directory + struct.pack("<I", 0)


def png(width: int, height: int, pixels: bytes, *parts: tuple[bytes, bytes]) -> bytes:
    """A grey PNG of 8 bits: `pixels` as the deflated stream of its rows, `parts` (name, content) before them."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), *parts, (b"IDAT", pixels), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )
