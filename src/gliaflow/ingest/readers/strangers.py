"""What files are that no reader takes, in words that quote nothing of a text: it may name a patient."""

_KINDS = {
    b"%PDF": "a PDF document",
    b"GIF8": "a GIF",
    b"PK\x03\x04": "a zip archive, or a document that is one inside",
    b"\x1f\x8b": "packed with gzip",
    b"<!DOCTYPE": "a web page",
    b"<html": "a web page",
    b"<svg": "an SVG drawing",
    b"\x7fELF": "a program",
    b"MZ": "a program",
}
_WEBP, _DICOM = b"WEBP", b"DICM"
_LOOKED_AT = 512


def describe(content: bytes) -> str:
    """What `content` is, as far as its beginning tells."""
    start = content[:_LOOKED_AT]
    for magic, kind in _KINDS.items():
        if start.lower().startswith(magic.lower()):
            return kind
    if start[8:12] == _WEBP:
        return "a WebP picture"
    if start[128:132] == _DICOM:
        return "a DICOM file"
    try:
        text = start.decode("utf-8")
    except UnicodeDecodeError as error:
        text = start[: error.start].decode("utf-8") if error.start > len(start) - 4 else "\0"
    if all(letter.isprintable() or letter.isspace() for letter in text):
        return "text"
    return f"a file that begins with the bytes {start[:8].hex(' ')}"
