"""The slices on which exports are compared: real ones from a folder, or made-up ones where none are given."""

import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal

import cv2
import numpy as np

from gliaflow.errors import GliaflowError
from gliaflow.inference.answers import prepare_study
from gliaflow.ingest.names import parse_name
from gliaflow.ingest.phantom import PhantomError, make_phantom
from gliaflow.ingest.studies.files import File, list_files
from gliaflow.ingest.studies.opening import open_studies
from gliaflow.ingest.studies.study import Study

PHANTOMS = 6
DRAWN = 6


class NoSlices(GliaflowError):
    """No slice could be read where slices to compare on should be."""


def read_slices(given: Sequence[str], size: int, most: int) -> list[np.ndarray]:
    """Whole studies, uint8 [S, size, size, 3] each, spread over what is given, until there are `most` slices.

    Raises `NoSlices`, or `UnusableSource` for a folder or archive that can't be opened.
    """
    with tempfile.TemporaryDirectory(prefix="gliaflow-") as unpacked:
        studies: list[np.ndarray] = []
        for group in _spread(list_files(given, Path(unpacked))):
            for study in open_studies(group):
                if isinstance(study, Study):
                    studies.append(prepare_study(study, size))
            if sum(map(len, studies)) >= most:
                break
    if not studies:
        raise NoSlices(f"There is no slice that can be read in {', '.join(given)}. Name a folder of MRI slices.")
    return studies


def make_slices(size: int, most: int) -> tuple[Literal["phantom", "drawn"], list[np.ndarray]]:
    """Made-up studies: of the phantom where nilearn (its anatomy) is installed, else heads drawn as ellipses."""
    with tempfile.TemporaryDirectory(prefix="gliaflow-") as folder:
        try:
            make_phantom(Path(folder) / "phantom", PHANTOMS, seed=0)
            return "phantom", read_slices([f"{folder}/phantom"], size, most)
        except PhantomError:
            return "drawn", [draw_study(size, np.random.default_rng(seed)) for seed in range(DRAWN)]


def _spread(files: Sequence[File]) -> Iterator[list[File]]:
    """The files of one folder and patient together, in an order that jumps through all that was given."""
    groups: defaultdict[tuple[str, str], list[File]] = defaultdict(list)
    for file in files:
        name = parse_name(file.name)
        groups[str(PurePosixPath(file.name).parent), name.patient if name else ""].append(file)
    together = [groups[key] for key in sorted(groups)]
    for number in np.random.default_rng(0).permutation(len(together)):
        yield together[number]


def draw_study(size: int, rng: np.random.Generator, slices: int = 8) -> np.ndarray:
    """A head with a lesion bright in FLAIR, uint8 [slices, size, size, 3]: no anatomy, but edges as MRI has."""
    rows, columns = (np.mgrid[:size, :size] - size / 2) / size
    tall, wide = rng.uniform(0.38, 0.44), rng.uniform(0.3, 0.36)
    row, column = rng.uniform(-0.15, 0.15, 2)
    drawn = []
    for number in range(slices):
        away = abs(number - slices / 2) / slices
        inside = (rows / tall) ** 2 + (columns / wide) ** 2 < 1 - away
        lesion = (rows - row) ** 2 + (columns - column) ** 2 < (0.12 * (1 - 2 * away)) ** 2
        tissue = cv2.GaussianBlur(rng.normal(0, 1, (size, size)), (0, 0), size / 32) * 200
        picture = np.stack([80 + tissue, 90 + tissue + 90 * lesion, 85 + tissue + 40 * lesion], axis=-1)
        picture = picture * inside[..., None] + np.abs(rng.normal(0, 2, picture.shape))
        drawn.append(np.clip(np.rint(picture), 0, 255).astype(np.uint8))
    return np.array(drawn)
