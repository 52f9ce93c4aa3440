"""DICOM series: slices in order along their normal, sequences by name or by the scanner's words, masks as DICOM-SEG.

Files of one StudyInstanceUID belong together, those of one SeriesInstanceUID are a sequence. What it holds is told

1. by the name of its folder or file (see `sequences`),
2. else by its SeriesDescription or ProtocolName, which are read for this alone and passed on nowhere,
3. else, of three series, by their order (pre-contrast, FLAIR, post-contrast); one alone is FLAIR.

Names of studies are those of the folder or file that was given.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import numpy as np

from gliaflow.ingest.reasons import UnusableFile
from gliaflow.ingest.studies.dicom_files import SEGMENTATION, Header, read_header, size_of
from gliaflow.ingest.studies.dicom_seg import Reference, encode_segmentation
from gliaflow.ingest.studies.dicom_series import Series, arrange, read_scan
from gliaflow.ingest.studies.files import File
from gliaflow.ingest.studies.grids import Layout
from gliaflow.ingest.studies.scans import CHANNELS, WORDS, Scan, slice_scans
from gliaflow.ingest.studies.sequences import described_sequence, sequence_of
from gliaflow.ingest.studies.study import Kind, MaskFile, Refusal, Spacing, Study

OTHER_KINDS = ("Hardcopy", "Trial", "DICOS", "Eddy Current", "Ultrasound", "Nuclear", "Bi-Plane", "Retired")


@dataclass(frozen=True)
class Segmentation:
    """The form of a study of DICOM series: the name that its mask gets, what FLAIR's slices are called, its layout."""

    stem: str
    reference: Reference
    layout: Layout

    @property
    def kind(self) -> Kind:
        return "dicom"

    def encode(self, masks: Sequence[np.ndarray], model: str) -> tuple[MaskFile, ...]:
        """One DICOM-SEG file, with a frame a slice of FLAIR's series that holds tumour (all, where none does)."""
        frames = self.layout.to_voxels(np.stack(masks)).transpose(2, 1, 0)  # (I, J, K) -> (K, J, I): frames
        content = encode_segmentation(self.reference, np.ascontiguousarray(frames), model)
        return (MaskFile(f"{self.stem}_mask.dcm", "application/dicom", content),)


@dataclass
class Group:
    """The files of one study: its series by UID, its segmentations; and files that can't be used, with the reason."""

    series: dict[str, list[Header]] = field(default_factory=lambda: defaultdict(list))
    masks: list[Header] = field(default_factory=list)
    refused: list[tuple[File, UnusableFile]] = field(default_factory=list)

    @property
    def first(self) -> str:
        """The first of the names, by which studies are in order."""
        headers = [*(header for found in self.series.values() for header in found), *self.masks]
        return min([*(header.file.name for header in headers), *(file.name for file, _ in self.refused)])


@dataclass
class Choice:
    """What of a group is used: FLAIR series with the names of their studies, the others, and what is to be said."""

    flairs: list[tuple[str, Series]]
    partners: dict[str, Series]
    refused: list[tuple[File, UnusableFile]]
    remarks: tuple[str, ...]


def group_dicoms(files: Sequence[File]) -> list[Group]:
    """The studies that `files` make; each file that can't be used is a group of its own."""
    groups: defaultdict[str, Group] = defaultdict(Group)
    refused: list[Group] = []
    for file in files:
        try:
            header = read_header(file)
            is_mask = _is_segmentation(header)
            if not is_mask:
                _check_is_image(header)
        except UnusableFile as fault:
            refused.append(Group(refused=[(file, fault)]))
            continue
        folder = str(PurePosixPath(file.name).parent)
        group = groups[str(header.get("StudyInstanceUID", folder))]
        if is_mask:
            group.masks.append(header)
        else:
            group.series[str(header.get("SeriesInstanceUID", folder))].append(header)
    return sorted([*groups.values(), *refused], key=lambda group: group.first)


def choose_series(group: Group) -> Choice:
    """Which series of a group are used as what."""
    refused = list(group.refused)
    roles: defaultdict[str, list[Series]] = defaultdict(list)
    unknown: list[Series] = []
    for headers in group.series.values():
        try:
            series = arrange(headers)
        except UnusableFile as fault:
            refused += [(header.file, fault) for header in headers]
            continue
        role = _role(series)
        (roles[role] if role else unknown).append(series)
    remarks: tuple[str, ...] = ()
    if not roles["flair"] and unknown:
        remarks = _by_order(roles, unknown)
        unknown = []
    for series in [*unknown, *roles["other"]]:
        refused += _refuse(series, UnusableFile("other_sequence", "another sequence, by its name or description"))
    for name in ("pre", "post"):
        if not roles["flair"]:
            unusable = UnusableFile("no_flair", f"only {WORDS[name]}, by its name or description")
        elif len(roles[name]) > 1:
            unusable = UnusableFile("conflicting_files", f"{len(roles[name])} {WORDS[name]} series")
        else:
            continue
        refused += [pair for series in roles.pop(name, []) for pair in _refuse(series, unusable)]
    partners = {name: roles[name][0] for name in ("pre", "post") if roles[name]}
    flairs = list(zip(_study_names(roles["flair"]), roles["flair"], strict=True))
    return Choice(flairs, partners, refused, remarks)


def read_dicom(group: Group) -> Iterator[Study | Refusal]:
    """The studies of a group (one a FLAIR series), and a refusal for each file that isn't used."""
    choice = choose_series(group)
    masks = [(header.file, UnusableFile("is_a_mask", "a DICOM segmentation")) for header in group.masks]
    yield from (_refusal(file, fault) for file, fault in [*choice.refused, *masks])
    for name, flair in choice.flairs:
        yield from _read({"flair": flair, **choice.partners}, name, choice.remarks)


def _read(series: Mapping[str, Series], name: str, remarks: tuple[str, ...]) -> Iterator[Study | Refusal]:
    scans: dict[str, Scan] = {}
    faults: dict[str, UnusableFile] = {}
    for role, one in series.items():
        try:
            scans[role] = read_scan(one)
        except UnusableFile as fault:
            faults[role] = fault
    try:
        if "flair" in faults:
            raise faults.pop("flair")
        slices = slice_scans(scans)
    except UnusableFile as fault:
        yield from (_refusal(*pair) for pair in _refuse(series["flair"], fault))
        return
    unusable = {**faults, **slices.unusable}
    for role, found in unusable.items():
        yield from (_refusal(*pair) for pair in _refuse(series[role], found))
    used = tuple(header.file.name for role, one in series.items() if role not in unusable for header in one.headers)
    flair = series["flair"]
    folder = PurePosixPath(flair.headers[0].file.name).parent
    form = Segmentation((folder / name).as_posix(), flair.reference, slices.layout)
    spacing: Spacing | None = slices.spacing if flair.measured else None
    numbered = tuple(f"{name}_{number}" for number in range(1, len(slices.images) + 1))
    told = tuple(remark for one in series.values() for remark in one.remarks)
    yield Study(name, tuple(slices.images), numbered, used, form, spacing, (*remarks, *told, *slices.remarks))


def _is_segmentation(header: Header) -> bool:
    return str(header.get("SOPClassUID")) == SEGMENTATION or header.get("Modality") == "SEG"


def _check_is_image(header: Header) -> None:
    kind = header.data["SOPClass"]
    if size_of(header) == (0, 0) or "Image Storage" not in kind or any(word in kind for word in OTHER_KINDS):
        raise UnusableFile("not_an_image", "a DICOM file of another kind")


def _role(series: Series) -> str | None:
    """What a series holds, by names that were given, else by the scanner's words; a mask by name counts as other."""
    path = PurePosixPath(series.headers[0].file.name)
    named = sequence_of(series.headers[0].file.stem) or (sequence_of(path.parent.name) if path.parent.name else None)
    if named:
        return "other" if named.sequence == "mask" else named.sequence
    words = " ".join(str(series.headers[0].get(name, "")) for name in ("SeriesDescription", "ProtocolName"))
    return described_sequence(words)


def _by_order(roles: defaultdict[str, list[Series]], unknown: list[Series]) -> tuple[str, ...]:
    """Put series of which nothing is known among `roles`; what is to be said of it."""
    ordered = sorted(unknown, key=lambda series: (series.number, series.headers[0].file.name))
    if len(ordered) == 3 and not roles["pre"] and not roles["post"]:
        for name, series in zip(CHANNELS, ordered, strict=True):
            roles[name].append(series)
        return (
            "Names don't tell which series is which: taken by their order, as pre-contrast, FLAIR and post-contrast.",
        )
    roles["flair"] += ordered
    return ("Nothing tells which sequence it is: taken as FLAIR.",)


def _study_names(series: Sequence[Series]) -> list[str]:
    """The folder's name, or the file's where it came in none; numbered where there are several."""
    names = []
    for one in series:
        path = PurePosixPath(one.headers[0].file.name)
        case = sequence_of(path.parent.name) if path.parent.name else None
        name = (case.case or path.parent.parent.name or path.parent.name) if case else path.parent.name
        if not name:
            own = sequence_of(one.headers[0].file.stem)
            name = own.case if own and own.case else one.headers[0].file.stem
        names.append(name)
    if len(set(names)) == len(names):
        return names
    return [f"{name}_{number}" for number, name in enumerate(names, start=1)]


def _refuse(series: Series, fault: UnusableFile) -> list[tuple[File, UnusableFile]]:
    return [(header.file, fault) for header in series.headers]


def _refusal(file: File, fault: UnusableFile) -> Refusal:
    return Refusal(file.name, fault.reason, str(fault))
