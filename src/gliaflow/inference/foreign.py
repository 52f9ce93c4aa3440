"""Inputs that a model was never made for, made from sound ones: what the warning of `familiarity` is tried on."""

import zlib
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gliaflow.inference.familiarity import Familiarity, fit_familiarity
from gliaflow.inference.properties import choose_slices, measure_volume

AS_IS, ALONE = "as it is", "one slice of it alone"  # no wrong inputs: warnings are false alarms
GREY = np.arange(256)

Maker = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def _order(*channels: int) -> Maker:
    return lambda images, _: images[..., list(channels)]


def _curve(grey_values: np.ndarray) -> Maker:
    table = np.clip(np.rint(grey_values), 0, 255).astype(np.uint8)
    return lambda images, _: table[images]


def _constant(value: int) -> Maker:
    return lambda images, _: np.full_like(images, value)


def _noise(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, images.shape).astype(np.uint8)


def _photographs(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Colour pictures with the spectrum of photographs: amplitudes fall as 1 / frequency (Field 1987)."""
    slices, height, width, channels = images.shape
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = np.inf  # no constant part
    shape = (slices, channels + 1, *frequency.shape)
    waves = (rng.normal(size=shape) + 1j * rng.normal(size=shape)) / frequency
    planes = np.fft.irfft2(waves, s=(height, width))
    mixed = planes[:, :channels] + 2 * planes[:, channels:]  # [S, C, H, W]: what colours share is most of a photograph
    low, high = mixed.min(axis=(1, 2, 3), keepdims=True), mixed.max(axis=(1, 2, 3), keepdims=True)
    return np.rint(255 * (mixed - low) / (high - low)).astype(np.uint8).transpose(0, 2, 3, 1)


KINDS: dict[str, Maker] = {
    "post-contrast, FLAIR, pre-contrast (BGR)": _order(2, 1, 0),
    "FLAIR, pre-contrast, post-contrast": _order(1, 0, 2),
    "pre-contrast, post-contrast, FLAIR": _order(0, 2, 1),
    "FLAIR, post-contrast, pre-contrast": _order(1, 2, 0),
    "post-contrast, pre-contrast, FLAIR": _order(2, 0, 1),
    "inverted": _curve(255 - GREY),
    "a quarter as bright": _curve(GREY / 4),
    "four times as bright, cut off": _curve(GREY * 4.0),
    "the low byte of 16 bits": _curve(GREY * 5 % 256),
    "offset: air is grey": _curve(60 + 0.7 * GREY),
    "gamma 0.4": _curve(255 * (GREY / 255) ** 0.4),
    "gamma 2.5": _curve(255 * (GREY / 255) ** 2.5),
    "noise": _noise,
    "photographs": _photographs,
    "black": _constant(0),
    "grey": _constant(128),
    "turned by 90 degrees": lambda images, _: np.rot90(images, axes=(1, 2)),
    "upside down": lambda images, _: images[:, ::-1],
}
"""Name of each kind of wrong input, and what makes it of images uint8 [S, H, H, 3]. The low byte: grey values times 5,
cut to 8 bits, as where 16 bits are cast instead of scaled."""


@dataclass(frozen=True, eq=False)
class Trial:
    """What became of a trial: the `familiarity` of all training patients, and a row a held-out patient and input.

    table : patient, input (AS_IS, ALONE or one of KINDS), distance (NaN where there is no head), warned, odd (words)
    """

    familiarity: Familiarity
    table: pd.DataFrame


def try_familiarity(
    volumes: Mapping[str, np.ndarray],
    folds: Sequence[tuple[Set[str], Set[str]]],
    *,
    kinds: Mapping[str, Maker] = KINDS,
    progress: Callable[[int, int], None] | None = None,
) -> Trial:
    """Learn from the training patients of each fold, and see which inputs made from its held-out ones get a warning.

    Parameters
    ----------
    volumes : mapping of patient to images, uint8 [S, H, H, 3]
    folds : sequence of (training patients, held-out patients)
        The familiarity that is left is that of all patients that train in any fold. A fold of too few to tell anything
        (`FEWEST`) says nothing of the warning, and is left out of the table.
    progress : callable
        Told how many of all patients are done.
    """
    measured = {patient: measure_volume(images) for patient, images in sorted(volumes.items())}
    known = {patient: properties for patient, properties in measured.items() if properties is not None}
    fitted = [
        (fit_familiarity({patient: known[patient] for patient in sorted(training & known.keys())}), tried)
        for training, tried in folds
    ]
    fitted = [(familiarity, tried) for familiarity, tried in fitted if familiarity.spread is not None]
    held_out = sum(len(tried) for _, tried in fitted)
    rows: list[tuple[str, str, float, bool, str]] = []
    for familiarity, tried in fitted:
        for patient in sorted(tried):
            inputs = {AS_IS: measured[patient], **_foreign(volumes[patient], patient, kinds)}
            rows += [(patient, kind, *_judge(familiarity, properties)) for kind, properties in inputs.items()]
            if progress is not None:
                progress(len({row[0] for row in rows}), held_out)
    everybody = set().union(*(training for training, _ in folds)) & known.keys()
    columns = {"patient": "str", "input": "str", "distance": "float64", "warned": "bool", "odd": "str"}
    table = pd.DataFrame(rows, columns=list(columns)).astype(columns)
    return Trial(fit_familiarity({patient: known[patient] for patient in sorted(everybody)}), table)


def summarise_trial(table: pd.DataFrame) -> pd.DataFrame:
    """A row an input, in the table's order: input, volumes (how many were tried), warned (share with a warning)."""
    grouped = table.groupby("input", sort=False)["warned"]
    return grouped.agg(volumes="size", warned="mean").reset_index()


def _foreign(images: np.ndarray, patient: str, kinds: Mapping[str, Maker]) -> dict[str, np.ndarray | None]:
    """Properties of what is made of a patient's slices, by kind; equal for equal patients."""
    looked_at = choose_slices(images)
    made = {ALONE: measure_volume(looked_at[len(looked_at) // 2 :][:1])}
    for kind, maker in kinds.items():
        rng = np.random.default_rng([zlib.crc32(patient.encode()), zlib.crc32(kind.encode())])
        made[kind] = measure_volume(maker(looked_at, rng))
    return made


def _judge(familiarity: Familiarity, properties: np.ndarray | None) -> tuple[float, bool, str]:
    """Distance (NaN where it can't be told), whether there is a warning, and its words."""
    told = familiarity.spread is not None and properties is not None
    said = familiarity.judge(properties)
    return familiarity.distance(properties) if told and properties is not None else np.nan, bool(said), " ".join(said)
