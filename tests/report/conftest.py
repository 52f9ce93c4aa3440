"""A made-up run for the report: nine patients at two sites, with predictions that are wrong in known ways."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gliaflow.report.data import Companion, ReportData

SIZE = 64
SLICES = 5
PARTS = ("train", "train", "train", "val", "val", "val", "test", "test", "test")
DETECTION = {
    "slope": 1.2,
    "intercept": 0.3,
    "low": 0.08,
    "high": 0.61,
    "sensitivity_target": 0.95,
    "precision_target": 0.95,
    "sensitivity": 0.96,
    "sensitivity_left_out": 0.93,
    "specificity": 0.9,
    "precision": 0.97,
    "unsure": 0.1,
    "patients": 3,
    "slices": 15,
    "tumor_slices": 9,
}
LEAKAGE = {
    "name": "slice_dice_tumor",
    "slice": {"value": 0.912, "low": 0.9, "high": 0.931, "n": 50},
    "patient": {"value": 0.801, "low": 0.75, "high": 0.84, "n": 45},
    "gap": {"value": 0.111, "low": 0.07, "high": 0.16, "n": 95},
    "about": "What is compared.",
    "others": [
        {
            "name": "pixel_sensitivity",
            "about": "share of the tumour's pixels that are found",
            "slice": {"value": 0.9, "low": None, "high": None, "n": 50},
            "patient": {"value": None, "low": None, "high": None, "n": 0},
            "gap": {"value": None, "low": None, "high": None, "n": 50},
        },
    ],
}
Make = Callable[..., ReportData]


def _square(top: int, left: int, side: int) -> np.ndarray:
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[top : top + side, left : left + side] = 1
    return mask


def _arrays(patient: int, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Slices 2 to 4 hold a square tumour; the prediction is shifted, and false in slice 5 of patient 9."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    head = (rows - 32) ** 2 + (columns - 32) ** 2 < 24**2
    image = np.where(head[..., None], np.array([70, 90, 110]) + 3 * number, 0).astype(np.uint8)
    true = _square(20, 24, 10 + patient) if 2 <= number <= 4 else _square(0, 0, 0)
    image[true > 0, 1] = 220
    predicted = np.roll(true, patient % 4, axis=1)
    if patient == 9 and number == 5:
        predicted = _square(30, 30, 5)
    return image, true, predicted


def _predictions(labels: pd.DataFrame, parts: pd.DataFrame) -> pd.DataFrame:
    """All slices that are not of part `train`."""
    rows = []
    for row in labels.merge(parts, on=["patient", "slice"]).itertuples():
        if row.part == "train":
            continue
        _, true, predicted = _arrays(int(row.patient[-1]), row.slice)
        rows.append(
            {
                "patient": row.patient,
                "slice": row.slice,
                "part": row.part,
                "site": row.site,
                "image_path": row.image_path,
                "mask_path": row.mask_path,
                "mask": int(true.any()),
                "has_mask": int(predicted.any()),
                "score": 0.05 + 0.9 * float(predicted.any()) - 0.01 * row.slice,
                "tumor_probability": 0.85 if predicted.any() else 0.05 * row.slice,
                "call": "tumor" if predicted.any() else "unsure" if row.slice == 1 else "empty",
                "true_pixels": int(true.sum()),
                "predicted_pixels": int(predicted.sum()),
                "intersection": int((true & predicted).sum()),
                "pixels": SIZE * SIZE,
                "hd95": 1.5 if true.any() and predicted.any() else float("nan"),
                "nsd": 0.9 if true.any() and predicted.any() else float("nan"),
            }
        )
    return pd.DataFrame(rows)


def _confidence(predictions: pd.DataFrame) -> pd.DataFrame:
    """Every marked pixel has level 204 (0.8), every other one level 5."""
    rows = []
    sums = predictions.groupby(["patient", "part"], as_index=False)[
        ["true_pixels", "predicted_pixels", "intersection", "pixels"]
    ].sum()
    for row in sums.itertuples():
        outside = (row.pixels - row.predicted_pixels, row.true_pixels - row.intersection)
        rows.append((row.patient, row.part, 5, *outside))
        rows.append((row.patient, row.part, 204, row.predicted_pixels, row.intersection))
    return pd.DataFrame(rows, columns=["patient", "part", "level", "pixels", "tumor_pixels"])


def _patients(predictions: pd.DataFrame) -> pd.DataFrame:
    table = predictions.groupby(["patient", "site", "part"], as_index=False).agg(
        slices=("slice", "size"),
        tumor_slices=("mask", "sum"),
        true_pixels=("true_pixels", "sum"),
        predicted_pixels=("predicted_pixels", "sum"),
        intersection=("intersection", "sum"),
        hd95=("hd95", "mean"),
        nsd=("nsd", "mean"),
    )
    dice = 2 * table["intersection"] / (table["true_pixels"] + table["predicted_pixels"])
    return table.assign(dice=dice, iou=dice / (2 - dice), accuracy=0.99, mean_slice_dice=dice)


def _labels() -> pd.DataFrame:
    rows = []
    for patient in range(1, 10):
        name = f"P_{patient}"
        for number in range(1, SLICES + 1):
            image, true, _ = _arrays(patient, number)
            rows.append(
                {
                    "patient": name,
                    "slice": number,
                    "site": "CS" if patient % 3 else "DU",
                    "image_path": f"{name}/{name}_{number}.tif",
                    "mask_path": f"{name}/{name}_{number}_mask.tif",
                    "height": SIZE,
                    "width": SIZE,
                    "tumor_pixels": int(true.sum()),
                    "brain_pixels": int((image[..., 1] > 0).sum()),
                    "missing": {1: "pre", 2: "pre,post"}.get(patient, ""),
                    "has_tumor": bool(true.any()),
                    "gender": float("nan") if patient == 9 else 1.0 + patient % 2,
                    "age_at_initial_pathologic": 30.0 + patient,
                    "neoplasm_histologic_grade": 2.0,
                }
            )
    return pd.DataFrame(rows)


def _metric(name: str, part: str, value: float | None, **other: Any) -> dict[str, Any]:
    return {"name": name, "part": part, "value": value, "low": None, "high": None, "n": 3, "unit": "patients", **other}


@pytest.fixture(scope="session")
def whole() -> ReportData:
    """The made-up run with everything in it."""
    labels = _labels()
    parts = labels[["patient", "slice"]].assign(part=[PARTS[int(patient[-1]) - 1] for patient in labels["patient"]])
    predictions = _predictions(labels, parts)
    epochs = np.arange(1, 6)
    history = {
        "epoch": epochs,
        "loss": 1 / epochs,
        "dice": 1 - 1 / epochs,
        "val_loss": [0.9, 0.6, 0.5, 0.55, 0.6],
        "val_dice": [0.1, 0.5, 0.6, 0.7, 0.65],
        "learning_rate": [1e-3, 1e-3, 1e-3, 2e-4, 2e-4],
    }
    origin = {"code": {"gliaflow.a": "ab" * 32}, "libraries": {"numpy": "2.4.6"}}
    stages = [{"stage": "pair", "key": "1" * 16, "content": "2" * 64, "parameters": {"limit": 0.1}, **origin}]
    for patient in range(1, 10):
        settings = {"size": 256, "patient": f"P_{patient}"}
        stages.append(
            {
                "stage": "prepare",
                "key": str(patient) * 16,
                "content": str(patient) * 64,
                "parameters": settings,
                **origin,
            }
        )
    return ReportData(
        source="made-up",
        protocol="patient",
        labels=labels,
        rejected=pd.DataFrame(
            {
                "path": ["b/<b>bold</b>_1.tif", "a/x_2.tif", "copy/x_1.tif"],
                "reason": ["truncated", "truncated", "duplicate_copy"],
                "found": ["12 of 90 bytes", "0 of 90 bytes", "same bytes as x_1.tif"],
                "stage": ["prepare", "prepare", "pair"],
                "counted": [True, True, False],
            }
        ),
        files_seen=100,
        parts=parts,
        leaks=pd.DataFrame(
            columns=["kind", "part_a", "patient_a", "slice_a", "part_b", "patient_b", "slice_b", "similarity"]
        ),
        history=pd.DataFrame(history),
        recipe={
            "name": "default",
            "monitor": "val_dice",
            "epochs": 5,
            "augmentation": {"flip": 0.5},
            "filters": [4, 8],
        },
        parameters=1941105,
        threshold=102,
        metrics=[
            _metric("pixel_accuracy", "test", 0.99, unit="pixels", n=61440, about="share of pixels"),
            _metric("volume_dice_mean", "test", 0.8, low=0.7, high=0.9, about="Dice of <all> slices pooled"),
            _metric("volume_dice_mean", "val", 0.75, low=0.6, high=0.85),
            _metric("specificity", "test", None, n=0, unit="slices"),
            _metric("hd95_mean", "test", 6.04, low=4.12, high=9.0, unit="slices", n=9, about="<95th> percentile"),
            _metric("tumor_auroc", "test", 0.95, low=0.9, high=0.99, unit="slices", n=15),
            _metric("tumor_ece", "test", 0.072, low=0.05, high=0.11, unit="slices", n=15),
            _metric("pixel_ece", "test", 0.00312, low=0.002, high=0.005, unit="pixels", n=61440),
            _metric("call_sensitivity", "test", 1.0, unit="slices", n=9),
            _metric("call_specificity", "test", 2 / 3, low=0.25, high=1.0, unit="slices", n=3),
            _metric("unsure_share", "test", 0.2, unit="slices", n=15),
        ],
        predictions=predictions,
        patients=_patients(predictions),
        stages=stages,
        slice_of=_slice_of,
        threshold_curve=list(np.linspace(0.2, 0.8, 255)),
        min_pixels=20,
        detection=DETECTION,
        confidence=_confidence(predictions),
    )


def _slice_of(patient: str, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    image, true, predicted = _arrays(int(patient[-1]), number)
    return image, true, None if PARTS[int(patient[-1]) - 1] == "train" else predicted


@pytest.fixture(scope="session")
def crossed(whole: ReportData) -> ReportData:
    """The made-up run as a cross-validation of three folds."""
    parts = whole.parts.assign(part="test", fold=[(int(patient[-1]) - 1) // 3 for patient in whole.parts["patient"]])
    predictions = _predictions(whole.labels, parts)
    predictions["fold"] = [(int(patient[-1]) - 1) // 3 for patient in predictions["patient"]]
    patients = _patients(predictions)
    patients["fold"] = [(int(patient[-1]) - 1) // 3 for patient in patients["patient"]]
    history = whole.history
    rows = []
    for fold, own in patients.groupby("fold"):
        rows.append(
            {
                "fold": fold,
                "site": None,
                "patients": 3,
                "slices": 15,
                "tumor_slices": 9,
                "train_patients": 5,
                "val_patients": 1,
                "val_tumor_slices": 4,
                "dice_mean": own["dice"].mean(),
                "dice_median": own["dice"].median(),
                "slice_dice_tumor": own["mean_slice_dice"].mean(),
                "threshold": 102 + int(fold),
                "min_pixels": 20,
            }
        )
    return replace(
        whole,
        protocol="crossval",
        parts=parts,
        history=pd.concat(
            [
                history.assign(
                    fold=fold,
                    val_dice=history["val_dice"] * (1 - 0.1 * fold),
                    val_loss=history["val_loss"] + 0.1 * fold,
                )
                for fold in range(3)
            ]
        ),
        threshold=None,
        threshold_curve=None,
        min_pixels=None,
        detection=None,
        metrics=[{**metric, "n": 9} for metric in whole.metrics if metric["part"] == "test"],
        predictions=predictions,
        patients=patients,
        confidence=_confidence(predictions),
        folds=pd.DataFrame(rows),
        leakage=LEAKAGE,
        familiarity={"patients": 12, "spread": {"center": [0.1]}, "expected": 0.05},
        tried=pd.DataFrame(
            {
                "patient": ["P_1", "P_2"] * 2,
                "input": ["as it is"] * 2 + ["noise"] * 2,
                "warned": [False] * 2 + [True] * 2,
            }
        ),
        companions=[Companion("Label audit", "../../audit/ab/audit.html", "the masks that are most likely wrong")],
        slice_of=lambda patient, number: _arrays(int(patient[-1]), number),
    )


@pytest.fixture
def detection() -> dict[str, Any]:
    """The made-up run's answer to "has tumour", as `operating.json` has it."""
    return dict(DETECTION)


@pytest.fixture
def meter() -> dict[str, Any]:
    """A made-up leakage meter, as `leakage.json` has it."""
    return dict(LEAKAGE)


@pytest.fixture
def make(whole: ReportData) -> Make:
    """`make(protocol="slice", ...)`: the made-up run with some fields replaced."""

    def made(**fields: Any) -> ReportData:
        return replace(whole, **fields)

    return made
