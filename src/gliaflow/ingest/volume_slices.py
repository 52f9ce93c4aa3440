"""Volumes as training data: each is taken for a folder of slices, whose names are made up (see `names.slice_path`).

So pairing, rejecting, labels, reports and predictions treat a slice of a volume as any other. The digest of a slice is
that of the files that it is made of and its number. Image and mask are in the volume's square field of view, with the
intensities and in the orientation in which volumes are predicted.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from gliaflow.ingest.hashing import MOST_BYTES, read_unchanged, sha256_of
from gliaflow.ingest.names import is_volume, slice_path, volume_of
from gliaflow.ingest.readers import read_image, read_mask
from gliaflow.ingest.reasons import UnusableFile
from gliaflow.ingest.square import pad_square
from gliaflow.ingest.studies.files import File, is_hidden, read_file
from gliaflow.ingest.studies.patients import Patient, Role, find_patients
from gliaflow.ingest.studies.scans import CHANNELS, Slices

DICOM = ".dcm"


@dataclass(frozen=True)
class VolumeSlice:
    """A slice of a volume: its path as `slice_path` makes it, what it is, its digest."""

    path: str
    role: Role
    sha256: str


@dataclass
class FoundSlices:
    """What volumes hold.

    slices   : by the path of the file that they are called after
    problems : files that can't be used, with their role and a code of REASONS
    parts    : files in the place of which stand slices
    """

    slices: dict[str, list[VolumeSlice]] = field(default_factory=dict)
    problems: dict[str, tuple[Role, str]] = field(default_factory=dict)
    parts: set[str] = field(default_factory=set)


def find_slices(files: Sequence[File], digests: Mapping[str, str]) -> FoundSlices:
    """The slices of the volumes in `files`, of which `digests` are the SHA-256 by name; headers alone are read."""
    patients = find_patients(files)
    found = FoundSlices(problems=patients.problems)
    for patient in patients.patients:
        anchor, content = _anchor(patient), _content(patient, digests)
        found.slices[anchor] = _slices(anchor, patient, "image", content)
        found.parts |= {file.name for files in patient.sequences.values() for file in files}
        for mask in patient.masks:
            found.slices[mask.name] = _slices(mask.name, patient, "mask", digests[mask.name])
            found.parts.add(mask.name)
    return found


class SliceReader:
    """Reads images and masks below `root`, those of volumes too; the volume that was read last stays open."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._open: _Volume | None = None

    def image(self, path: str, sha256: str) -> np.ndarray:
        """The image uint8 [H, W, 3] at `path`; raises UnusableFile, also where its digest is no longer `sha256`."""
        slice_of = volume_of(path)
        if slice_of is None:
            return read_image(read_unchanged(self._root / path, sha256))
        slices = self._volume(path, sha256).slices()
        return pad_square(slices.images[slice_of[1] - 1], slices.spacing)

    def mask(self, path: str, sha256: str, image_path: str, image_sha256: str) -> np.ndarray:
        """The mask uint8 {0, 1} [H, W] at `path`, of the image at `image_path`; raises as `image`."""
        slice_of = volume_of(path)
        if slice_of is None:
            return read_mask(read_unchanged(self._root / path, sha256))
        try:
            volume = self._volume(image_path, image_sha256)
            slices = volume.slices()
        except UnusableFile as fault:
            raise UnusableFile("partner_unusable", f"its image {image_path} can't be used: {fault.reason}") from None
        content, mask = volume.mask(File(slice_of[0], self._root / slice_of[0]))
        if _digest(content, slice_of[1]) != sha256:
            raise UnusableFile("changed_since_scan", "a mask with another SHA-256")
        return pad_square(mask[slice_of[1] - 1], slices.spacing)

    def _volume(self, path: str, sha256: str) -> "_Volume":
        """The volume of a slice, if it still has the digest that the scan found."""
        slice_of = volume_of(path)
        assert slice_of is not None
        anchor, number = slice_of
        if self._open is None or self._open.anchor != anchor:
            self._open = None  # two are not held at once
            self._open = _find_volume(self._root, anchor, sha256, number)
        if self._open.patient is None or _digest(self._open.content, number) != sha256:
            raise UnusableFile("changed_since_scan", "a volume that is gone, or has another SHA-256")
        return self._open


@dataclass(eq=False)
class _Volume:
    """An open volume: what was read of it, or the fault that came up, for each of its slices the same."""

    anchor: str
    patient: Patient | None
    content: str
    _slices: Slices | UnusableFile | None = None
    _mask: tuple[str, np.ndarray] | UnusableFile | None = None

    def slices(self) -> Slices:
        """The images; raises UnusableFile."""
        assert self.patient is not None
        if self._slices is None:
            try:
                self._slices = self.patient.read_slices()
            except UnusableFile as fault:
                self._slices = fault
        if isinstance(self._slices, UnusableFile):
            raise self._slices
        return self._slices

    def mask(self, file: File) -> tuple[str, np.ndarray]:
        """The digest of a mask's file, and the mask [S, H, W]; raises UnusableFile."""
        assert self.patient is not None
        if self._mask is None:
            try:
                digest = sha256_of(read_file(file))
                self._mask = (digest, self.patient.read_mask(file, self.slices()))
            except UnusableFile as fault:
                self._mask = fault
        if isinstance(self._mask, UnusableFile):
            raise self._mask
        return self._mask


def _find_volume(root: Path, anchor: str, sha256: str, number: int) -> _Volume:
    """The patient whose slices are called after the file `anchor`: in its folder, else below the one above.

    (The series of a patient often have folders of their own.)
    """
    folder = PurePosixPath(anchor).parent
    for deep in (False, True):
        for patient in find_patients(list(_volumes(root, folder.parent if deep else folder, deep=deep))).patients:
            if _anchor(patient) == anchor:
                files = (file for found in patient.sequences.values() for file in found)
                content = _content(patient, {file.name: sha256_of(read_file(file)) for file in files})
                if _digest(content, number) == sha256:
                    return _Volume(anchor, patient, content)
        if not anchor.lower().endswith(DICOM):
            break
    return _Volume(anchor, None, "")


def _volumes(root: Path, folder: PurePosixPath, *, deep: bool) -> Iterator[File]:
    """The volumes in a folder below `root`, or all below it; of no or too many bytes none, as in the scan."""
    for here, folders, names in os.walk(root / folder):
        folders[:] = sorted(child for child in folders if deep and not is_hidden(child))
        for name in sorted(names):
            path = Path(here, name)
            if is_volume(name) and not is_hidden(name) and path.is_file() and 0 < path.stat().st_size <= MOST_BYTES:
                yield File(path.relative_to(root).as_posix(), path)


def _anchor(patient: Patient) -> str:
    """The path of the file that a patient's slices are called after."""
    return patient.sequences["flair"][0].name


def _slices(volume: str, patient: Patient, role: Role, content: str) -> list[VolumeSlice]:
    numbers = range(1, patient.slices + 1)
    return [VolumeSlice(slice_path(volume, patient.name, n, role), role, _digest(content, n)) for n in numbers]


def _content(patient: Patient, digests: Mapping[str, str]) -> str:
    """A digest of a patient's sequences, by what they are."""
    lines = [
        f"{name} {' '.join(digests[file.name] for file in patient.sequences[name])}"
        for name in CHANNELS
        if name in patient.sequences
    ]
    return sha256_of("\n".join(lines).encode())


def _digest(content: str, number: int) -> str:
    return hashlib.sha256(f"{content} slice {number}".encode()).hexdigest()
