"""What to call a file that somebody sent: never where it is kept, and nothing that a terminal or page would obey."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from gliaflow.ingest.doctor.text import printable

LONGEST_PART, LONGEST = 120, 400  # characters, of a folder's or the file's name, and of all


def shown_name(given: str, number: int) -> str:
    """A posix path of plain parts: no root, drive, `.`, `..` or control characters; "file 3" where nothing is left."""
    parts = [part.strip() for part in given.replace("\\", "/").split("/")]
    if parts and len(parts[0]) == 2 and parts[0][1] == ":":  # a drive
        parts = parts[1:]
    plain = [_shorten(printable(part)) for part in parts if part and set(part) != {"."}]
    while len(plain) > 1 and len("/".join(plain)) > LONGEST:
        plain = plain[1:]
    return "/".join(plain) or f"file {number}"


def told_apart(names: Iterable[str]) -> list[str]:
    """The names, a second one of the same with " (2)" before its suffixes, and so on."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = count = seen.get(name, 0) + 1
        path = PurePosixPath(name)
        stem = path.name.removesuffix("".join(path.suffixes[-2:]))
        found.append(name if count == 1 else str(path.with_name(f"{stem} ({count}){path.name[len(stem) :]}")))
    return found


def _shorten(part: str) -> str:
    """The beginning and the end, where number and suffix are, of a part that is too long."""
    return part if len(part) <= LONGEST_PART else f"{part[: LONGEST_PART - 41]}…{part[-40:]}"
