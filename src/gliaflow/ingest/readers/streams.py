"""To how many bytes a packed TIFF strip unpacks: OpenCV fills up what a damaged one lacks, and says nothing."""

from gliaflow.ingest.reasons import UnusableFile

_CLEAR, _END, _FIRST = 256, 257, 258  # codes of TIFF 6.0, section 13
_MOST_CODES = 4096


def packbits_length(packed: bytes, enough: int) -> int:
    """The unpacked length of PackBits data, counted until `enough` bytes are there (TIFF 6.0, section 9)."""
    position = length = 0
    while position < len(packed) and length < enough:
        head = packed[position]
        if head < 128:
            length += min(head + 1, len(packed) - position - 1)
            position += head + 2
        else:
            if head > 128 and position + 1 < len(packed):
                length += 257 - head
            position += 1 if head == 128 else 2
    return length


def lzw_length(packed: bytes, enough: int) -> int:
    """The unpacked length of TIFF LZW data, counted until `enough` bytes are there. Raises UnusableFile.

    Codes are 9 to 12 bits, the first in the highest bits; each adds the string of the one before and one byte.
    """
    if packed[:2] and packed[0] == 0 and len(packed) > 1 and packed[1] & 1:
        raise UnusableFile("unsupported_compression", "the LZW of before TIFF 6.0, its bits the other way round")
    lengths: list[int] = [1] * 256 + [0, 0]  # of each code's string
    width, bits, held, length, before = 9, 0, 0, 0, -1
    for byte in packed:
        held = (held << 8 | byte) & 0xFFFFF
        bits += 8
        if bits < width:
            continue
        bits -= width
        code = held >> bits & (1 << width) - 1
        if code == _CLEAR:
            del lengths[_FIRST:]
            width, before = 9, -1
            continue
        if code == _END:
            break
        if code > len(lengths) or code == len(lengths) and before < 0 or len(lengths) >= _MOST_CODES:
            raise UnusableFile("unreadable", "a TIFF strip whose LZW codes are damaged")
        if before >= 0:
            lengths.append(lengths[before] + 1)
        elif code >= _FIRST:
            raise UnusableFile("unreadable", "a TIFF strip whose LZW codes are damaged")
        length += lengths[code]
        if length >= enough:
            break
        before = code
        if len(lengths) + 1 >= 1 << width and width < 12:  # TIFF widens its codes one early
            width += 1
    return length
