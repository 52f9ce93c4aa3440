"""Each metric against an independent implementation on random masks, and the edges where it is undefined."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import dice as scipy_dice
from scipy.stats import bootstrap
from sklearn.metrics import accuracy_score, f1_score, jaccard_score, recall_score

from gliaflow.evaluation.metrics import Metric, batch_dice, patient_table, score, slice_counts

Masks = dict[str, tuple[np.ndarray, np.ndarray]]
NAMES = [
    "volume_dice_mean", "volume_dice_median", "slice_dice_tumor", "slice_dice_all", "volume_iou_mean",
    "slice_iou_tumor", "pixel_sensitivity", "pixel_specificity", "tumor_sensitivity", "tumor_specificity",
    "notebook_dice", "pixel_accuracy",
]  # fmt: skip


def make_masks(rng: np.random.Generator, slices: int) -> tuple[np.ndarray, np.ndarray]:
    """True and predicted masks {0, 1} [S, 12, 12] that agree in part; some slices of each are empty."""
    true = rng.random((slices, 12, 12)) < rng.uniform(0.05, 0.3)
    predicted = true ^ (rng.random(true.shape) < rng.uniform(0.02, 0.2))
    true[rng.random(slices) < 0.4] = False
    predicted[rng.random(slices) < 0.4] = False
    return true.astype(np.uint8), predicted.astype(np.uint8)


def tabulate(masks: Masks, part: str = "test") -> pd.DataFrame:
    """The predictions table of these masks."""
    frames = []
    for patient, (true, predicted) in masks.items():
        counts = slice_counts(predicted * np.uint8(200), true, 128)
        frames.append(counts.assign(patient=patient, slice=np.arange(1, len(true) + 1)))
    frame = pd.concat(frames, ignore_index=True)
    return frame.assign(
        part=part,
        site="CS",
        mask=(frame["true_pixels"] > 0).astype("int64"),
        has_mask=(frame["predicted_pixels"] > 0).astype("int64"),
    )


def by_name(predictions: pd.DataFrame, part: str = "test", **arguments: int) -> dict[str, Metric]:
    return {metric.name: metric for metric in score(predictions, **arguments) if metric.part == part}


@pytest.fixture(scope="module")
def masks() -> Masks:
    rng = np.random.default_rng(4)
    return {f"P{number:02d}": make_masks(rng, int(rng.integers(3, 9))) for number in range(11)}


@pytest.fixture(scope="module")
def metrics(masks: Masks) -> dict[str, Metric]:
    return by_name(tabulate(masks))


def keras_notebook_dice(masks: Masks, smooth: float = 1.0) -> float:
    """dice_coef as the notebooks write it, over flattened batches of 16 images."""
    true = np.concatenate([pair[0] for _, pair in sorted(masks.items())])
    predicted = np.concatenate([pair[1] for _, pair in sorted(masks.items())])
    values = []
    for start in range(0, len(true), 16):
        y, p = true[start : start + 16].ravel().astype(float), predicted[start : start + 16].ravel().astype(float)
        values.append((2 * np.sum(y * p) + smooth) / (np.sum(y) + np.sum(p) + smooth))
    return float(np.mean(values))


def pooled(masks: Masks) -> tuple[np.ndarray, np.ndarray]:
    true, predicted = zip(*masks.values(), strict=True)
    return np.concatenate(true).ravel(), np.concatenate(predicted).ravel()


def slices_of(masks: Masks, tumor_only: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    pairs = [(t.ravel(), p.ravel()) for true, predicted in masks.values() for t, p in zip(true, predicted, strict=True)]
    return [pair for pair in pairs if pair[0].any() or not tumor_only]


def has_tumor(masks: Masks) -> tuple[list[bool], list[bool]]:
    pairs = slices_of(masks, tumor_only=False)
    return [bool(true.any()) for true, _ in pairs], [bool(predicted.any()) for _, predicted in pairs]


def dice_of(true: np.ndarray, predicted: np.ndarray) -> float:
    return (
        1.0 if not (true.any() or predicted.any()) else 1 - float(scipy_dice(true.astype(bool), predicted.astype(bool)))
    )


INDEPENDENT: dict[str, Callable[[Masks], float]] = {
    "volume_dice_mean": lambda masks: np.mean([f1_score(t.ravel(), p.ravel()) for t, p in masks.values()]),
    "volume_dice_median": lambda masks: np.median([dice_of(t.ravel(), p.ravel()) for t, p in masks.values()]),
    "slice_dice_tumor": lambda masks: np.mean([f1_score(t, p) for t, p in slices_of(masks, tumor_only=True)]),
    "slice_dice_all": lambda masks: np.mean([dice_of(t, p) for t, p in slices_of(masks, tumor_only=False)]),
    "volume_iou_mean": lambda masks: np.mean([jaccard_score(t.ravel(), p.ravel()) for t, p in masks.values()]),
    "slice_iou_tumor": lambda masks: np.mean([jaccard_score(t, p) for t, p in slices_of(masks, tumor_only=True)]),
    "pixel_sensitivity": lambda masks: recall_score(*pooled(masks)),
    "pixel_specificity": lambda masks: recall_score(*pooled(masks), pos_label=0),
    "tumor_sensitivity": lambda masks: recall_score(*has_tumor(masks)),
    "tumor_specificity": lambda masks: recall_score(*has_tumor(masks), pos_label=False),
    "notebook_dice": keras_notebook_dice,
    "pixel_accuracy": lambda masks: accuracy_score(*pooled(masks)),
}


@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_an_independent_implementation(name: str, masks: Masks, metrics: dict[str, Metric]) -> None:
    assert metrics[name].value == pytest.approx(INDEPENDENT[name](masks), abs=1e-12)


@pytest.mark.parametrize(
    "name",
    [
        "volume_dice_median",
        "slice_dice_all",
        "pixel_sensitivity",
        "tumor_specificity",
        "notebook_dice",
        "pixel_accuracy",
    ],
)
def test_interval_agrees_with_resampling_the_masks(name: str, masks: Masks, metrics: dict[str, Metric]) -> None:
    """Draw patients with their masks, compute the figure anew: 200 draws tell the interval to a third of its width."""
    rng = np.random.default_rng(9)
    patients = list(masks)
    drawn = []
    for _ in range(200):
        chosen = rng.choice(patients, len(patients))
        drawn.append(INDEPENDENT[name]({f"{place:02d}": masks[patient] for place, patient in enumerate(chosen)}))
    low, high = np.quantile(drawn, [0.025, 0.975])
    metric = metrics[name]
    assert metric.low is not None and metric.high is not None and metric.value is not None
    assert metric.low < metric.value < metric.high
    assert (metric.low, metric.high) == pytest.approx((low, high), abs=0.35 * (high - low))


def test_headline_interval_agrees_with_scipy(masks: Masks) -> None:
    dice = [f1_score(true.ravel(), predicted.ravel()) for true, predicted in masks.values()]
    metrics = by_name(tabulate(masks), resamples=20_000)
    for name, statistic in (("volume_dice_mean", np.mean), ("volume_dice_median", np.median)):
        result = bootstrap((dice,), statistic, n_resamples=20_000, method="percentile", rng=np.random.default_rng(0))
        ours = (metrics[name].low, metrics[name].high)
        assert ours == pytest.approx(tuple(result.confidence_interval), abs=0.01)


def test_names_order_n_and_unit(masks: Masks) -> None:
    both = pd.concat([tabulate(masks, "val"), tabulate({"Q": masks["P00"], "R": masks["P01"]})], ignore_index=True)
    scored = score(both)
    assert [(metric.part, metric.name) for metric in scored] == [
        (part, name) for part in ("test", "val") for name in NAMES
    ]
    val = {metric.name: metric for metric in scored if metric.part == "val"}
    true, _ = pooled(masks)
    slices = sum(len(pair[0]) for pair in masks.values())
    positive = len(slices_of(masks, tumor_only=True))
    assert {name: (metric.n, metric.unit) for name, metric in val.items()} == {
        "volume_dice_mean": (11, "patients"),
        "volume_dice_median": (11, "patients"),
        "slice_dice_tumor": (positive, "slices"),
        "slice_dice_all": (slices, "slices"),
        "volume_iou_mean": (11, "patients"),
        "slice_iou_tumor": (positive, "slices"),
        "pixel_sensitivity": (int(true.sum()), "pixels"),
        "pixel_specificity": (int((1 - true).sum()), "pixels"),
        "tumor_sensitivity": (positive, "slices"),
        "tumor_specificity": (slices - positive, "slices"),
        "notebook_dice": (slices, "slices"),
        "pixel_accuracy": (true.size, "pixels"),
    }
    assert all(metric.about and "\n" not in metric.about for metric in scored)
    assert {metric.name: metric.value for metric in scored if metric.part == "test"} == {
        name: pytest.approx(metric.value)
        for name, metric in by_name(tabulate({"Q": masks["P00"], "R": masks["P01"]})).items()
    }


def test_neither_seed_nor_order_of_rows_moves_a_value(masks: Masks) -> None:
    table = tabulate(masks)
    assert score(table) == score(table.sample(frac=1, random_state=0))
    other = by_name(table, seed=1)
    for name, metric in by_name(table).items():
        assert metric.value == other[name].value
    assert any(metric.low != other[name].low for name, metric in by_name(table).items())


def test_dice_of_slices_with_nothing_in_them() -> None:
    empty, full = np.zeros((1, 4, 4), np.uint8), np.ones((1, 4, 4), np.uint8)
    table = tabulate({"A": (empty, empty), "B": (empty, full), "C": (full, empty), "D": (full, full)})
    metrics = by_name(table)
    assert metrics["slice_dice_all"].value == metrics["volume_dice_mean"].value == 0.5
    assert metrics["slice_dice_tumor"].value == 0.5
    assert patient_table(table)["dice"].tolist() == [1.0, 0.0, 0.0, 1.0]
    assert patient_table(table)["iou"].tolist() == [1.0, 0.0, 0.0, 1.0]


def test_undefined_is_null_not_nan() -> None:
    empty, full = np.zeros((2, 4, 4), np.uint8), np.ones((2, 4, 4), np.uint8)
    healthy = by_name(tabulate({"A": (empty, empty), "B": (empty, full)}))
    for name in ("slice_dice_tumor", "slice_iou_tumor", "pixel_sensitivity", "tumor_sensitivity"):
        assert (healthy[name].value, healthy[name].low, healthy[name].high, healthy[name].n) == (None, None, None, 0)
    ill = by_name(tabulate({"A": (full, full), "B": (full, empty)}))
    for name in ("pixel_specificity", "tumor_specificity"):
        assert (ill[name].value, ill[name].n) == (None, 0)
    text = json.dumps([asdict(metric) for metric in [*healthy.values(), *ill.values()]], allow_nan=False)
    assert '"value": null' in text


def test_one_patient_has_a_value_and_no_interval(masks: Masks) -> None:
    metrics = by_name(tabulate({"A": masks["P00"]}))
    assert {(metric.low, metric.high) for metric in metrics.values()} == {(None, None)}
    assert metrics["volume_dice_mean"].value == pytest.approx(f1_score(*(mask.ravel() for mask in masks["P00"])))
    empty = np.zeros((3, 12, 12), np.uint8)
    lone = by_name(tabulate({"A": masks["P00"], "B": (empty, empty)}))  # only A bears on tumour slices
    assert lone["slice_dice_tumor"].low is None and lone["slice_dice_all"].low is not None


def test_no_predictions_no_metrics(masks: Masks) -> None:
    assert score(tabulate(masks).iloc[:0]) == []


def test_patient_table_against_the_masks(masks: Masks) -> None:
    empty = np.zeros((2, 12, 12), np.uint8)
    table = patient_table(tabulate({**masks, "Z": (empty, empty)}))
    assert list(table.columns) == [
        "patient", "site", "part", "slices", "tumor_slices", "true_pixels", "predicted_pixels", "intersection", "dice",
        "iou", "accuracy", "mean_slice_dice",
    ]  # fmt: skip
    assert table["patient"].tolist() == [*masks, "Z"]
    for row, (true, predicted) in zip(table.itertuples(), [*masks.values(), (empty, empty)], strict=True):
        tumor = true.any(axis=(1, 2))
        assert (row.slices, row.tumor_slices) == (len(true), tumor.sum())
        assert (row.true_pixels, row.predicted_pixels) == (true.sum(), predicted.sum())
        assert row.intersection == (true & predicted).sum()
        assert row.accuracy == pytest.approx((true == predicted).mean())
        if row.patient != "Z":
            assert row.dice == pytest.approx(f1_score(true.ravel(), predicted.ravel()))
            assert row.iou == pytest.approx(jaccard_score(true.ravel(), predicted.ravel()))
            slices = [f1_score(t.ravel(), p.ravel()) for t, p in zip(true[tumor], predicted[tumor], strict=True)]
            assert row.mean_slice_dice == pytest.approx(np.mean(slices))
    assert table["mean_slice_dice"].isna().tolist() == [False] * 11 + [True]
    assert table.dtypes.astype(str).to_dict() == {
        **dict.fromkeys(["patient", "site", "part"], "str"),
        **dict.fromkeys(["slices", "tumor_slices", "true_pixels", "predicted_pixels", "intersection"], "int64"),
        **dict.fromkeys(["dice", "iou", "accuracy", "mean_slice_dice"], "float64"),
    }


def test_a_patient_on_both_sides_has_two_rows(masks: Masks) -> None:
    table = tabulate({"A": masks["P00"]})
    table.loc[0, "part"] = "val"
    patients = patient_table(table)
    assert patients[["patient", "part", "slices"]].values.tolist() == [["A", "test", len(table) - 1], ["A", "val", 1]]


def test_slice_counts() -> None:
    quantised = np.array([[[0, 99], [100, 255]], [[0, 0], [10, 0]]], np.uint8)
    masks = np.array([[[0, 1], [1, 0]], [[0, 0], [0, 0]]], np.uint8)
    counts = slice_counts(quantised, masks, 100)
    assert counts.to_dict("list") == {
        "true_pixels": [2, 0],
        "predicted_pixels": [2, 0],
        "intersection": [1, 0],
        "pixels": [4, 4],
        "tumor_probability": [1.0, 10 / 255],
    }
    assert counts.dtypes.astype(str).tolist() == ["int64"] * 4 + ["float64"]
    none = slice_counts(quantised[:0], masks[:0], 100)
    assert len(none) == 0 and none.dtypes.equals(counts.dtypes)


@pytest.mark.parametrize("threshold", [0, 256])
def test_slice_counts_refuse_a_threshold_off_the_scale(threshold: int) -> None:
    with pytest.raises(ValueError, match=f"between 1 and 255; received {threshold}"):
        slice_counts(np.zeros((1, 2, 2), np.uint8), np.zeros((1, 2, 2), np.uint8), threshold)


def test_slice_counts_refuse_probabilities_that_are_not_quantised() -> None:
    with pytest.raises(ValueError, match=r"must be uint8 .*received float32 \(1, 2, 2\)"):
        slice_counts(np.zeros((1, 2, 2), np.float32), np.zeros((1, 2, 2), np.uint8), 128)


def test_batch_dice_pools_sixteen_slices() -> None:
    counts = np.zeros((17, 3))
    counts[0] = [10, 10, 5]
    counts[16] = [3, 0, 0]
    assert batch_dice(counts) == pytest.approx(np.mean([11 / 21, 1 / 4]))
    assert batch_dice(np.zeros((1, 3))) == 1.0


def test_four_thousand_slices_are_scored_quickly() -> None:
    rng = np.random.default_rng(0)
    true = rng.integers(0, 3000, 4000) * (rng.random(4000) < 0.4)
    overlap = (true * rng.random(4000)).astype(int)
    frame = pd.DataFrame(
        {
            "patient": [f"P{number // 36:03d}" for number in range(4000)],
            "slice": np.arange(4000),
            "part": "test",
            "site": "CS",
            "mask": (true > 0).astype(int),
            "has_mask": (overlap > 0).astype(int),
            "true_pixels": true,
            "predicted_pixels": overlap,
            "intersection": overlap,
            "pixels": 65_536,
        }
    )
    start = time.process_time()
    score(frame)
    assert time.process_time() - start < 3  # 0.5 s measured
