"""Small pictures of the slices that findings are about, read again one by one, as data: addresses."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from gliaflow.inference.overlays import draw_overlay
from gliaflow.ingest.doctor.findings import Case, Finding
from gliaflow.ingest.prepare import FLAIR, POST, PRE, prepare_volume
from gliaflow.report.pictures import BRIGHTEST, GAP, GAP_GREY, beside, brighten, webp_address

MOST = 3  # pictures of one finding
CELL, SMALL = 192, 128  # pixels of a slice's side, one or two a row and three

OUTLINED = frozenset({"mask_at_border", "mask_of_whole_brain", "tumor_cut_off", "mask_interrupted", "tumor_on_black"})
SEQUENCES = frozenset({"channel_order", "channel_order_of_all", "sequence_missing_in_part", "sequence_black"})
BESIDE = frozenset({"near_duplicate_patients", "repeated_slice"})
BRIGHTNESS = frozenset({"intensity_outlier"})


@dataclass(frozen=True)
class Picture:
    """A picture of a case: its address, size, what it shows, and the case."""

    src: str
    width: int
    height: int
    shows: str
    case: Case


def draw_pictures(root: Path, pairs: pd.DataFrame, finding: Finding) -> list[Picture]:
    """Pictures of the first few cases, of as many patients as may be; `pairs` is the slice table.

    Kinds of findings that have nothing to show give none, and so do slices that can't be read any more.
    """
    drawn = []
    for case in _chosen(finding):
        cells, shows = _draw(root, pairs, finding.code, case)
        if cells:
            picture = np.vstack([piece for row in cells for piece in (_bar(beside(row)), beside(row))][1:])
            drawn.append(Picture(webp_address(picture), picture.shape[1], picture.shape[0], shows, case))
        if len(drawn) == MOST:
            break
    return drawn


def _chosen(finding: Finding) -> Iterator[Case]:
    """Cases with a slice: first one a patient, then the others."""
    if finding.code not in OUTLINED | SEQUENCES | BESIDE | BRIGHTNESS:
        return
    cases = [case for case in finding.cases if case.slice is not None]
    firsts: dict[str | None, Case] = {}
    for case in cases:
        firsts.setdefault(case.patient, case)
    yield from firsts.values()
    if finding.code not in BRIGHTNESS:  # where a patient's cases share one picture
        yield from (case for case in cases if firsts[case.patient] is not case)


def _draw(root: Path, pairs: pd.DataFrame, code: str, case: Case) -> tuple[list[list[np.ndarray]], str]:
    """Rows of square cells, uint8 RGB, none where a slice can't be read, and what they show."""
    own = _read(root, pairs, case.patient, case.slice)
    other = _read(root, pairs, case.beside_patient, case.beside_slice)
    if own is None or (other is None and code in BESIDE | BRIGHTNESS):
        return [], ""
    image, mask = own
    if code in OUTLINED:
        return [[_grey(image, FLAIR), _scaled(draw_overlay(brighten(image), None, mask))]], "FLAIR, and the mask on it"
    if code in SEQUENCES:
        return [[_grey(image, channel, SMALL) for channel in (PRE, FLAIR, POST)]], "first, second and third channel"
    assert other is not None
    if code in BESIDE:
        return [[_grey(image, FLAIR), _grey(other[0], FLAIR)]], f"FLAIR; beside {_name(case)}"
    gain = 255 / max(float(np.percentile(other[0], BRIGHTEST)), 1.0)
    rows = [
        [_scaled(_as_grey(np.clip(picture[..., channel] * gain, 0, 255)), SMALL) for channel in (PRE, FLAIR, POST)]
        for picture in (image, other[0])
    ]
    return rows, f"pre-contrast, FLAIR, post-contrast; below, brightened alike, {_name(case)}"


def _name(case: Case) -> str:
    slices = f"slice {case.beside_slice}"
    return slices if case.beside_patient == case.patient else f"{case.beside_patient}, {slices}"


def _read(
    root: Path, pairs: pd.DataFrame, patient: str | None, number: int | None
) -> tuple[np.ndarray, np.ndarray] | None:
    """Image uint8 [256, 256, 3] and mask uint8 {0, 1} [256, 256] of one slice."""
    rows = pairs[(pairs["patient"] == patient) & (pairs["slice"] == number)]
    volume = prepare_volume(root, rows)
    return (volume.images[0], volume.masks[0]) if len(volume.images) else None


def _grey(image: np.ndarray, channel: int, cell: int = CELL) -> np.ndarray:
    return _scaled(_as_grey(brighten(image)[..., channel]), cell)


def _as_grey(channel: np.ndarray) -> np.ndarray:
    return np.repeat(channel.astype(np.uint8)[..., None], 3, axis=2)  # (H, W) -> (H, W, 3)


def _scaled(picture: np.ndarray, cell: int = CELL) -> np.ndarray:
    return np.asarray(cv2.resize(picture, (cell, cell), interpolation=cv2.INTER_AREA))


def _bar(row: np.ndarray) -> np.ndarray:
    return np.full((GAP, row.shape[1], 3), GAP_GREY, np.uint8)
