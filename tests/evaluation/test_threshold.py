"""The threshold against trying all of them, and its rules for plateaus and for patients without tumour."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from sklearn.metrics import f1_score

from gliaflow.evaluation.threshold import Threshold, _middle_of_plateau, choose_threshold, tumor_histograms


def make_patient(rng: np.random.Generator, slices: int = 3, cut: int = 90) -> tuple[np.ndarray, np.ndarray]:
    masks = (rng.random((slices, 16, 16)) < 0.2).astype(np.uint8)
    raw = np.where(masks, rng.normal(cut + 30, 35, masks.shape), rng.normal(cut - 40, 35, masks.shape))
    return np.clip(raw, 0, 255).astype(np.uint8), masks


def flat_histogram(outside: dict[int, int], inside: dict[int, int]) -> np.ndarray:
    counts = np.zeros((2, 256), np.int64)
    for row, pixels in enumerate((outside, inside)):
        for value, count in pixels.items():
            counts[row, value] = count
    return counts


def test_histograms_count_every_pixel_on_its_side() -> None:
    quantised = np.array([[[0, 255], [7, 7]], [[7, 0], [0, 0]]], np.uint8)
    masks = np.array([[[0, 1], [1, 0]], [[1, 0], [0, 0]]], np.uint8)
    counts = tumor_histograms(quantised, masks)
    assert (counts.shape, counts.dtype) == ((2, 256), np.int64)
    assert {value: counts[:, value].tolist() for value in (0, 7, 255)} == {0: [4, 0], 7: [1, 2], 255: [0, 1]}
    assert counts.sum() == 8
    assert tumor_histograms(quantised[:0], masks[:0]).tolist() == np.zeros((2, 256)).tolist()


@pytest.mark.parametrize("wrong", [np.zeros((2, 4, 4), np.float32), np.zeros((1, 4, 4), np.uint8)])
def test_histograms_refuse_other_input(wrong: np.ndarray) -> None:
    with pytest.raises(
        ValueError, match=r"must be uint8 and of the shape of their masks; received .* for masks \(2, 4, 4"
    ):
        tumor_histograms(wrong, np.zeros((2, 4, 4), np.uint8))


def test_agrees_with_trying_every_threshold() -> None:
    rng = np.random.default_rng(0)
    patients = {f"P{number}": make_patient(rng, slices=number + 1, cut=60 + 20 * number) for number in range(4)}
    chosen = choose_threshold({name: tumor_histograms(*arrays) for name, arrays in patients.items()})
    curve = [
        np.mean([f1_score(masks.ravel(), quantised.ravel() >= value) for quantised, masks in patients.values()])
        for value in range(1, 256, 6)
    ]
    assert chosen.curve[::6] == pytest.approx(curve, abs=1e-12)
    assert chosen.value == int(np.argmax(chosen.curve)) + 1
    assert chosen.dice == max(chosen.curve) > chosen.curve[127]


def test_patients_weigh_the_same_whatever_their_size() -> None:
    small = flat_histogram({50: 1}, {100: 9})  # best above 50, at most 100
    large = flat_histogram({150: 1000}, {200: 9000, 100: 500})  # best above 150
    chosen = choose_threshold({"small": small, "large": large})
    lost = np.mean([0, 2 * 9000 / (9500 + 9000)]), np.mean([1, 2 * 9500 / (9500 + 10_500)])
    assert lost[1] > lost[0] and chosen.value == 75  # middle of 51..100


@pytest.mark.parametrize(
    ("outside", "inside", "value"),
    [
        ({0: 9}, {255: 9}, 128),  # any threshold is right
        ({100: 9}, {255: 9}, 178),  # 101..255
        ({254: 9}, {255: 9}, 255),
        ({0: 9}, {1: 9}, 1),
        ({0: 9}, {200: 9}, 100),  # 1..200
    ],
)
def test_takes_the_middle_of_a_plateau(outside: dict[int, int], inside: dict[int, int], value: int) -> None:
    chosen = choose_threshold({"P": flat_histogram(outside, inside)})
    assert (chosen.value, chosen.dice) == (value, 1.0)


def test_of_several_plateaus_takes_the_longest_then_the_most_central() -> None:
    best = np.zeros(255, bool)
    best[[9, 10, 11, 99, 100]] = True
    assert _middle_of_plateau(best) == 10
    best[101] = True
    assert _middle_of_plateau(best) == 100
    best[[253, 254]] = True
    assert _middle_of_plateau(best) == 100


def test_a_patient_without_tumour_votes_for_silence() -> None:
    healthy = flat_histogram({0: 90, 120: 10}, {})
    ill = flat_histogram({0: 90}, {100: 2, 200: 8})
    chosen = choose_threshold({"healthy": healthy, "ill": ill})
    # up to 100: Dice 0 and 1; 101..120: 0 and 16/18; 121..200: 1 and 16/18
    assert chosen.curve[99] == pytest.approx(0.5)
    assert chosen.curve[110] == pytest.approx(8 / 18)
    assert (chosen.value, chosen.dice) == (160, pytest.approx((1 + 16 / 18) / 2))


def test_a_patient_without_slices_has_no_vote() -> None:
    ill = flat_histogram({0: 90}, {100: 2, 200: 8})
    assert choose_threshold({"none": np.zeros((2, 256), np.int64), "ill": ill}) == choose_threshold({"ill": ill})
    with pytest.raises(ValueError, match="val has no slices. Split so that val has a patient"):
        choose_threshold({"none": np.zeros((2, 256), np.int64)})
    with pytest.raises(ValueError, match="val has no slices"):
        choose_threshold({})


def test_becomes_json() -> None:
    chosen = choose_threshold({"P": flat_histogram({0: 9}, {255: 9})})
    kept = json.loads(json.dumps(asdict(chosen)))
    assert (kept["value"], kept["dice"], len(kept["curve"])) == (128, 1.0, 255)
    assert isinstance(chosen, Threshold)
