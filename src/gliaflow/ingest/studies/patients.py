"""Patients to learn from in volumes, NIfTI or DICOM: which files are their images and mask, and how they are read.

Both kinds have one interface (`Patient`); what is learnt from is made by the code by which volumes are predicted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal, Protocol

import numpy as np

from gliaflow.ingest.reasons import UnusableFile
from gliaflow.ingest.studies import dicom_files, nifti_files
from gliaflow.ingest.studies.dicom import choose_series, group_dicoms
from gliaflow.ingest.studies.dicom_files import read_header
from gliaflow.ingest.studies.dicom_masks import read_segmentation
from gliaflow.ingest.studies.dicom_series import Series, read_scan
from gliaflow.ingest.studies.files import File, read_file, read_start
from gliaflow.ingest.studies.grids import Grid, lay_out, resample, same_grid
from gliaflow.ingest.studies.nifti import Case, group_niftis, open_case
from gliaflow.ingest.studies.scans import CHANNELS, Slices, slice_scans

Role = Literal["image", "mask"]


class Patient(Protocol):
    """A patient's volumes.

    name      : of the case or folder
    sequences : files by what they hold ("pre", "flair", "post"); slices are called after FLAIR's first
    masks     : files that hold the mask; one, or none
    slices    : how many there are
    """

    @property
    def name(self) -> str: ...

    @property
    def sequences(self) -> Mapping[str, tuple[File, ...]]: ...

    @property
    def masks(self) -> tuple[File, ...]: ...

    @property
    def slices(self) -> int: ...

    def read_slices(self) -> Slices:
        """The images; raises UnusableFile, also where a sequence beside FLAIR can't be used."""
        ...

    def read_mask(self, file: File, slices: Slices) -> np.ndarray:
        """The mask uint8 {0, 1} [S, H, W] of `slices` that is in `file`; raises UnusableFile."""
        ...


@dataclass
class Found:
    """Patients, and the files that can't be used, with what they are by their names and a code of REASONS."""

    patients: list[Patient] = field(default_factory=list)
    problems: dict[str, tuple[Role, str]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class NiftiPatient:
    """A patient in NIfTI files; see `Patient`."""

    name: str
    sequences: Mapping[str, tuple[File, ...]]
    masks: tuple[File, ...]
    slices: int

    def read_slices(self) -> Slices:
        """See `Patient`."""
        scans, faults, _ = open_case({name: read_file(files[0]) for name, files in self.sequences.items()})
        return _whole(slice_scans(scans), faults, self.sequences)

    def read_mask(self, file: File, slices: Slices) -> np.ndarray:
        """See `Patient`: tumour is every label above 0; on another grid, each voxel takes the nearest label."""
        nifti = nifti_files.decode(read_file(file))
        if nifti.volumes.shape[-1] != 1:
            raise UnusableFile("wrong_channels", f"a mask of {nifti.volumes.shape[-1]} volumes")
        scan = nifti.scan(0)
        values = scan.voxels * scan.slope + scan.intercept
        if not np.isfinite(values).all() or (values != np.round(values)).any():
            raise UnusableFile("non_binary_mask", "values that are no whole numbers")
        tumor = (values > 0).astype(np.uint8)
        if not same_grid(scan.grid, slices.grid):
            tumor = resample(tumor, scan.grid, slices.grid, order=0)
        return slices.layout.to_slices(tumor)


@dataclass(frozen=True, eq=False)
class DicomPatient:
    """A patient in DICOM series; see `Patient`."""

    name: str
    series: Mapping[str, Series]
    masks: tuple[File, ...]

    @property
    def sequences(self) -> Mapping[str, tuple[File, ...]]:
        """See `Patient`."""
        return {name: tuple(sorted((h.file for h in one.headers), key=_name)) for name, one in self.series.items()}

    @property
    def slices(self) -> int:
        """See `Patient`."""
        return _count(self.series["flair"].grid)

    def read_slices(self) -> Slices:
        """See `Patient`."""
        return _whole(slice_scans({name: read_scan(one) for name, one in self.series.items()}), {}, self.sequences)

    def read_mask(self, file: File, slices: Slices) -> np.ndarray:
        """See `Patient`."""
        return slices.layout.to_slices(read_segmentation(read_header(file), slices.grid))


def find_patients(files: Sequence[File]) -> Found:
    """The patients in those of `files` that are volumes by their content; headers alone are read."""
    found = Found()
    kinds: dict[str, list[File]] = {"nifti": [], "dicom": []}
    for file in files:
        try:
            start = read_start(file)
        except UnusableFile:
            continue
        for kind, reader in (("nifti", nifti_files), ("dicom", dicom_files)):
            if reader.matches(start):
                kinds[kind].append(file)
                break
    _find_niftis(kinds["nifti"], found)
    _find_dicoms(kinds["dicom"], found)
    return found


def _find_niftis(files: Sequence[File], found: Found) -> None:
    cases = group_niftis(files)
    drawn = {_drawn_for(case): case for case in cases if set(case.files) == {"mask"}}
    for case in cases:
        if set(case.files) == {"mask"} or not case.files:
            continue
        sequences = {name: case.files[name] for name in CHANNELS if name in case.files}
        masks = case.files.get("mask", ())
        if problem := _problem(sequences):
            found.problems |= {file.name: ("image", problem) for files in sequences.values() for file in files}
            found.problems |= {mask.name: ("mask", "partner_unusable") for mask in masks}
            continue
        folder = PurePosixPath(sequences["flair"][0].name).parent
        if not masks:  # in a folder of their own beside this one, or in it
            own = drawn.pop((str(folder.parent), case.name), None) or drawn.pop((str(folder), case.name), None)
            masks = own.files["mask"] if own else ()
        if len(masks) > 1:
            found.problems |= {mask.name: ("mask", "conflicting_files") for mask in masks}
            masks = ()
        try:
            grid, _ = nifti_files.read_grid(read_start(sequences["flair"][0]))
        except UnusableFile as fault:
            found.problems[sequences["flair"][0].name] = ("image", fault.reason)
            found.problems |= {mask.name: ("mask", "partner_unusable") for mask in masks}
            continue
        found.patients.append(NiftiPatient(case.name, sequences, masks, _count(grid)))
    for case in drawn.values():
        found.problems |= {mask.name: ("mask", "mask_without_image") for mask in case.files["mask"]}


def _find_dicoms(files: Sequence[File], found: Found) -> None:
    for group in group_dicoms(files):
        choice = choose_series(group)
        for file, fault in choice.refused:
            if fault.reason not in ("other_sequence", "not_an_image"):
                found.problems[file.name] = ("image", fault.reason)
        masks = tuple(header.file for header in group.masks)
        if masks and (len(masks) > 1 or len(choice.flairs) != 1):
            problem = "conflicting_files" if choice.flairs else "mask_without_image"
            found.problems |= {mask.name: ("mask", problem) for mask in masks}
            masks = ()
        for name, flair in choice.flairs:
            found.patients.append(DicomPatient(name, {**choice.partners, "flair": flair}, masks))


def _problem(sequences: Mapping[str, tuple[File, ...]]) -> str | None:
    if "flair" not in sequences:
        return "no_flair"
    return "conflicting_files" if any(len(files) > 1 for files in sequences.values()) else None


def _whole(slices: Slices, faults: dict[str, UnusableFile], sequences: Mapping[str, tuple[File, ...]]) -> Slices:
    """The slices, if no sequence was left out: a model must not learn from half a patient."""
    for name, fault in {**faults, **slices.unusable}.items():
        raise UnusableFile(fault.reason, f"{sequences[name][0].name}: {fault.found}")
    return slices


def _drawn_for(case: Case) -> tuple[str, str]:
    """The folder above a mask's, and its case: `labelsTr/case.nii` is drawn for one in `imagesTr`."""
    folder = PurePosixPath(case.files["mask"][0].name).parent
    return str(folder.parent), case.name


def _count(grid: Grid) -> int:
    """The number of axial slices of a volume."""
    return grid.shape[lay_out(grid)[0].axes[0]]


def _name(file: File) -> str:
    return file.name
