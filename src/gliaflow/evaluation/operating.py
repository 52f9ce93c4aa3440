"""The operating point: threshold and component filter, chosen on val by what they do to the headline figure."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gliaflow.evaluation.postprocess import Components
from gliaflow.evaluation.threshold import Threshold

MIN_PIXELS = (0, 10, 20, 50, 100, 200, 400)  # more than 400 would drop whole small tumours: docs/recipe.md


@dataclass(frozen=True)
class OperatingPoint:
    """How probabilities become masks (`gliaflow.evaluation.postprocess.predicted_masks`), and what that gave on val.

    threshold : 1..255; a pixel is tumour when round(255 * probability) >= `threshold`
    min_pixels: predicted components of fewer pixels are dropped
    dice      : mean volume Dice of the val patients at both
    curve     : the same at each of the thresholds 1..255, nothing dropped
    """

    threshold: int
    min_pixels: int
    dice: float
    curve: tuple[float, ...]


def choose_operating_point(threshold: Threshold, components: Mapping[str, Components]) -> OperatingPoint:
    """Add to `threshold` the component filter of `MIN_PIXELS` with the greatest mean volume Dice over patients.

    The threshold comes first and without a filter: it is the stronger of the two, and its curve costs one histogram a
    patient, where each further threshold would cost a labelling. Of equal filters it is the least; as 0 is among them,
    Dice on val is never less than without.

    Parameters
    ----------
    threshold : Threshold
        `choose_threshold` of the same patients.
    components : mapping of patient to Components
        `find_components` of the patients of val at that threshold.
    """
    means = [float(np.mean([found.dice(least) for found in components.values()])) for least in MIN_PIXELS]
    best = next(place for place, mean in enumerate(means) if mean >= max(means) - 1e-9)
    return OperatingPoint(threshold.value, MIN_PIXELS[best], means[best], threshold.curve)
