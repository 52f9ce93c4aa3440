"""The report's pictures of slices: samples of the cohort, predictions, median and worst patients, false tumours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from gliaflow.report.canvas import png
from gliaflow.report.choices import pick_false_tumors, pick_grid, pick_median, pick_samples, pick_worst
from gliaflow.report.data import ReportData
from gliaflow.report.montage import draw_montage
from gliaflow.report.pictures import SHARP, Strip, Viewer
from gliaflow.report.scores import what_went_wrong
from gliaflow.report.tables import absent, plain, rows_of

STANDS_IN = {"pre": "pre is a copy of FLAIR", "post": "post is a copy of FLAIR"}


@dataclass(frozen=True, eq=False)
class PictureSet:
    """Strips that are shown together: `columns` names their cells, `cell` is the side of these in the PNG."""

    caption: str
    columns: Sequence[str]
    cell: int
    strips: Sequence[Strip]

    @property
    def png(self) -> bytes:
        return png(draw_montage(self.strips, self.columns, self.cell))


def draw_gallery(data: ReportData) -> dict[str, PictureSet]:
    """The sets of pictures by key; a set may be empty."""
    scored = data.scored.capitalize()
    return {
        "samples": PictureSet(
            "The median tumour slice of several patients: three sequences, composite, true mask and its outline.",
            ("pre-contrast", "FLAIR", "post-contrast", "composite", "true mask", "overlay"),
            96,
            sample_strips(data),
        ),
        "prediction-grid": PictureSet(
            f"{scored} slices, best to worst Dice: MRI, true mask, predicted mask, MRI with each outline.",
            ("MRI (FLAIR)", "true mask", "predicted mask", "MRI + true", "MRI + predicted"),
            104,
            grid_strips(data),
        ),
        "median-patients": PictureSet(
            f"The {data.scored} patients of middle volume Dice, each with its slice of middle Dice.",
            ("MRI (FLAIR)", "true and predicted"),
            160,
            case_strips(data, pick_median(data.patients, data.predictions)),
        ),
        "worst-patients": PictureSet(
            f"The {data.scored} patients of lowest volume Dice, each with its slice of most wrong pixels.",
            ("MRI (FLAIR)", "true and predicted"),
            160,
            case_strips(data, pick_worst(data.patients, data.predictions)),
        ),
        "false-tumors": PictureSet(
            f"{scored} slices without tumour where the most was marked.",
            ("MRI (FLAIR)", "predicted"),
            160,
            false_strips(data),
        ),
    }


def sample_strips(data: ReportData) -> list[Strip]:
    """Six tumour slices of as many patients: three sequences, composite, mask and overlay."""
    strips = []
    for row in rows_of(pick_samples(data.labels)):
        image, true, _ = data.slice_of(row["patient"], row["slice"])
        view = Viewer(image, true, None)
        cells = [
            view.sequence(0),
            view.sequence(1),
            view.sequence(2),
            view.composite(),
            view.true_mask(),
            view.overlay(true=True),
        ]
        missing = [STANDS_IN[code] for code in str(plain(row["missing"]) or "").split(",") if code in STANDS_IN]
        note = ", ".join([f"slice {row['slice']}", f"{row['tumor_pixels']:,} tumour pixels", *missing])
        strips.append(Strip(cells, row["patient"], note, f"Patient {row['patient']}, {note}."))
    return strips


def grid_strips(data: ReportData) -> list[Strip]:
    """Fifteen test slices: MRI, true mask, predicted mask, MRI with true and MRI with predicted outline."""
    strips = []
    for row in rows_of(pick_grid(data.predictions)):
        image, true, predicted = data.slice_of(row["patient"], row["slice"])
        view = Viewer(image, true, predicted)
        cells = [
            view.sequence(1),
            view.true_mask(),
            view.predicted_mask(),
            view.overlay(true=True),
            view.overlay(predicted=True),
        ]
        note = f"slice {row['slice']}, {_dice_note(row, predicted is None)}"
        strips.append(Strip(cells, row["patient"], note, f"Patient {row['patient']}, {note}."))
    return strips


def case_strips(data: ReportData, cases: pd.DataFrame) -> list[Strip]:
    """Patients with one slice each, as `choices` picks them: plain, and with both outlines."""
    strips = []
    for row in rows_of(cases):
        image, true, predicted = data.slice_of(row["patient"], row["slice"])
        view = Viewer(image, true, predicted, SHARP)
        cells = [view.sequence(1), view.overlay(true=True, predicted=True)]
        wrong = (
            "no prediction"
            if predicted is None
            else what_went_wrong(row["slice_true"], row["slice_predicted"], row["slice_wrong"])
        )
        note = f"volume Dice {row['dice']:.3f}, slice {row['slice']}, {wrong}"
        strips.append(Strip(cells, row["patient"], note, f"Patient {row['patient']}, {note}."))
    return strips


def false_strips(data: ReportData) -> list[Strip]:
    """Test slices without tumour where the most was marked, plain and with the predicted outline."""
    strips = []
    for row in rows_of(pick_false_tumors(data.predictions)):
        image, true, predicted = data.slice_of(row["patient"], row["slice"])
        view = Viewer(image, true, predicted, SHARP)
        note = f"slice {row['slice']}, {row['predicted_pixels']:,} pixels marked"
        cells = [view.sequence(1), view.overlay(predicted=True)]
        strips.append(Strip(cells, row["patient"], note, f"Patient {row['patient']}, {note}."))
    return strips


def _dice_note(row: Mapping[str, Any], unpredicted: bool) -> str:
    if unpredicted:
        return "no prediction"
    dice = row["slice_dice"]
    return "no tumour and none marked" if absent(dice) else f"Dice {dice:.3f}"
