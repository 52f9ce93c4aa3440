"""Each metric against an independent implementation on random masks, and the edges where it is undefined."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import binary_erosion, distance_transform_edt, uniform_filter
from scipy.spatial.distance import dice as scipy_dice
from scipy.stats import bootstrap
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    f1_score,
    jaccard_score,
    recall_score,
    roc_auc_score,
)

from gliaflow.evaluation.cohort import batch_dice
from gliaflow.evaluation.counts import patient_table, slice_counts
from gliaflow.evaluation.metrics import Metric, score
from gliaflow.evaluation.reliability import confidence_table
from gliaflow.evaluation.threshold import tumor_histograms

Masks = dict[str, tuple[np.ndarray, np.ndarray]]
NAMES = [
    "volume_dice_mean", "volume_dice_median", "slice_dice_tumor", "slice_dice_all", "volume_iou_mean",
    "slice_iou_tumor", "hd95_mean", "nsd_tumor", "pixel_sensitivity", "pixel_specificity", "tumor_sensitivity",
    "tumor_specificity", "tumor_auroc", "tumor_ece", "tumor_brier", "call_sensitivity", "call_specificity",
    "unsure_share", "pixel_ece", "pixel_brier", "notebook_dice", "pixel_accuracy",
]  # fmt: skip


def make_masks(rng: np.random.Generator, slices: int) -> tuple[np.ndarray, np.ndarray]:
    """True and predicted masks {0, 1} [S, 12, 12] that agree in part; some slices of each are empty."""
    true = rng.random((slices, 12, 12)) < rng.uniform(0.05, 0.3)
    predicted = true ^ (rng.random(true.shape) < rng.uniform(0.02, 0.2))
    true[rng.random(slices) < 0.4] = False
    predicted[rng.random(slices) < 0.4] = False
    return true.astype(np.uint8), predicted.astype(np.uint8)


def quantised_of(predicted: np.ndarray) -> np.ndarray:
    """Probability maps uint8 [S, 12, 12] that belong to predicted masks."""
    return uniform_filter(predicted * np.uint8(255), (0, 3, 3))


def probability_of(predicted: np.ndarray) -> np.ndarray:
    """A slice's probability of tumour, in steps of 0.1 so that some are equal, [S]."""
    return np.minimum(np.round(predicted.sum(axis=(1, 2)) / 40, 1), 1)


def call_of(predicted: np.ndarray) -> np.ndarray:
    probability = probability_of(predicted)
    return np.select([probability > 0.6, probability < 0.3], ["tumor", "empty"], "unsure")


def tabulate(masks: Masks, part: str = "test") -> pd.DataFrame:
    """The predictions table of these masks."""
    frames = []
    for patient, (true, predicted) in masks.items():
        known = {
            "score": probability_of(predicted),
            "tumor_probability": probability_of(predicted),
            "call": call_of(predicted),
        }
        frames.append(slice_counts(true, predicted).assign(patient=patient, slice=np.arange(1, len(true) + 1), **known))
    frame = pd.concat(frames, ignore_index=True)
    return frame.assign(
        part=part,
        site="CS",
        mask=(frame["true_pixels"] > 0).astype("int64"),
        has_mask=(frame["predicted_pixels"] > 0).astype("int64"),
    )


def confidence_of(masks: Masks, part: str = "test") -> pd.DataFrame:
    """The confidence table of these masks."""
    return confidence_table(
        {
            (patient, part): tumor_histograms(quantised_of(predicted), true)
            for patient, (true, predicted) in masks.items()
        }
    )


def by_name(
    predictions: pd.DataFrame, confidence: pd.DataFrame | None = None, part: str = "test", **arguments: int
) -> dict[str, Metric]:
    return {metric.name: metric for metric in score(predictions, confidence, **arguments) if metric.part == part}


@pytest.fixture(scope="module")
def masks() -> Masks:
    rng = np.random.default_rng(4)
    return {f"P{number:02d}": make_masks(rng, int(rng.integers(3, 9))) for number in range(11)}


@pytest.fixture(scope="module")
def metrics(masks: Masks) -> dict[str, Metric]:
    return by_name(tabulate(masks), confidence_of(masks))


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


def outlines_of(true: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances of each outline to the other, from distance transforms."""
    edges = [mask & ~binary_erosion(mask) for mask in (true.astype(bool), predicted.astype(bool))]
    to_true, to_predicted = (distance_transform_edt(~edge) for edge in edges)
    return to_predicted[edges[0]], to_true[edges[1]]


def hausdorff(masks: Masks) -> float:
    pairs = [(t, p) for true, predicted in masks.values() for t, p in zip(true, predicted, strict=True)]
    distances = [outlines_of(t, p) for t, p in pairs if t.any() and p.any()]
    return float(np.mean([max(np.percentile(there, 95), np.percentile(back, 95)) for there, back in distances]))


def surface_dice(masks: Masks) -> float:
    values = []
    for true, predicted in masks.values():
        for t, p in zip(true, predicted, strict=True):
            if t.any() and p.any():
                values.append(float(np.mean(np.concatenate(outlines_of(t, p)) <= 2)))
            elif t.any():
                values.append(0.0)
    return float(np.mean(values))


def slice_truth(masks: Masks) -> np.ndarray:
    return np.concatenate([true.any(axis=(1, 2)) for true, _ in masks.values()])


def slice_guess(masks: Masks) -> np.ndarray:
    return np.concatenate([probability_of(predicted) for _, predicted in masks.values()])


def pixel_guess(masks: Masks) -> np.ndarray:
    return np.concatenate([quantised_of(predicted).ravel() for _, predicted in masks.values()]) / 255


def error_of(truth: np.ndarray, guess: np.ndarray) -> float:
    """Expected calibration error by grouping with pandas."""
    frame = pd.DataFrame({"truth": truth.astype(float), "guess": guess})
    bins = frame.groupby(pd.cut(frame["guess"], np.linspace(0, 1, 11), include_lowest=True), observed=True)
    return float(((bins["guess"].mean() - bins["truth"].mean()).abs() * bins.size()).sum() / len(frame))


def called(masks: Masks, tumor: bool) -> float:
    """Of the slices that have (or don't have) tumour and got a call: the share that got the right one."""
    calls = np.concatenate([call_of(predicted) for _, predicted in masks.values()])
    calls = calls[(slice_truth(masks) == tumor) & (calls != "unsure")]
    return recall_score([True] * len(calls), calls == ("tumor" if tumor else "empty"))


def unsure(masks: Masks) -> float:
    guess = slice_guess(masks)
    return float(((guess >= 0.3) & (guess <= 0.6)).mean())


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
    "hd95_mean": hausdorff,
    "nsd_tumor": surface_dice,
    "tumor_auroc": lambda masks: roc_auc_score(slice_truth(masks), slice_guess(masks)),
    "tumor_ece": lambda masks: error_of(slice_truth(masks), slice_guess(masks)),
    "tumor_brier": lambda masks: brier_score_loss(slice_truth(masks), slice_guess(masks)),
    "call_sensitivity": lambda masks: called(masks, tumor=True),
    "call_specificity": lambda masks: called(masks, tumor=False),
    "unsure_share": unsure,
    "pixel_ece": lambda masks: error_of(pooled(masks)[0], pixel_guess(masks)),
    "pixel_brier": lambda masks: brier_score_loss(pooled(masks)[0], pixel_guess(masks)),
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
        "hd95_mean",
        "nsd_tumor",
        "pixel_sensitivity",
        "tumor_specificity",
        "tumor_auroc",
        "tumor_ece",
        "call_sensitivity",
        "pixel_brier",
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
    if name == "tumor_ece":  # resampling makes that one greater: its interval is reflected
        low, high = max(0.0, 2 * metric.value - high), max(0.0, 2 * metric.value - low)
    assert metric.low < metric.high
    assert metric.low < metric.value < metric.high or name == "tumor_ece"
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
    confidence = pd.concat([confidence_of(masks, "val"), confidence_of({"Q": masks["P00"], "R": masks["P01"]})])
    scored = score(both, confidence)
    assert [(metric.part, metric.name) for metric in scored] == [
        (part, name) for part in ("test", "val") for name in NAMES
    ]
    val = {metric.name: metric for metric in scored if metric.part == "val"}
    true, _ = pooled(masks)
    slices = sum(len(pair[0]) for pair in masks.values())
    positive = len(slices_of(masks, tumor_only=True))
    doubted = np.concatenate([call_of(predicted) for _, predicted in masks.values()]) == "unsure"
    assert {name: (metric.n, metric.unit) for name, metric in val.items()} == {
        "volume_dice_mean": (11, "patients"),
        "volume_dice_median": (11, "patients"),
        "slice_dice_tumor": (positive, "slices"),
        "slice_dice_all": (slices, "slices"),
        "volume_iou_mean": (11, "patients"),
        "slice_iou_tumor": (positive, "slices"),
        "hd95_mean": (sum(t.any() and p.any() for t, p in slices_of(masks, tumor_only=True)), "slices"),
        "nsd_tumor": (positive, "slices"),
        "pixel_sensitivity": (int(true.sum()), "pixels"),
        "pixel_specificity": (int((1 - true).sum()), "pixels"),
        "tumor_sensitivity": (positive, "slices"),
        "tumor_specificity": (slices - positive, "slices"),
        **dict.fromkeys(["tumor_auroc", "tumor_ece", "tumor_brier", "unsure_share"], (slices, "slices")),
        "call_sensitivity": (positive - sum(doubted[slice_truth(masks)]), "slices"),
        "call_specificity": (slices - positive - sum(doubted[~slice_truth(masks)]), "slices"),
        **dict.fromkeys(["pixel_ece", "pixel_brier"], (true.size, "pixels")),
        "notebook_dice": (slices, "slices"),
        "pixel_accuracy": (true.size, "pixels"),
    }
    assert all(metric.about and "\n" not in metric.about for metric in scored)
    assert {metric.name: metric.value for metric in scored if metric.part == "test"} == {
        name: pytest.approx(metric.value)
        for name, metric in by_name(
            tabulate({"Q": masks["P00"], "R": masks["P01"]}), confidence_of({"Q": masks["P00"], "R": masks["P01"]})
        ).items()
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
        "iou", "accuracy", "mean_slice_dice", "hd95", "nsd",
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
            both = {row.patient: (true, predicted)}
            assert row.hd95 == pytest.approx(hausdorff(both), nan_ok=True)
            either = [(t, p) for t, p in zip(true, predicted, strict=True) if t.any() or p.any()]
            assert row.nsd == pytest.approx(
                sum(surface_dice({"": (t[None], p[None])}) for t, p in either if t.any()) / len(either)
            )
    assert table["mean_slice_dice"].isna().tolist() == [False] * 11 + [True]
    assert table.dtypes.astype(str).to_dict() == {
        **dict.fromkeys(["patient", "site", "part"], "str"),
        **dict.fromkeys(["slices", "tumor_slices", "true_pixels", "predicted_pixels", "intersection"], "int64"),
        **dict.fromkeys(["dice", "iou", "accuracy", "mean_slice_dice", "hd95", "nsd"], "float64"),
    }


def test_a_patient_on_both_sides_has_two_rows(masks: Masks) -> None:
    table = tabulate({"A": masks["P00"]})
    table.loc[0, "part"] = "val"
    patients = patient_table(table)
    assert patients[["patient", "part", "slices"]].values.tolist() == [["A", "test", len(table) - 1], ["A", "val", 1]]


def test_slice_counts() -> None:
    true = np.array([[[0, 1], [1, 0]], [[0, 0], [0, 0]], [[0, 0], [0, 0]]], np.uint8)
    predicted = np.array([[[0, 0], [1, 1]], [[0, 0], [0, 0]], [[0, 0], [1, 0]]], np.uint8)
    counts = slice_counts(true, predicted)
    assert counts.iloc[:, :4].to_dict("list") == {
        "true_pixels": [2, 0, 0],
        "predicted_pixels": [2, 0, 1],
        "intersection": [1, 0, 0],
        "pixels": [4, 4, 4],
    }
    assert counts["hd95"].tolist() == pytest.approx([0.95, np.nan, np.nan], nan_ok=True)
    assert counts["nsd"].tolist() == pytest.approx([1.0, np.nan, 0.0], nan_ok=True)
    assert counts.dtypes.astype(str).tolist() == ["int64"] * 4 + ["float64"] * 2
    none = slice_counts(true[:0], predicted[:0])
    assert len(none) == 0 and none.dtypes.equals(counts.dtypes)


def test_slice_counts_refuse_masks_of_two_sizes() -> None:
    with pytest.raises(ValueError, match=r"received \(1, 2, 2\) and \(1, 2, 3\)"):
        slice_counts(np.zeros((1, 2, 2), np.uint8), np.zeros((1, 2, 3), np.uint8))


def test_figures_of_what_is_not_known_are_left_out(masks: Masks) -> None:
    plain = by_name(tabulate(masks).drop(columns=["score", "tumor_probability", "call"]))
    calibrated = ["tumor_auroc", "tumor_ece", "tumor_brier", "call_sensitivity", "call_specificity", "unsure_share",
                  "pixel_ece", "pixel_brier"]  # fmt: skip
    assert [name for name in NAMES if name not in plain] == calibrated
    assert list(plain) == [name for name in NAMES if name not in calibrated]
    whole = by_name(tabulate(masks), confidence_of(masks))
    assert all(whole[name] == metric for name, metric in plain.items())


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
            "hd95": np.where(overlap > 0, 3.0, np.nan),
            "nsd": np.where(true > 0, 0.5, np.nan),
            "score": rng.random(4000),
            "tumor_probability": rng.random(4000),
            "call": "unsure",
        }
    )
    patients = [f"P{number:03d}" for number in range(112)]
    confidence = pd.DataFrame(
        {"patient": np.repeat(patients, 256), "part": "test", "level": np.tile(np.arange(256), 112)}
    ).assign(pixels=9000, tumor_pixels=300)
    start = time.process_time()
    score(frame, confidence)
    assert time.process_time() - start < 10  # 2 s measured, beside other work
