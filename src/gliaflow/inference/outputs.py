"""What predicting leaves in a folder: masks in the form of the images, overlays, and two tables."""

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from tempfile import TemporaryFile
from typing import Any

from gliaflow.errors import GliaflowError
from gliaflow.inference.answers import Answer
from gliaflow.inference.geometry import write_png
from gliaflow.inference.overlays import draw_overlay
from gliaflow.inference.tables import slice_rows, study_row, to_csv
from gliaflow.ingest.names import IMAGE_SUFFIXES
from gliaflow.store.files import write_whole

SLICES, STUDIES, MASKS, OVERLAYS = "slices.csv", "studies.csv", "masks", "overlays"
OVERLAY_SIDE = 512  # pixels that the longer side of an overlay has at least, by whole multiples


class UnusableOutputs(GliaflowError):
    """A folder that results can't be written to, or that holds some already."""


def claim_folder(folder: Path) -> None:
    """Make the folder for results; raises `UnusableOutputs` before anything is predicted in vain.

    Results are never added to earlier ones: masks of slices that the tables don't know would be taken for theirs.
    """
    try:
        earlier = [name for name in (STUDIES, SLICES, MASKS, OVERLAYS) if (folder / name).exists()]
        if earlier:
            raise UnusableOutputs(
                f"Results are not mixed with earlier ones; {folder} has {', '.join(earlier)}. Name another folder, or "
                "remove these first."
            )
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UnusableOutputs(
            f"Results need a folder that can be written to; {folder} can't ({error.strerror}). Name another."
        ) from None


@dataclass
class Outputs:
    """A folder that takes answers one by one, and their tables at the end.

    Leaves `masks/` and `overlays/` (of slices whose mask has a pixel), named like the images; `slices.csv`, a row a
    slice, and `studies.csv`, a row a study, where areas are in pixels of the original image, and in mm² and mL where
    the spacing is known. `model` and `engine` are what the tables say of the model.
    """

    folder: Path
    model: str
    engine: str
    slices: list[dict[str, Any]] = field(default_factory=list)
    studies: list[dict[str, Any]] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    def add(self, answer: Answer) -> None:
        """Write the masks and overlays of an answer, and keep its rows. Raises OSError when the disk refuses."""
        study, made_by = answer.study, (self.model, self.engine)
        masks = [
            self._write(f"{MASKS}/{mask.name}", mask.content) for mask in study.form.encode(answer.masks, self.model)
        ]
        for number, row in enumerate(slice_rows(answer, *made_by)):
            places = {
                "mask": masks[number] if len(masks) == len(study.slices) else masks[0],  # one a slice, or one of all
                "overlay": self._draw(answer, number) if row["tumor_pixels"] else None,
            }
            self.slices.append({**row, **places})
        self.studies.append(study_row(answer, *made_by))

    def close(self) -> None:
        """Write the tables."""
        for name, rows in ((SLICES, self.slices), (STUDIES, self.studies)):
            write_whole(self.folder / name, to_csv(rows).encode(errors="backslashreplace"))

    def _draw(self, answer: Answer, number: int) -> str:
        image = answer.study.images[number]
        scale = max(1, -(-OVERLAY_SIDE // max(image.shape[:2])))
        name = PurePosixPath(answer.study.slices[number])
        if name.suffix.lower() in IMAGE_SUFFIXES:  # slices of volumes have none, and may have dots
            name = name.with_suffix("")
        path = self._place(f"{OVERLAYS}/{name}.png")
        write_png(self.folder / path, draw_overlay(image, None, answer.masks[number], scale=scale))
        return path

    def _write(self, name: str, content: bytes) -> str:
        path = self._place(name)
        (self.folder / path).write_bytes(content)
        return path

    def _place(self, name: str) -> str:
        """A path in the folder that nothing else has: of equal names, those that come later are numbered."""
        wanted, number = PurePosixPath(name), 1
        path = wanted
        suffix = ".nii.gz" if name.endswith(".nii.gz") else wanted.suffix
        while path.as_posix() in self.taken:
            number += 1
            path = wanted.with_name(f"{wanted.name.removesuffix(suffix)}_{number}{suffix}")
        self.taken.add(path.as_posix())
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        return path.as_posix()
