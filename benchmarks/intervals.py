"""How often the 95 % intervals hold the truth, by simulation: `python benchmarks/intervals.py`.

Patients are drawn from a population whose figures are known, and scored as the product does. A line of JSON for each
figure and number of patients tells in which share of the draws the interval held the truth; `docs/figures.md` has them.
"""

import json
import sys
from collections.abc import Callable

import numpy as np

from gliaflow.evaluation.cohort import Cohort, Figure
from gliaflow.evaluation.reliability import bin_sums, calibration_error

DRAWS = 400
RESAMPLES = 1000
SLICES = 33  # of a patient, as in the LGG set
SHARE = 0.97  # of a patient's slices rightly called empty, on average; patients differ
OFF = 0.8  # logits by which the badly calibrated probabilities are too low
PATIENTS = (3, 5, 9, 20, 60)


def volume_dice(rng: np.random.Generator, patients: int) -> Figure:
    """The mean of Dice spread as of a good network: 0.835 on average, a tail of bad patients."""
    cohort = Cohort(np.arange(patients), RESAMPLES, 0)
    return cohort.ratio(rng.beta(8.35, 1.65, patients), np.ones(patients))


def specificity(rng: np.random.Generator, patients: int) -> Figure:
    """The share of right slices, where slices of a patient are alike."""
    of_patient = np.repeat(rng.beta(20 * SHARE, 20 * (1 - SHARE), patients), SLICES)
    cohort = _slices(patients)
    right = rng.random(len(of_patient)) < of_patient
    return cohort.mean(right, np.ones(len(right)))


def calibration(rng: np.random.Generator, patients: int, off: float) -> Figure:
    """The calibration error of probabilities that are `off` logits too low."""
    logits = rng.normal(-1, 3, patients * SLICES)
    cohort = _slices(patients)
    return cohort.calibration_error(_share(logits), np.ones(len(logits)), _drawn(rng, logits + off), cohort.patient)


def truth_of(off: float) -> float:
    """The calibration error of such probabilities in a million slices, each counting as its chance of tumour."""
    logits = np.random.default_rng(2).normal(-1, 3, 1_000_000)
    one = np.ones(len(logits))
    return float(
        calibration_error(bin_sums(_share(logits), one, _share(logits + off), np.zeros(len(logits), int), 1)[0])
    )


def _slices(patients: int) -> Cohort:
    return Cohort(np.repeat(np.arange(patients), SLICES), RESAMPLES, 0)


def _share(logits: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-logits)))


def _drawn(rng: np.random.Generator, logits: np.ndarray) -> np.ndarray:
    return (rng.random(len(logits)) < _share(logits)).astype(float)


def measure(figure: Callable[[np.random.Generator, int], Figure], truth: float, patients: int) -> dict[str, float]:
    """The share of draws whose interval holds the truth, and of those where it has no width."""
    rng = np.random.default_rng(1)
    found = [figure(rng, patients) for _ in range(DRAWS)]
    ends = [(each.low, each.high) for each in found if each.low is not None and each.high is not None]
    held = np.mean([low <= truth + 1e-12 and truth <= high + 1e-12 for low, high in ends])
    return {"held": round(float(held), 3), "no_width": round(float(np.mean([low == high for low, high in ends])), 3)}


def main() -> None:
    """One line of JSON a figure and number of patients."""
    large = truth_of(OFF)
    figures: dict[str, tuple[Callable[[np.random.Generator, int], Figure], float]] = {
        "mean volume Dice": (volume_dice, 0.835),
        f"share of {SHARE}": (specificity, SHARE),
        "calibration error of 0": (lambda rng, patients: calibration(rng, patients, 0.0), 0.0),
        f"calibration error of {large:.2f}": (lambda rng, patients: calibration(rng, patients, OFF), large),
    }
    for name, (figure, truth) in figures.items():
        for patients in PATIENTS:
            told = {"figure": name, "patients": patients, **measure(figure, truth, patients)}
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
