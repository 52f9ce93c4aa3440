"""Many studies, one after the other: the next one is read, and the last one written, while the network works."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from gliaflow.inference.answers import Answer, answer_study
from gliaflow.inference.outputs import Outputs
from gliaflow.inference.release import Release
from gliaflow.ingest.studies.files import File
from gliaflow.ingest.studies.opening import open_studies
from gliaflow.ingest.studies.study import Refusal


def predict_files(release: Release, files: Sequence[File], outputs: Outputs) -> Iterator[Answer | Refusal]:
    """What `release` says of each study in `files`, once it is written to `outputs`, and a refusal for each bad file.

    At most three studies are in memory. Raises OSError where the disk refuses what is to be written.
    """
    opened = open_studies(files)
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        coming = reader.submit(next, opened, None)
        written: tuple[Future[None], Answer] | None = None
        while (study := coming.result()) is not None:
            coming = reader.submit(next, opened, None)
            if isinstance(study, Refusal):
                yield study
                continue
            answer = answer_study(release, study)
            if written is not None:
                written[0].result()
                yield written[1]
            written = writer.submit(outputs.add, answer), answer
        if written is not None:
            written[0].result()
            yield written[1]
