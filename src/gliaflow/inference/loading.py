"""A model for people who write Python: `gliaflow.load(path).predict(image)`."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from gliaflow.inference.answers import Answer, answer_study
from gliaflow.inference.finding import find_release
from gliaflow.inference.release import load_release
from gliaflow.ingest.readers.pixels import to_image
from gliaflow.ingest.reasons import UnusableFile, UnusableSource
from gliaflow.ingest.studies.files import list_files
from gliaflow.ingest.studies.opening import open_studies
from gliaflow.ingest.studies.pictures import Pictures
from gliaflow.ingest.studies.study import Refusal, Study

SHOWN = 3  # refusals in one message


class Model:
    """A released model, ready to predict; see `gliaflow.load`.

    name   : what the registry calls it, or "release" and the start of its digest
    folder : of the release
    engine : what runs the network
    """

    def __init__(self, model: str | Path, engine: str = "fastest") -> None:
        found = find_release(str(model))
        self.name, self.folder = found.name, found.folder
        self.release = load_release(found.folder, engine)
        self.engine = self.release.engine

    def predict(self, image: "np.ndarray | str | Path") -> Answer:
        """What the model says of one slice or volume.

        image : an array, or the path of a file, DICOM series or folder that holds one study. Arrays are [H, W] (FLAIR
            alone), [H, W, 3] (pre-contrast, FLAIR, post-contrast) or [S, H, W, 3] (slices in order), of any real type;
            8 bits are taken as they are, others are scaled as those of files (`gliaflow.ingest.readers.pixels`).

        Raises UnusableFile for an array or file that is no slice, UnusableSource where there isn't just one study.
        """
        if isinstance(image, np.ndarray):
            return answer_study(self.release, _study_of(image))
        first, studies, refused = None, 0, []
        for one in _open_each(image):
            if isinstance(one, Refusal):
                refused.append(f"{one.name}: {one.message}")
            else:
                first, studies = first or one, studies + 1
        if first is not None and studies == 1:
            return answer_study(self.release, first)
        advice = "Predict several with predict_each." if studies else " ".join(refused[:SHOWN])
        raise UnusableSource(f"One study is predicted at a time; there are {studies} in {image}. {advice}")

    def predict_each(self, *sources: str | Path) -> Iterator[Answer | Refusal]:
        """What the model says of each study in files, folders and archives, and a refusal for each unusable file."""
        for study in _open_each(*sources):
            yield study if isinstance(study, Refusal) else answer_study(self.release, study)


def _open_each(*sources: str | Path) -> Iterator[Study | Refusal]:
    with TemporaryDirectory(prefix="gliaflow-") as unpacked:
        yield from open_studies(list_files([str(source) for source in sources], Path(unpacked)))


def _study_of(image: np.ndarray) -> Study:
    slices = list(image) if image.ndim == 4 else [image]
    if not slices:
        raise UnusableFile("wrong_channels", f"an array of shape {image.shape}, in which there is no slice")
    names = tuple(f"slice_{number}.png" for number in range(1, len(slices) + 1))
    pictures = Pictures(names, (".png",) * len(names))
    return Study("array", tuple(to_image(pixels) for pixels in slices), names, (), pictures)
