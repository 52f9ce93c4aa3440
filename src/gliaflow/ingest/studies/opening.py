"""From files to studies: each file goes to the format that its bytes tell, and those of one patient together."""

from collections.abc import Iterator, Sequence

from gliaflow.ingest.studies.files import File
from gliaflow.ingest.studies.pictures import group_pictures, read_pictures
from gliaflow.ingest.studies.study import Refusal, Study


def open_studies(files: Sequence[File]) -> Iterator[Study | Refusal]:
    """The studies that are in `files`, one at a time, and a refusal for each file that can't be used."""
    for group in group_pictures(files):
        yield from read_pictures(group)
