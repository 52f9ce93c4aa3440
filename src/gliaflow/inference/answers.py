"""What a release says of a study, in the geometry of the images that were given."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gliaflow.inference.geometry import restore_in_field
from gliaflow.inference.release import Release
from gliaflow.ingest.prepare import resize_image
from gliaflow.ingest.square import pad_square
from gliaflow.ingest.studies.study import Study

MM3_PER_ML = 1000.0


@dataclass(frozen=True, eq=False)
class Answer:
    """What a release says of the slices of a study.

    masks             : uint8 {0, 1} [H, W] each, of the size of the study's images
    tumor_probability : float64 [S], calibrated probability that the slice holds tumour
    calls             : str [S], "tumor", "unsure" or "empty"
    warnings          : sentences on how the study is unlike what the model was trained on; empty if it isn't
    """

    study: Study
    masks: tuple[np.ndarray, ...]
    tumor_probability: np.ndarray
    calls: np.ndarray
    warnings: tuple[str, ...]

    @property
    def call(self) -> str:
        """Of the study: "tumor" if any slice is, else "unsure" if any is, else "empty"."""
        return next((call for call in ("tumor", "unsure") if call in self.calls), "empty")

    @property
    def tumor_pixels(self) -> np.ndarray:
        """Pixels of each mask, int64 [S]."""
        return np.array([np.count_nonzero(mask) for mask in self.masks], np.int64)

    @property
    def area_mm2(self) -> np.ndarray | None:
        """Area of each mask in square millimetres, float64 [S]; None where the spacing isn't known."""
        spacing = self.study.spacing
        return None if spacing is None else self.tumor_pixels * (spacing.rows * spacing.columns)

    @property
    def slice_ml(self) -> np.ndarray | None:
        """Volume of each mask in millilitres, float64 [S]; None where the spacing isn't known."""
        area, spacing = self.area_mm2, self.study.spacing
        return None if area is None or spacing is None else area * spacing.slices / MM3_PER_ML

    @property
    def volume_ml(self) -> float | None:
        """Volume of all masks in millilitres; None where the spacing isn't known."""
        volume = self.slice_ml
        return None if volume is None else float(volume.sum())


def prepare_study(study: Study, size: int) -> np.ndarray:
    """A study as networks take it, uint8 [S, size, size, 3]: each image padded to a square in millimetres, resized."""
    return np.stack([resize_image(pad_square(image, study.spacing), size) for image in study.images])


def answer_study(release: Release, study: Study, progress: Callable[[int, int], None] | None = None) -> Answer:
    """Predict a study; `progress` counts slices, once a member of the release."""
    found = release.predict_volume(prepare_study(study, release.bundle.size), progress=progress)
    masks = tuple(
        restore_in_field(mask, image.shape[0], image.shape[1], study.spacing)
        for mask, image in zip(found.masks, study.images, strict=True)
    )
    return Answer(study, masks, found.tumor_probability, found.call, found.warnings)
