"""A made-up run for the report: nine patients at two sites, with predictions that are wrong in known ways."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gliaflow.report.data import ReportData

SIZE = 64
SLICES = 5
PARTS = ("train", "train", "train", "val", "val", "val", "test", "test", "test")
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
                "tumor_probability": 0.9,
                "true_pixels": int(true.sum()),
                "predicted_pixels": int(predicted.sum()),
                "intersection": int((true & predicted).sum()),
                "pixels": SIZE * SIZE,
            }
        )
    return pd.DataFrame(rows)


def _patients(predictions: pd.DataFrame) -> pd.DataFrame:
    table = predictions.groupby(["patient", "site", "part"], as_index=False).agg(
        slices=("slice", "size"),
        tumor_slices=("mask", "sum"),
        true_pixels=("true_pixels", "sum"),
        predicted_pixels=("predicted_pixels", "sum"),
        intersection=("intersection", "sum"),
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
        ],
        predictions=predictions,
        patients=_patients(predictions),
        stages=stages,
        slice_of=_slice_of,
        threshold_curve=list(np.linspace(0.2, 0.8, 255)),
    )


def _slice_of(patient: str, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    image, true, predicted = _arrays(int(patient[-1]), number)
    return image, true, None if PARTS[int(patient[-1]) - 1] == "train" else predicted


@pytest.fixture
def make(whole: ReportData) -> Make:
    """`make(protocol="slice", ...)`: the made-up run with some fields replaced."""

    def made(**fields: Any) -> ReportData:
        return replace(whole, **fields)

    return made
