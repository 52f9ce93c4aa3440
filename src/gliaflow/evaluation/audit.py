"""The label audit: where a model that never saw a patient is sure of something else than the patient's masks say.

Disagreement is no proof: the model may be wrong where it is sure. It says where a person should look first.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from gliaflow.evaluation.postprocess import predicted_masks
from gliaflow.ingest.volumes import load_volume

TOLERANCE = 3  # pixels by which outlines may differ without being doubted: annotators differ by as much
FLOOR = 50.0  # pixels: the disagreement on an empty mask that makes a doubt of 1/2
LEAST = 0.1  # doubts below are not worth a look
REACH = 3  # slices to each side in which a mask's place is looked for
MISPLACED = 0.3  # by how much better, in Dice, it must fit there
FOUND = 128  # round(255 p) from which the model finds tumour

KINDS = {
    "empty": "the mask is empty, and the model is sure of tumour",
    "unmarked": "beside what the mask marks, the model is sure of more tumour",
    "overmarked": "the mask marks what the model is sure is no tumour",
    "order": "the mask fits what the model finds in a neighbouring slice better than what it finds in its own",
}


@dataclass(frozen=True)
class Doubt:
    """What speaks against the mask of a slice.

    unmarked   : confidence of tumour, summed over pixels more than TOLERANCE beyond the mask
    overmarked : confidence of no tumour, summed over pixels of the mask more than TOLERANCE from any found tumour
    agreed     : confidence of tumour, summed over the mask
    neighbor   : position of the slice whose tumour the mask fits better, None if there is none

    A pixel of probability p counts as 4p - 3 for tumour from p = 3/4 on, and as 1 - 4p against it up to 1/4: the model
    is sure only there, and between the two it says nothing.
    """

    kind: str
    doubt: float
    unmarked: float
    overmarked: float
    agreed: float
    neighbor: int | None


def audit_volume(quantised: np.ndarray, masks: np.ndarray) -> list[Doubt | None]:
    """Doubt the masks of a patient's slices, None where nothing speaks against one.

    The doubt of a kind is disagreement / (disagreement + agreement + FLOOR): 0 without any, small for a speck, and near
    1 where a large area is disputed and little agreed on. That of `order` is the gain in Dice at the better place. A
    slice has its greatest doubt, and the kind of it; but where its mask fits another slice, that explains the others.

    Parameters
    ----------
    quantised : ndarray of shape (S, H, W), uint8
        round(255 * probability), of a model that was not trained on this patient, in the order of the slices.
    masks : ndarray of shape (S, H, W), uint8 {0, 1}
    """
    if quantised.shape != masks.shape:
        raise ValueError(f"Probabilities {quantised.shape} and masks {masks.shape} must have one shape.")
    found = predicted_masks(quantised, FOUND) > 0
    return [_doubt(index, quantised[index], masks, found) for index in range(len(masks))]


def _doubt(index: int, quantised: np.ndarray, masks: np.ndarray, found: np.ndarray) -> Doubt | None:
    """The doubt of one slice; `quantised` is its own, `masks` and `found` (probability 1/2 or more) the volume's."""
    mask = masks[index] > 0
    tumor, healthy = np.clip(quantised / 63.75 - 3, 0, 1), np.clip(1 - quantised / 63.75, 0, 1)  # 255 / 4 = 63.75
    unmarked = float(tumor[~_near(mask)].sum())
    overmarked = float(healthy[mask & ~_near(found[index])].sum())
    agreed = float(tumor[mask].sum())
    neighbor, gain = _better_place(index, masks, found)
    doubts = {
        "unmarked" if mask.any() else "empty": unmarked / (unmarked + agreed + FLOOR),
        "overmarked": overmarked / (overmarked + agreed + FLOOR),
        "order": gain,
    }
    greatest = max(doubts, key=lambda name: doubts[name])
    if doubts[greatest] < LEAST:
        return None
    kind = greatest if neighbor is None else "order"
    return Doubt(kind, doubts[greatest], unmarked, overmarked, agreed, neighbor)


def _near(area: np.ndarray) -> np.ndarray:
    """Pixels at most TOLERANCE from the area, bool [H, W]."""
    return np.asarray(cv2.dilate(area.astype(np.uint8), _DISK) > 0)


_SPAN = np.arange(-TOLERANCE, TOLERANCE + 1)
_DISK = (_SPAN[:, None] ** 2 + _SPAN**2 <= TOLERANCE**2).astype(np.uint8)


def _better_place(index: int, masks: np.ndarray, found: np.ndarray) -> tuple[int | None, float]:
    """The slice within REACH whose found tumour the mask fits better by MISPLACED or more, and by how much."""
    mask = masks[index] > 0
    if mask.sum() < FLOOR:
        return None, 0.0
    near = range(max(index - REACH, 0), min(index + REACH + 1, len(masks)))
    fit = {place: _dice(mask, found[place]) for place in near}
    best = max(fit, key=lambda place: fit[place])
    gain = fit[best] - fit[index]
    return (best, gain) if gain >= MISPLACED else (None, 0.0)


def _dice(a: np.ndarray, b: np.ndarray) -> float:
    total = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / total if total else 1.0


def audit_labels(
    slices: pd.DataFrame,
    probabilities: Mapping[str, Path],
    volumes: Mapping[str, Path],
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Doubt the masks of all patients; the most doubtful first.

    Parameters
    ----------
    slices : DataFrame
        A row a slice: patient, slice, index (its place in the patient's arrays), site, fold, true_pixels.
    probabilities : mapping of patient to the file of its probabilities
    volumes : mapping of patient to the folder of the prepared volume

    Returns
    -------
    DataFrame
        rank (1, 2, ...), the slices' columns, kind, doubt (0..1), unmarked, overmarked and agreed (pixels), neighbor
        (Int64: number of the slice that the mask fits better). A row for each doubted slice.
    """
    rows = []
    groups = slices.sort_values(["patient", "slice"]).groupby("patient", sort=True)
    for done, (patient, own) in enumerate(groups, start=1):
        doubts = audit_volume(np.load(probabilities[str(patient)]), load_volume(volumes[str(patient)]).masks)
        numbers = own.set_index("index")["slice"]
        for row in own.to_dict("records"):
            doubt = doubts[row["index"]]
            if doubt is not None:
                other = None if doubt.neighbor is None else int(numbers[doubt.neighbor])
                rows.append({**row, **vars(doubt), "neighbor": other})
        if progress:
            progress(done, groups.ngroups)
    table = pd.DataFrame(rows, columns=[*slices.columns, *Doubt.__dataclass_fields__])
    table = table.sort_values(["doubt", "patient", "slice"], ascending=[False, True, True], ignore_index=True)
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    texts, floats = ("patient", "site", "kind"), ("doubt", "unmarked", "overmarked", "agreed")
    types = {**dict.fromkeys(texts, "str"), **dict.fromkeys(floats, "float64"), "neighbor": "Int64", "fold": "Int64"}
    types |= dict.fromkeys(("rank", "slice", "index", "true_pixels"), "int64")
    return table.astype(types)
