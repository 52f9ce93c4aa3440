"""A released model at work: masks, an answer a slice, and a word where the input is unlike what it was trained on.

This runs the network: in a process of its own wherever Prefect or a server is in the same program.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gliaflow.evaluation.detection import slice_score
from gliaflow.evaluation.postprocess import predicted_masks
from gliaflow.inference.bundle import Bundle, read_bundle
from gliaflow.inference.engines import Network
from gliaflow.inference.predictor import BATCH, Predictor


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a release says of a patient's slices.

    masks             : uint8 {0, 1} [S, H, W]
    probabilities     : uint8 [S, H, W], round(255 * probability of tumour), the members' mean
    tumor_probability : float64 [S], calibrated probability that the slice holds tumour
    call              : str [S], "tumor", "unsure" or "empty"
    warnings          : sentences on how the volume is unlike those that the model was trained on; empty if it isn't
    """

    masks: np.ndarray
    probabilities: np.ndarray
    tumor_probability: np.ndarray
    call: np.ndarray
    warnings: tuple[str, ...]


class Release:
    """The models of a release folder, loaded; see `load_release`.

    networks : one a member of the bundle
    remarks  : sentences on why a faster engine was not taken
    """

    def __init__(self, bundle: Bundle, networks: Sequence[Network], remarks: Sequence[str] = ()) -> None:
        self.bundle = bundle
        self.members = [Predictor(network, mirror=bundle.mirror) for network in networks]
        self.engine = networks[0].name
        """What runs it, for people: "OpenVINO, bfloat16"."""
        self.remarks = tuple(remarks)

    def predict_volume(
        self, images: np.ndarray, batch: int = BATCH, progress: Callable[[int, int], None] | None = None
    ) -> Prediction:
        """Predict all slices of a patient, in order: uint8 [S, H, W, 3] (pre-contrast, FLAIR, post-contrast), raw.

        `progress` counts slices, once a member. Raises ValueError for images of another shape or dtype.
        """
        return self.decide(self.probabilities(images, batch, progress), self.bundle.familiarity.warn(images))

    def probabilities(
        self, images: np.ndarray, batch: int = BATCH, progress: Callable[[int, int], None] | None = None
    ) -> np.ndarray:
        """The members' mean, round(255 p) as uint8 [S, H, W]; for the rest see `predict_volume`."""
        total = np.zeros(images.shape[:3], np.uint16)
        for number, member in enumerate(self.members):

            def within(done: int, slices: int, before: int = number) -> None:
                if progress is not None:
                    progress(before * slices + done, len(self.members) * slices)

            total += member.predict_volume(images, batch, within)
        return mean_of(total, len(self.members))

    def decide(self, probabilities: np.ndarray, warnings: tuple[str, ...] = ()) -> Prediction:
        """What the members' mean, round(255 p) uint8 [S, H, W], comes to at the operating point."""
        tumor_probability = self.bundle.detection.probability(slice_score(probabilities))
        return Prediction(
            masks=predicted_masks(probabilities, self.bundle.threshold, self.bundle.min_pixels),
            probabilities=probabilities,
            tumor_probability=tumor_probability,
            call=self.bundle.detection.call(tumor_probability),
            warnings=warnings,
        )


def load_release(folder: Path, engine: str = "keras") -> Release:
    """Load the release in `folder`, its model files only if they are byte for byte those that were released.

    engine : "keras", the model as it was released; "fastest", of its exports that gave the same masks the fastest that
        can run here, else Keras; or the name of an export's format ("openvino", "onnx", "litert", "savedmodel")

    Raises `UnusableRelease` for another folder, `UnusableModel` for a model file that is missing or was changed,
    `UnusableExport` where an export was asked for by name and can't be used.
    """
    bundle = read_bundle(Path(folder))
    remarks: tuple[str, ...] = ()
    if engine != "keras":
        from gliaflow.export.choice import choose_networks

        networks, remarks = choose_networks(Path(folder), bundle, engine)
        if networks:
            return Release(bundle, networks, remarks)
    from gliaflow.inference.engines.keras import KerasNetwork  # takes seconds, and what runs exports needs none of it

    return Release(bundle, [KerasNetwork(Path(folder) / m.file, m.sha256) for m in bundle.members], remarks)


def mean_of(total: np.ndarray, members: int) -> np.ndarray:
    """The mean of quantised probabilities, uint8, of their sum over so many members; halves go to the even number."""
    return np.rint(total / np.float32(members)).astype(np.uint8)
