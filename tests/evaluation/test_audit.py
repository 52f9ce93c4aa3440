"""The label audit: planted faults are found and named, and the score is that of a plain reckoning."""

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import distance_transform_edt

from gliaflow.evaluation.audit import FLOOR, KINDS, TOLERANCE, audit_labels, audit_volume
from gliaflow.ingest.volumes import Volume, save_volume

SIDE = 64


def square(row: int, column: int, side: int = 16) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[row : row + side, column : column + side] = 1
    return mask


def sure(masks: np.ndarray) -> np.ndarray:
    """Probabilities of a model that is sure of just these masks."""
    return (masks * 250 + 2).astype(np.uint8)


@pytest.fixture
def volume():
    """Six slices, a tumour that wanders through four of them."""
    empty = np.zeros((SIDE, SIDE), np.uint8)
    return np.stack([empty, *(square(4 + 10 * step, 10) for step in range(4)), empty])


def test_masks_that_the_model_agrees_with_are_not_doubted(volume):
    assert audit_volume(sure(volume), volume) == [None] * 6
    shifted = np.roll(volume, 3, axis=2)  # outlines that differ by the tolerance
    assert audit_volume(sure(shifted), volume) == [None] * 6


def test_an_undecided_model_doubts_nothing(volume):
    assert audit_volume(np.full_like(volume, 150), volume) == [None] * 6


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (lambda masks: masks[2].fill(0), "empty"),
        (lambda masks: masks[2].__setitem__(slice(20, None), 0), "unmarked"),
        (lambda masks: masks[2].__setitem__((slice(40, 60), slice(40, 60)), 1), "overmarked"),
        (lambda masks: masks.__setitem__(slice(1, 3), masks[[2, 1]]), "order"),
    ],
)
def test_a_planted_fault_is_found_and_named(volume, fault, kind):
    faulty = volume.copy()
    fault(faulty)
    doubts = audit_volume(sure(volume), faulty)
    assert doubts[2].kind == kind and doubts[2].doubt > 0.3
    others = {index for index, doubt in enumerate(doubts) if doubt is not None} - {2}
    assert others == ({1} if kind == "order" else set())
    if kind == "order":
        assert (doubts[1].neighbor, doubts[2].neighbor) == (2, 1)


def test_the_score_is_that_of_distances_and_sums():
    rng = np.random.default_rng(0)
    quantised = rng.integers(0, 256, (1, SIDE, SIDE), dtype=np.uint8)
    quantised[:, 15:35, 15:35] = rng.integers(0, 100, (20, 20))  # where nothing is found for more than TOLERANCE
    mask = square(10, 10, 30)[None]
    (doubt,) = audit_volume(quantised, mask)
    p = quantised[0] / 255
    tumor, healthy = np.where(p > 0.75, 4 * p - 3, 0), np.where(p < 0.25, 1 - 4 * p, 0)
    inside, found = mask[0] > 0, quantised[0] >= 128
    beyond = distance_transform_edt(~inside) > TOLERANCE
    alone = distance_transform_edt(~found) > TOLERANCE
    unmarked, agreed = tumor[beyond].sum(), tumor[inside].sum()
    assert doubt.unmarked == pytest.approx(unmarked) and doubt.agreed == pytest.approx(agreed)
    assert doubt.overmarked == pytest.approx(healthy[inside & alone].sum())
    assert doubt.kind == "unmarked" and doubt.doubt == pytest.approx(unmarked / (unmarked + agreed + FLOOR))


def test_all_patients_are_ranked_by_doubt_and_named_by_slice_number(volume, tmp_path):
    faulty = volume.copy()
    faulty[1:3] = volume[[2, 1]]
    gone = volume.copy()
    gone[4] = 0
    probabilities, folders = {}, {}
    for patient, masks in (("a", volume), ("b", faulty), ("c", gone)):
        images = np.zeros((*masks.shape, 3), np.uint8)
        facts = pd.DataFrame({"slice": np.arange(6)})
        save_volume(tmp_path / patient, Volume(images, masks, facts, facts.iloc[:0]))
        np.save(tmp_path / f"{patient}.npy", sure(volume))
        folders[patient], probabilities[patient] = tmp_path / patient, tmp_path / f"{patient}.npy"
    slices = pd.DataFrame(
        [
            {"patient": patient, "slice": 10 + index, "index": index, "site": "x", "fold": 0, "true_pixels": 7}
            for patient in "cab"
            for index in range(6)
        ]
    ).astype({"fold": "Int64"})
    calls = []
    table = audit_labels(slices, probabilities, folders, progress=lambda *given: calls.append(given))
    assert list(table["rank"]) == [1, 2, 3] and table["doubt"].is_monotonic_decreasing
    assert set(map(tuple, table[["patient", "slice", "kind"]].to_numpy())) == {
        ("c", 14, "empty"),
        ("b", 11, "order"),
        ("b", 12, "order"),
    }
    moved = table[table["kind"] == "order"].set_index("slice")["neighbor"]
    assert moved.to_dict() == {11: 12, 12: 11} and table["neighbor"].dtype == "Int64"
    assert calls == [(1, 3), (2, 3), (3, 3)] and set(table["kind"]) <= set(KINDS)


def test_without_doubts_the_table_is_empty_with_all_its_columns(volume, tmp_path):
    facts = pd.DataFrame({"slice": np.arange(6)})
    save_volume(tmp_path / "a", Volume(np.zeros((*volume.shape, 3), np.uint8), volume, facts, facts.iloc[:0]))
    np.save(tmp_path / "a.npy", sure(volume))
    slices = pd.DataFrame({"patient": "a", "slice": range(6), "index": range(6), "site": "x", "fold": 0})
    table = audit_labels(slices.assign(true_pixels=1), {"a": tmp_path / "a.npy"}, {"a": tmp_path / "a"})
    assert table.empty and {"rank", "doubt", "kind", "neighbor"} <= set(table.columns)


def test_probabilities_of_another_shape_are_refused(volume):
    with pytest.raises(ValueError, match=r"\(5, 64, 64\) and masks \(6, 64, 64\) must have one shape"):
        audit_volume(sure(volume)[:5], volume)
