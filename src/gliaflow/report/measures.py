"""The metric table: what each figure is called, in which group and unit it stands, and which way is better."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from gliaflow.report.data import ReportData
from gliaflow.report.tables import MISSING, Column, Table, absent, plain, write

GROUPS = {
    "overlap": "Overlap of true and predicted tumour (1 is best)",
    "boundary": "How far the outlines are apart",
    "detection": "Is there a tumour in this slice?",
    "calibration": "How far its probabilities can be taken at their word (0 is best)",
    "other": "Other",
    "pixels": "Pixel by pixel",
}


@dataclass(frozen=True)
class Measure:
    """`words` names it, `group` is a key of GROUPS, `kind` says how it is written."""

    words: str
    group: str
    kind: str = "score"


MEASURES = {
    "volume_dice_mean": Measure("Volume Dice, mean", "overlap"),
    "volume_dice_median": Measure("Volume Dice, median", "overlap"),
    "slice_dice_tumor": Measure("Slice Dice, slices with tumour", "overlap"),
    "slice_dice_all": Measure("Slice Dice, all slices", "overlap"),
    "volume_iou_mean": Measure("Volume IoU, mean", "overlap"),
    "slice_iou_tumor": Measure("Slice IoU, slices with tumour", "overlap"),
    "notebook_dice": Measure("Notebook's batch Dice", "overlap"),
    "hd95_mean": Measure("Hausdorff distance (HD95), mean", "boundary", "pixels"),
    "nsd_tumor": Measure("Surface Dice, slices with tumour", "boundary"),
    "tumor_auroc": Measure("AUROC of the slice score", "detection"),
    "tumor_sensitivity": Measure("Sensitivity, any pixel marked", "detection"),
    "tumor_specificity": Measure("Specificity, no pixel marked", "detection"),
    "call_sensitivity": Measure("Sensitivity of the call", "detection"),
    "call_specificity": Measure("Specificity of the call", "detection"),
    "unsure_share": Measure("Share of slices called “unsure”", "detection"),
    "tumor_ece": Measure("Calibration error (ECE), slices", "calibration"),
    "tumor_brier": Measure("Brier score, slices", "calibration"),
    "pixel_ece": Measure("Calibration error (ECE), pixels", "calibration", "fine"),
    "pixel_brier": Measure("Brier score, pixels", "calibration", "fine"),
    "pixel_sensitivity": Measure("Pixel sensitivity", "pixels"),
    "pixel_specificity": Measure("Pixel specificity", "pixels"),
    "pixel_accuracy": Measure("Pixel accuracy", "pixels"),
}


def metric_table(data: ReportData) -> Table:
    """One row a metric, by group: its value on test with interval and n, and on val where there is one.

    `metric` to `val_n` are text for people but for the values `test` and `val`, which stay numbers.
    """
    by_name: dict[str, dict[str, Mapping[str, Any]]] = {}
    for metric in data.metrics:
        by_name.setdefault(str(metric.get("name")), {})[str(metric.get("part"))] = metric
    names = sorted(by_name, key=_place)  # stable: an unknown metric keeps its order, at the end
    columns = [
        Column("group", "Group"),
        Column("metric", "Metric"),
        Column("test", "Out of fold" if data.folds is not None else "Test", "score"),
        Column("interval", "95 % interval", "text"),
        Column("n", "n", "count"),
        Column("unit", "Unit"),
    ]
    if any("val" in parts for parts in by_name.values()):
        columns += [Column("val", "Validation", "score"), Column("val_interval", "95 % interval")]
        columns += [Column("val_n", "n", "count")]
    columns.append(Column("about", "Definition"))
    whose = "out-of-fold patients" if data.folds is not None else "test and validation patients"
    return Table("metrics", f"Metrics on {whose}.", columns, [_row(name, by_name[name]) for name in names])


def grouped(table: Table) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """The rows of a metric table under the names of their groups."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in table.rows:
        groups.setdefault(str(row["group"]), []).append(row)
    return list(groups.items())


def _row(name: str, parts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    test, val = parts.get("test", {}), parts.get("val", {})
    either, measure = test or val, measure_of(name)
    return {
        "group": GROUPS[measure.group],
        "metric": measure.words,
        "test": test.get("value"),
        "test_text": written(test.get("value"), measure.kind),
        "interval": interval_of(test, measure.kind),
        "n": test.get("n"),
        "unit": either.get("unit"),
        "val": val.get("value"),
        "val_text": written(val.get("value"), measure.kind),
        "val_interval": interval_of(val, measure.kind),
        "val_n": val.get("n"),
        "about": either.get("about"),
    }


def measure_of(name: str) -> Measure:
    """The measure of that name; one that this report doesn't know is named by its own name."""
    return MEASURES.get(name) or Measure(in_words(name), "other")


def written(value: Any, kind: str) -> str:
    """A figure for people: distances in pixels to a tenth, others to three decimals (`fine`: two digits)."""
    value = plain(value)
    if value is None:
        return MISSING
    if kind == "pixels":
        return f"{value:.1f} px"
    return f"{value:#.2g}" if kind == "fine" and 0 < value < 0.1 else write(value, "score")


def interval_of(metric: Mapping[str, Any], kind: str = "score") -> str:
    """`0.712 to 0.900`, or `4.1 to 9.0 px`; a dash where there is no interval."""
    low, high = metric.get("low"), metric.get("high")
    if absent(low) or absent(high):
        return MISSING
    return f"{written(low, kind).removesuffix(' px')} to {written(high, kind)}"


def in_words(name: str) -> str:
    """`some_dice_mean` as `Some Dice mean`: for figures that this report doesn't know."""
    spelt = {"dice": "Dice", "iou": "IoU", "auroc": "AUROC", "hd95": "HD95", "ece": "ECE", "tumor": "tumour"}
    words = " ".join(spelt.get(word, word) for word in name.replace("_", " ").replace("-", " ").split())
    return words[:1].upper() + words[1:]


def idle_accuracy(predictions: pd.DataFrame) -> float | None:
    """Pixel accuracy on test of a network that never marks a pixel; None where there are no test slices."""
    test = predictions[predictions["part"] == "test"]
    pixels = int(test["pixels"].sum())
    return 1 - int(test["true_pixels"].sum()) / pixels if pixels else None


def _place(name: str) -> tuple[int, int]:
    known = list(MEASURES)
    return list(GROUPS).index(measure_of(name).group), known.index(name) if name in known else len(known)
