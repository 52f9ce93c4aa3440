"""Running a trained network over volumes.

As a child process: `python -m gliaflow.inference.predictor SPEC.json`, with events on standard output.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gliaflow.events import Progress, emit
from gliaflow.model.archive import load_model
from gliaflow.model.neighbours import reach_of, stack_neighbours
from gliaflow.store.arrays import Arrays

BATCH = 16


class Predictor:
    """A trained network that turns raw slices into quantised tumour probabilities.

    model : path of a `.keras` file
    digest : its sha256, to be sure that it is the one that was recorded; None takes any
    mirror : predict each slice mirrored left to right too, and take the mean

    Raises `UnusableModel` for a file that cannot be used.
    """

    def __init__(self, model: Path, digest: str | None = None, *, mirror: bool = False) -> None:
        self.model = load_model(model, digest)
        self.mirror = mirror
        self.size = int(self.model.input_shape[1])
        self.reach = reach_of(int(self.model.input_shape[-1]))

    def predict_volume(
        self, images: np.ndarray, batch: int = BATCH, progress: Callable[[int, int], None] | None = None
    ) -> np.ndarray:
        """Probabilities of tumour, round(255 p), uint8 [S, H, W], of raw images uint8 [S, H, W, 3].

        The channels are pre-contrast, FLAIR, post-contrast. The slices are those of one patient, in order: a network
        may look at `reach` neighbours on either side.

        Raises ValueError for images of another shape or dtype.
        """
        wanted = (self.size, self.size, 3)
        if images.ndim != 4 or images.shape[1:] != wanted or images.dtype != np.uint8:
            raise ValueError(
                f"The network takes uint8 images of shape (slices, {self.size}, {self.size}, 3), not standardised; "
                f"received {images.dtype} of shape {images.shape}. Prepare them at {self.size} x {self.size} first."
            )
        quantised = np.zeros(images.shape[:3], np.uint8)
        for start in range(0, len(images), batch):
            rows = range(start, min(start + batch, len(images)))
            chunk = np.stack([stack_neighbours(images, row, self.reach) for row in rows])
            quantised[start : start + batch] = quantise(self._probabilities(chunk))
            if progress is not None:
                progress(min(start + batch, len(images)), len(images))
        return quantised

    def _probabilities(self, chunk: np.ndarray) -> np.ndarray:
        """Of pictures uint8 [N, H, W, C]: float32 [N, H, W]."""
        probabilities = self.model.predict_on_batch(chunk)[..., 0]
        if self.mirror:
            mirrored = self.model.predict_on_batch(np.ascontiguousarray(chunk[:, :, ::-1]))[..., 0]
            probabilities = (probabilities + mirrored[:, :, ::-1]) / 2
        return np.asarray(probabilities)


def quantise(probabilities: np.ndarray) -> np.ndarray:
    """round(255 p) as uint8, of probabilities 0 to 1; halves go to the even number."""
    return np.rint(np.asarray(probabilities, np.float32) * 255).astype(np.uint8)


def predict_volumes(
    model: Path,
    volumes: dict[str, Path],
    out: Path,
    *,
    digest: str | None = None,
    mirror: bool = False,
    batch: int = BATCH,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write `out/<patient>.npy`, uint8 [S, H, W], for each volume folder (with images.npy); progress counts slices."""
    predictor = Predictor(model, digest, mirror=mirror)
    out.mkdir(parents=True, exist_ok=True)
    images = Arrays({patient: Path(folder) / "images.npy" for patient, folder in volumes.items()})
    done, total = 0, sum(map(len, images.values()))
    for patient in sorted(images):
        before = done

        def within(part: int, _: int, before: int = before) -> None:
            if progress is not None:
                progress(before + part, total)

        quantised = predictor.predict_volume(images[patient], batch, within)
        draft = out / f".{patient}.draft.npy"
        np.save(draft, quantised)
        os.replace(draft, out / f"{patient}.npy")
        done += len(quantised)


def main(arguments: list[str]) -> None:
    """Predict as the JSON file says: model, digest (or none), mirror, volumes {patient: folder}, out, batch."""
    spec = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    volumes = {patient: Path(folder) for patient, folder in spec["volumes"].items()}
    told: list[Progress] = []

    def progress(done: int, total: int) -> None:
        if not told:
            told.append(Progress(emit, total))
        told[0](done)

    try:
        predict_volumes(
            Path(spec["model"]), volumes, Path(spec["out"]), digest=spec.get("digest"),
            mirror=spec.get("mirror", False), batch=spec.get("batch") or BATCH, progress=progress,
        )  # fmt: skip
    except ValueError as error:
        raise SystemExit(str(error)) from None
    emit({"event": "done"})


if __name__ == "__main__":
    main(sys.argv[1:])
