"""NIfTI volumes: a patient's sequences by name or by order, and masks as NIfTI on FLAIR's own grid.

Which file is what, within a folder:

1. All in a folder `masks`, `labels`, `labelsTr` or the like are masks.
2. Names that tell (see `sequences`): files of one case are one study. Other sequences and masks are passed over, and so
   is any other file whose name begins with the case's.
3. Channels as nnU-Net names them (`case_0000`, `case_0001`, `case_0002`): one is FLAIR, three are pre-contrast, FLAIR
   and post-contrast in this order. Of two or four the order can't be told: they are refused.
4. Three files in all, whose names tell nothing and that lie on one grid: pre-contrast, FLAIR and post-contrast in the
   order of their names.
5. Any other file is a patient's FLAIR.

A file of three volumes, or of colours, holds pre-contrast, FLAIR and post-contrast in this order.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from gliaflow.ingest.names import MASK_FOLDERS
from gliaflow.ingest.reasons import UnusableFile
from gliaflow.ingest.studies.files import File, read_file, read_start
from gliaflow.ingest.studies.grids import Layout, same_grid
from gliaflow.ingest.studies.nifti_files import Nifti, decode, encode_mask, read_grid
from gliaflow.ingest.studies.scans import CHANNELS, WORDS, Scan, slice_scans
from gliaflow.ingest.studies.sequences import CORRECTED, channel_of, sequence_of
from gliaflow.ingest.studies.study import Kind, MaskFile, Refusal, Study

LABEL_FOLDERS = MASK_FOLDERS | {"labelstr", "labelsts"}  # nnU-Net's
UNNAMED = "The name doesn't tell which sequence it is: taken as FLAIR."


@dataclass(frozen=True)
class Volume:
    """The form of a study of NIfTI volumes: FLAIR's name without suffixes, its header without words, its layout."""

    stem: str
    header: bytes
    packed: bool
    layout: Layout

    @property
    def kind(self) -> Kind:
        return "nifti"

    def encode(self, masks: Sequence[np.ndarray], model: str) -> tuple[MaskFile, ...]:
        """One NIfTI volume uint8 {0, 1} on FLAIR's grid; packed where FLAIR was. NIfTI has no place for `model`."""
        voxels = self.layout.to_voxels(np.stack(masks))
        suffix, media_type = (".nii.gz", "application/gzip") if self.packed else (".nii", "application/octet-stream")
        return (MaskFile(f"{self.stem}_mask{suffix}", media_type, encode_mask(self.header, voxels, self.packed)),)


@dataclass(frozen=True)
class Case:
    """A patient's files by what they hold ("pre", "flair", "post", "mask"), the others, and what is to be said."""

    name: str
    files: Mapping[str, tuple[File, ...]]
    others: tuple[File, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def first(self) -> str:
        return min(file.name for files in (*self.files.values(), self.others) for file in files)


def group_niftis(files: Sequence[File]) -> list[Case]:
    """The cases that `files` make."""
    folders: defaultdict[str, list[File]] = defaultdict(list)
    for file in files:
        folders[str(PurePosixPath(file.name).parent)].append(file)
    return sorted((case for found in folders.values() for case in _cases(found)), key=lambda case: case.first)


def read_nifti(case: Case) -> Iterator[Study | Refusal]:
    """The study of a case, and a refusal for each file that isn't used."""
    for file in case.others:
        yield _refusal(file, UnusableFile("other_sequence", "another sequence, by its name"))
    for file in case.files.get("mask", ()):
        yield _refusal(file, UnusableFile("is_a_mask", "a mask, by its name"))
    named = {name: case.files[name] for name in CHANNELS if case.files.get(name)}
    if not named:
        return
    files = [file for found in named.values() for file in found]
    if "flair" not in named:
        words = ", ".join(WORDS[name] for name in named)
        yield from (_refusal(file, UnusableFile("no_flair", f"only {words}, by name")) for file in files)
        return
    if doubled := next((name for name, found in named.items() if len(found) > 1), None):
        fault = UnusableFile("conflicting_files", f"{len(named[doubled])} {WORDS[doubled]} volumes of one case")
        yield from (_refusal(file, fault) for file in files)
        return
    yield from _read({name: found[0] for name, found in named.items()}, case)


def open_case(files: Mapping[str, bytes]) -> tuple[dict[str, Scan], dict[str, UnusableFile], Nifti]:
    """The scans in the bytes of a case's files ("flair" and others): those that can be used, faults, and FLAIR's file.

    Raises UnusableFile where FLAIR can't be used.
    """
    flair = decode(files["flair"])
    count = flair.volumes.shape[-1]
    if count == 3 and len(files) > 1:
        raise UnusableFile("wrong_channels", "3 volumes in a file that is FLAIR by its name")
    if count == 3:
        return {name: flair.scan(number) for number, name in enumerate(CHANNELS)}, {}, flair
    scans, faults = {"flair": flair.scan(0)}, {}
    for name in files:
        if name != "flair":
            try:
                nifti = decode(files[name])
                if nifti.volumes.shape[-1] != 1:
                    raise UnusableFile("wrong_channels", f"3 volumes in a file that is {WORDS[name]} by its name")
                scans[name] = nifti.scan(0)
            except UnusableFile as fault:
                faults[name] = fault
    return scans, faults, flair


def _read(files: Mapping[str, File], case: Case) -> Iterator[Study | Refusal]:
    contents: dict[str, bytes] = {}
    for name, file in files.items():
        try:
            contents[name] = read_file(file)
        except UnusableFile as fault:
            yield _refusal(file, fault)
    if "flair" not in contents:
        partner = UnusableFile("no_flair", f"its FLAIR {files['flair'].name} can't be used")
        yield from (_refusal(files[name], partner) for name in contents)
        return
    try:
        scans, faults, flair = open_case(contents)
        slices = slice_scans(scans)
    except UnusableFile as fault:
        yield _refusal(files["flair"], fault)
        partner = UnusableFile("no_flair", f"its FLAIR {files['flair'].name} can't be used")
        yield from (_refusal(files[name], partner) for name in contents if name != "flair")
        return
    unusable = {**faults, **slices.unusable}
    yield from (_refusal(files[name], fault) for name, fault in unusable.items())
    ordered = flair.volumes.shape[-1] == 3
    remarks = ("Three volumes in one file: pre-contrast, FLAIR and post-contrast, by their order.",) if ordered else ()
    folder = PurePosixPath(files["flair"].name).parent
    form = Volume((folder / files["flair"].stem).as_posix(), flair.header, flair.packed, slices.layout)
    names = tuple(f"{case.name}_{number}" for number in range(1, len(slices.images) + 1))
    spoken = () if ordered else case.remarks
    used = tuple(files[name].name for name in contents if name not in unusable)
    said = (*spoken, *remarks, *slices.remarks)
    yield Study(case.name, tuple(slices.images), names, used, form, slices.spacing, said)


def _refusal(file: File, fault: UnusableFile) -> Refusal:
    return Refusal(file.name, fault.reason, str(fault))


def _cases(files: Sequence[File]) -> Iterator[Case]:
    """The cases in one folder."""
    if PurePosixPath(files[0].name).parent.name.lower() in LABEL_FOLDERS:
        for file in files:
            named_mask = sequence_of(file.stem)
            yield Case(named_mask.case if named_mask and named_mask.case else file.stem, {"mask": (file,)})
        return
    named: defaultdict[str, defaultdict[str, list[File]]] = defaultdict(lambda: defaultdict(list))
    unnamed: list[File] = []
    for file in files:
        found = sequence_of(file.stem)
        if found:
            named[found.case][found.sequence].append(file)
        else:
            unnamed.append(file)
    remarks: dict[str, tuple[str, ...]] = {}
    cases = [name for name in named if any(named[name][role] for role in ("pre", "flair", "post"))]
    for file in list(unnamed):
        case = next((name for name in cases if not name or re.match(rf"{re.escape(name)}[_\-. ]", file.stem)), None)
        if case is not None:
            named[case]["other"].append(file)
            unnamed.remove(file)
    for file in list(unnamed):
        if "mask" in named.get(file.stem, {}):  # case.nii beside case_seg.nii
            named[file.stem]["flair"].append(file)
            unnamed.remove(file)
            remarks[file.stem] = (UNNAMED,)
    for name, roles in named.items():
        others = tuple(roles.pop("other", ()))
        if len(roles.get("mask", ())) > 1:  # of which a person went over one
            corrected = [file for file in roles["mask"] if file.stem.lower().endswith(CORRECTED)]
            if len(corrected) == 1:
                others += tuple(file for file in roles["mask"] if file not in corrected)
                roles["mask"] = corrected
        some = next(file for found in (*roles.values(), others) for file in found)
        held = {role: tuple(found) for role, found in roles.items() if found}
        yield Case(name or _folder_name(some), held, others, remarks.get(name, ()))
    yield from _unnamed_cases(unnamed)


def _unnamed_cases(files: Sequence[File]) -> Iterator[Case]:
    channels: defaultdict[str, dict[int, File]] = defaultdict(dict)
    alone: list[File] = []
    for file in files:
        if found := channel_of(file.stem):
            channels[found[0]][found[1]] = file
        else:
            alone.append(file)
    for name, numbered in channels.items():
        ordered = tuple(numbered[number] for number in sorted(numbered))
        if len(ordered) == 3:
            yield _in_order(name, ordered)
        elif len(ordered) == 1:
            yield _lone(name, ordered[0])
        else:
            yield Case(name, {"pre": ordered})  # refused, as which is FLAIR can't be told
    if len(alone) == 3 and _on_one_grid(alone):
        ordered = tuple(sorted(alone, key=_natural))
        yield _in_order(_folder_name(ordered[1]), ordered)
    else:
        yield from (_lone(file.stem, file) for file in alone)


def _in_order(name: str, files: Sequence[File]) -> Case:
    told = ", ".join(f"{file.stem} as {WORDS[role]}" for role, file in zip(CHANNELS, files, strict=True))
    roles = {role: (file,) for role, file in zip(CHANNELS, files, strict=True)}
    return Case(name, roles, remarks=(f"Names don't tell which sequence is which: taken by their order, {told}.",))


def _lone(name: str, file: File) -> Case:
    return Case(name, {"flair": (file,)}, remarks=(UNNAMED,))


def _folder_name(file: File) -> str:
    """The folder that a file lies in, which names the patient where files are called after sequences alone."""
    return PurePosixPath(file.name).parent.name or file.stem


def _on_one_grid(files: Sequence[File]) -> bool:
    try:
        grids = [read_grid(read_start(file)) for file in files]
    except UnusableFile:
        return False
    return all(volumes == 1 and same_grid(grid, grids[0][0]) for grid, volumes in grids)


def _natural(file: File) -> list[tuple[int, str]]:
    """Sorts 2 before 10."""
    return [(int(part) if part.isdigit() else -1, part) for part in re.split(r"(\d+)", file.stem)]
