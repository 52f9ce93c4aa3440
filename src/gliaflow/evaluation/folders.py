"""Which files of two folders belong to one slice: masks of any tool beside the true ones, by their names."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gliaflow.errors import GliaflowError
from gliaflow.ingest.names import IMAGE_SUFFIXES, parse_name, role_of

MOST_NAMED = 5
SYSTEM_FOLDER = "__MACOSX"

_MAP_ENDING = re.compile(r"[_-](?:prob|probability|probabilities)$", re.IGNORECASE)


class UnusableMasks(GliaflowError):
    """Masks that can't be scored: a folder without any, names that say nothing, or files without their partner."""


@dataclass(frozen=True, order=True)
class Key:
    """What tells a slice: its patient and number, as `gliaflow.ingest.names` reads them from the path."""

    patient: str
    slice: int


@dataclass(frozen=True)
class Matched:
    """Slices with a file on both sides, and the paths (below their folders) of files without a partner."""

    predictions: dict[Key, Path]
    truth: dict[Key, Path]
    only_predicted: list[str]
    only_true: list[str]


def match_masks(predictions: Path, truth: Path, *, allow_missing: bool = False) -> Matched:
    """Find the masks in two folders and pair them by patient and slice number, in ascending order.

    Where names tell masks (`p_1_mask.png`, or a folder `masks`), only these are taken, so that `truth` may be a data
    set with its images; else every picture is a mask.

    A mask without a partner is an error, as a tool that writes nothing for an empty slice and one that fell over look
    the same. With `allow_missing` such masks are left out; none counts as empty. Raises UnusableMasks.
    """
    found, true = _find(predictions, "predictions"), _find(truth, "truth")
    both = sorted(found.keys() & true.keys())
    matched = Matched(
        predictions={key: predictions / found[key] for key in both},
        truth={key: truth / true[key] for key in both},
        only_predicted=sorted(found[key] for key in found.keys() - true.keys()),
        only_true=sorted(true[key] for key in true.keys() - found.keys()),
    )
    alone = {"true masks": matched.only_true, "predicted masks": matched.only_predicted}
    if any(alone.values()) and not allow_missing:
        told = "; ".join(f"{len(paths)} {what} have none ({_some(paths)})" for what, paths in alone.items() if paths)
        raise UnusableMasks(
            f"Every mask needs its partner, by patient and slice number: {told}. Add them (all black where there is no "
            "tumour), or leave these slices out with --allow-missing."
        )
    if not both:
        raise UnusableMasks(
            f"No mask in {predictions} has a partner in {truth}. Partners have one patient and slice number in their "
            f"names, as in PATIENT_12_mask.png; found {_some(found.values())} and {_some(true.values())}."
        )
    return matched


def match_maps(folder: Path, keys: Iterable[Key]) -> dict[Key, Path]:
    """The probability map of each slice, named as its image or mask, or with the ending `_prob`.

    Other pictures, such as overlays, are ignored. Raises UnusableMasks where a map is missing.
    """
    maps, _ = _by_slice(folder, _pictures(folder), "probabilities")
    missing = [f"{key.patient} slice {key.slice}" for key in keys if key not in maps]
    if missing:
        raise UnusableMasks(
            f"Every scored slice needs its probability map; {len(missing)} have none in {folder} ({_some(missing)}). "
            "Add them, or score without --probabilities."
        )
    return {key: folder / maps[key] for key in keys}


def _find(folder: Path, what: str) -> dict[Key, str]:
    paths = _pictures(folder)
    named = [path for path in paths if role_of(path) == "mask"]
    slices, odd = _by_slice(folder, named or paths, what)
    if odd:
        raise UnusableMasks(
            f"A name must tell patient and slice number, as in PATIENT_12_mask.png; {len(odd)} in {folder} don't "
            f"({_some(odd)}). Rename these files or take them away."
        )
    return slices


def _pictures(folder: Path) -> list[str]:
    """Paths of all pictures below `folder`, sorted; hidden files and what macOS adds to archives are none."""
    if not folder.is_dir():
        raise UnusableMasks(f"Masks are read from a folder; {folder} is none.")
    return sorted(_walk(folder))


def _walk(folder: Path) -> Iterator[str]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name != SYSTEM_FOLDER]
        for name in names:
            if not name.startswith(".") and PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES:
                yield (Path(place) / name).relative_to(folder).as_posix()


def _by_slice(folder: Path, paths: list[str], what: str) -> tuple[dict[Key, str], list[str]]:
    """Each slice's path, and the paths whose names tell no slice.

    Raises UnusableMasks for no paths, and for two files of one slice.
    """
    if not paths:
        raise UnusableMasks(f"The folder of {what} needs pictures (TIFF, PNG, JPEG or BMP); {folder} has none.")
    slices: dict[Key, str] = {}
    odd = []
    for path in paths:
        file = PurePosixPath(path)
        name = parse_name(file.with_name(_MAP_ENDING.sub("", file.stem) + file.suffix).as_posix())
        if name is None:
            odd.append(path)
            continue
        key = Key(name.patient, name.slice)
        if key in slices:
            raise UnusableMasks(
                f"A slice has one file; {key.patient} slice {key.slice} has two in {folder}: {slices[key]} and {path}. "
                "Take one away."
            )
        slices[key] = path
    return slices, odd


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:MOST_NAMED]) + (", ..." if len(listed) > MOST_NAMED else "")
