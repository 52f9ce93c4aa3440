"""From files to studies: each file goes to the format that its bytes tell, and those of one patient together."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from gliaflow.ingest.reasons import UnusableFile
from gliaflow.ingest.studies import dicom_files, nifti_files
from gliaflow.ingest.studies.dicom import group_dicoms, read_dicom
from gliaflow.ingest.studies.files import File, read_start
from gliaflow.ingest.studies.nifti import group_niftis, read_nifti
from gliaflow.ingest.studies.pictures import group_pictures, read_pictures
from gliaflow.ingest.studies.study import Kind, Refusal, Study


def open_studies(files: Sequence[File]) -> Iterator[Study | Refusal]:
    """The studies that are in `files`, one at a time, and a refusal for each file that can't be used.

    Raises UnusableSource where a package is not installed that a format needs.
    """
    kinds: dict[Kind, list[File]] = {"picture": [], "nifti": [], "dicom": []}
    for file in files:
        kinds[kind_of(file)].append(file)
    readings: list[tuple[str, Callable[[], Iterator[Study | Refusal]]]] = [
        *((group[0].name, partial(read_pictures, group)) for group in group_pictures(kinds["picture"])),
        *((case.first, partial(read_nifti, case)) for case in group_niftis(kinds["nifti"])),
        *((group.first, partial(read_dicom, group)) for group in group_dicoms(kinds["dicom"])),
    ]
    for _, read in sorted(readings, key=lambda reading: reading[0]):
        yield from read()


def kind_of(file: File) -> Kind:
    """What a file is by its first bytes; "picture" where they tell nothing, whose reader says what is wrong."""
    try:
        start = read_start(file)
    except UnusableFile:
        return "picture"
    if nifti_files.matches(start):
        return "nifti"
    return "dicom" if dicom_files.matches(start) else "picture"
