"""Masks from probabilities: components against scikit-image's, and the filter's choice against trying it."""

import numpy as np
import pytest
from skimage.measure import label
from skimage.morphology import remove_small_objects
from sklearn.metrics import f1_score

from gliaflow.evaluation.operating import MIN_PIXELS, choose_operating_point
from gliaflow.evaluation.postprocess import find_components, predicted_masks
from gliaflow.evaluation.threshold import choose_threshold, tumor_histograms


def make_volume(seed: int, noise: float = 0.02) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities uint8 [5, 24, 24] with a lesion and specks of false tumour, and the true masks."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((5, 24, 24), np.uint8)
    masks[1:4, 6:14, 5:12] = 1
    quantised = np.where(masks, rng.normal(170, 30, masks.shape), rng.normal(40, 20, masks.shape))
    quantised[rng.random(masks.shape) < noise] = 220
    return np.clip(quantised, 0, 255).astype(np.uint8), masks


@pytest.mark.parametrize("min_pixels", [0, 1, 2, 3, 7, 40, 10_000])
def test_agrees_with_scikit_image(min_pixels: int) -> None:
    for seed in range(4):
        quantised, _ = make_volume(seed, noise=0.06)
        components = label(quantised >= 128, connectivity=3)
        expected = (components > 0) if min_pixels < 2 else remove_small_objects(components, max_size=min_pixels - 1) > 0
        found = predicted_masks(quantised, 128, min_pixels)
        assert found.dtype == np.uint8 and (found == expected).all()
    assert found.any() == (min_pixels < 10_000)


def test_a_component_reaches_over_slices_and_corners() -> None:
    quantised = np.zeros((4, 6, 6), np.uint8)
    quantised[0, 0, 0] = quantised[1, 1, 1] = quantised[2, 2, 2] = 200  # corner to corner, slice to slice
    quantised[0, 5, 5] = quantised[2, 5, 5] = 200  # a slice lies between
    quantised[3, 0, 5] = 127
    assert predicted_masks(quantised, 128, 3).sum() == 3
    assert predicted_masks(quantised, 128, 3)[:, 5, 5].tolist() == [0, 0, 0, 0]
    assert predicted_masks(quantised, 128, 2).sum() == 3
    assert predicted_masks(quantised, 127, 1).sum() == 6
    assert predicted_masks(quantised, 128, 4).sum() == 0
    assert predicted_masks(quantised[:0], 128, 4).shape == (0, 6, 6)


def test_refuses_other_input() -> None:
    quantised = np.zeros((1, 4, 4), np.uint8)
    with pytest.raises(ValueError, match="between 1 and 255; received 256"):
        predicted_masks(quantised, 256)
    with pytest.raises(ValueError, match="between 1 and 255; received 0"):
        predicted_masks(quantised, 0)
    with pytest.raises(ValueError, match="0 pixels or more; received -1"):
        predicted_masks(quantised, 128, -1)
    with pytest.raises(ValueError, match=r"uint8 of shape \(slices, height, width\).* received float64 \(1, 4, 4\)"):
        predicted_masks(quantised / 255, 128)
    with pytest.raises(ValueError, match=r"must have one shape"):
        find_components(quantised, quantised[:, :2], 128, [0])


@pytest.mark.parametrize("scored", [[0, 1, 2, 3, 4], [2], [0, 4]])
@pytest.mark.parametrize("min_pixels", [0, 2, 20, 10_000])
def test_dice_of_components_is_that_of_the_masks(min_pixels: int, scored: list[int]) -> None:
    quantised, masks = make_volume(1)
    true, predicted = masks[scored].ravel(), predicted_masks(quantised, 128, min_pixels)[scored].ravel()
    found = find_components(quantised, masks, 128, scored)
    assert found.dice(min_pixels) == pytest.approx(f1_score(true, predicted, zero_division=1.0))
    assert found.true_pixels == true.sum()


def choose(volumes: dict[str, tuple[np.ndarray, np.ndarray]]):
    threshold = choose_threshold({name: tumor_histograms(*arrays) for name, arrays in volumes.items()})
    components = {name: find_components(*arrays, threshold.value, range(5)) for name, arrays in volumes.items()}
    return threshold, choose_operating_point(threshold, components)


def test_the_filter_is_the_best_of_its_list() -> None:
    volumes = {f"P{seed}": make_volume(seed) for seed in range(3)}
    threshold, chosen = choose(volumes)
    means = [
        np.mean([f1_score(m.ravel(), predicted_masks(q, threshold.value, least).ravel()) for q, m in volumes.values()])
        for least in MIN_PIXELS
    ]
    assert (chosen.threshold, chosen.curve) == (threshold.value, threshold.curve)
    assert chosen.min_pixels == MIN_PIXELS[int(np.argmax(means))] > 0
    assert chosen.dice == pytest.approx(max(means)) and chosen.dice > threshold.dice


@pytest.mark.parametrize("seed", range(6))
def test_the_filter_never_costs_dice_on_val(seed: int) -> None:
    rng = np.random.default_rng(seed)
    volumes = {
        f"P{number}": (
            (rng.random((5, 16, 16)) * 255).astype(np.uint8),
            (rng.random((5, 16, 16)) < 0.1).astype(np.uint8),
        )
        for number in range(3)
    }
    threshold, chosen = choose(volumes)
    assert chosen.dice >= threshold.dice == pytest.approx(chosen.curve[chosen.threshold - 1])


def test_of_equal_filters_the_least_is_taken() -> None:
    masks = np.zeros((5, 24, 24), np.uint8)
    masks[1:3, 2:22, 2:22] = 1  # 800 pixels, larger than any filter
    _, chosen = choose({"P": (masks * np.uint8(255), masks)})
    assert (chosen.min_pixels, chosen.dice) == (0, 1.0)


def test_without_tumour_the_filter_may_silence_specks() -> None:
    quantised = np.zeros((5, 24, 24), np.uint8)
    quantised[2, 3:6, 3:5] = 255  # six pixels that no threshold takes away
    healthy = (quantised, np.zeros_like(quantised))
    ill = np.zeros((5, 24, 24), np.uint8)
    ill[1:4, 4:12, 4:12] = 1
    threshold, chosen = choose({"healthy": healthy, "ill": (ill * np.uint8(255), ill)})
    assert (threshold.dice, chosen.dice, chosen.min_pixels) == (0.5, 1.0, 10)
