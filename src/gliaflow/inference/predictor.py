"""Running a trained network over volumes.

As a child process: `python -m gliaflow.inference.predictor SPEC.json`, with events on standard output.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from gliaflow.events import Progress, emit
from gliaflow.inference.engines import Network
from gliaflow.model.neighbours import reach_of, stack_neighbours
from gliaflow.store.arrays import Arrays

BATCH = 16


class Predictor:
    """A trained network that turns raw slices into quantised tumour probabilities.

    network : what runs it (`gliaflow.inference.engines`)
    mirror : predict each slice mirrored left to right too, and take the mean
    """

    def __init__(self, network: Network, *, mirror: bool = False) -> None:
        self.network = network
        self.mirror = mirror
        self.size = network.size
        self.reach = reach_of(network.channels)

    def predict_volume(
        self, images: np.ndarray, batch: int = BATCH, progress: Callable[[int, int], None] | None = None
    ) -> np.ndarray:
        """Probabilities of tumour, round(255 p), uint8 [S, H, W], of raw images uint8 [S, H, W, 3].

        The channels are pre-contrast, FLAIR, post-contrast. The slices are those of one patient, in order: a network
        may look at `reach` neighbours on either side.

        Raises ValueError for images of another shape or dtype.
        """
        quantised, done = np.zeros(images.shape[:3], np.uint8), 0
        for probabilities in self.batches(images, batch):
            quantised[done : done + len(probabilities)] = quantise(probabilities)
            done += len(probabilities)
            if progress is not None:
                progress(done, len(images))
        return quantised

    def batches(self, images: np.ndarray, batch: int = BATCH) -> Iterator[np.ndarray]:
        """The same as float32 [N, H, W], 0 to 1, for `batch` slices at a time."""
        wanted = (self.size, self.size, 3)
        if images.ndim != 4 or images.shape[1:] != wanted or images.dtype != np.uint8:
            raise ValueError(
                f"The network takes uint8 images of shape (slices, {self.size}, {self.size}, 3), not standardised; "
                f"received {images.dtype} of shape {images.shape}. Prepare them at {self.size} x {self.size} first."
            )
        for start in range(0, len(images), batch):
            rows = range(start, min(start + batch, len(images)))
            yield self._probabilities(np.stack([stack_neighbours(images, row, self.reach) for row in rows]))

    def _probabilities(self, chunk: np.ndarray) -> np.ndarray:
        """Of pictures uint8 [N, H, W, C]: float32 [N, H, W]."""
        probabilities = self.network(chunk)
        if self.mirror:
            mirrored = self.network(np.ascontiguousarray(chunk[:, :, ::-1]))
            probabilities = (probabilities + mirrored[:, :, ::-1]) / 2
        return probabilities


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
    from gliaflow.inference.engines.keras import KerasNetwork  # takes seconds, and what runs exports needs none of it

    predictor = Predictor(KerasNetwork(model, digest), mirror=mirror)
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
