"""What the figures say: headline, verdict in one sentence, what to be wary of, metric and patient tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from gliaflow.report.data import ReportData
from gliaflow.report.tables import Column, Table, interval, join, plain, plural, rows_of

HEADLINE = "volume_dice_mean"
FEW_PATIENTS = 10
PROTOCOLS = {
    "patient": "every patient's slices are in one part only, and the test patients were never seen in training",
    "crossval": "cross-validation by patient: each patient was scored by a network that never saw it",
    "site": "one institution was left out of training, and the test patients are its own",
    "slice": "the classic notebook split: slices were dealt out one by one, so patients are in several parts",
}


@dataclass(frozen=True)
class Headline:
    """Mean volume Dice over the test patients; `value`, `low` and `high` are None where they are not known."""

    value: float | None
    low: float | None
    high: float | None
    n: int

    @property
    def interval(self) -> str:
        return interval(self.low, self.high)


def headline(data: ReportData) -> Headline:
    """The mean volume Dice on test, from the metric table, or from the patient table (then without interval)."""
    for metric in data.metrics:
        if metric.get("name") == HEADLINE and metric.get("part") == "test":
            value, low, high = (plain(metric.get(name)) for name in ("value", "low", "high"))
            return Headline(value, low, high, int(plain(metric.get("n")) or 0))
    dice = data.patients.loc[data.patients["part"] == "test", "dice"].dropna()
    return Headline(float(dice.mean()) if len(dice) else None, None, None, len(dice))


def verdict(data: ReportData) -> str:
    """The result in one sentence."""
    found = headline(data)
    if found.value is None:
        return "No test patient could be scored, so nothing can be said about how well the network segments tumours."
    range_ = "" if found.interval == "–" else f" (95 % interval {found.interval})"
    who = plural(found.n, "test patient")
    return f"On {who} the predicted and true tumour volumes overlap with a mean Dice of {found.value:.3f}{range_}."


def cautions(data: ReportData) -> list[str]:
    """What a reader must know before believing the figures, most serious first; empty if there is nothing."""
    found = headline(data)
    said = []
    if data.protocol == "slice":
        said.append(
            "This split leaks. Slices of one patient are in training and in test at once, so the figures measure how "
            "well the network remembers these patients, not how it would do on new ones; for that, use the protocol "
            "“patient”."
        )
    elif len(data.leaks):
        said.append(f"The leak audit found {plural(len(data.leaks), 'leak')} between the parts of the split.")
    if found.value is not None and found.n < FEW_PATIENTS:
        said.append(f"Only {plural(found.n, 'test patient')}: expect the figures to change much with other patients.")
    val = data.predictions[data.predictions["part"] == "val"]
    if not (val["true_pixels"] > 0).any():
        said.append(
            "No validation slice holds a tumour, so the threshold could not be chosen by what the network finds."
        )
    return said


def metric_table(data: ReportData) -> Table:
    """One row a metric: its value on test with interval and n, and beside it the value on val."""
    order: list[str] = []
    by_name: dict[str, dict[str, Mapping[str, Any]]] = {}
    for metric in data.metrics:
        name = str(metric.get("name"))
        if name not in by_name:
            order.append(name)
        by_name.setdefault(name, {})[str(metric.get("part"))] = metric
    order.sort(key=lambda name: (name != HEADLINE, "accuracy" in name))  # stable
    rows = []
    for name in order:
        test, val = by_name[name].get("test", {}), by_name[name].get("val", {})
        either = test or val
        rows.append(
            {
                "metric": in_words(name),
                "test": test.get("value"),
                "interval": interval(test.get("low"), test.get("high")),
                "n": test.get("n"),
                "unit": either.get("unit"),
                "val": val.get("value"),
                "val_interval": interval(val.get("low"), val.get("high")),
                "val_n": val.get("n"),
                "about": either.get("about"),
            }
        )
    columns = [
        Column("metric", "Metric"),
        Column("test", "Test", "score"),
        Column("interval", "95 % interval", "text"),
        Column("n", "n", "count"),
        Column("unit", "Unit"),
        Column("val", "Validation", "score"),
        Column("val_interval", "95 % interval"),
        Column("val_n", "n", "count"),
        Column("about", "Definition"),
    ]
    return Table("metrics", "Metrics on test and validation patients.", columns, rows)


def in_words(name: str) -> str:
    """`volume_dice_mean` as `Volume Dice, mean`."""
    words = name.replace("_", " ").replace("-", " ").split()
    spelt = {"dice": "Dice", "iou": "IoU", "auroc": "AUROC", "hd95": "HD95", "tumor": "tumour"}
    tails = {"mean": "mean", "median": "median", "tumor": "with tumour", "all": "all slices"}
    tail = [tails[word] for word in words[1:][-1:] if word in tails]
    head = " ".join(spelt.get(word, word) for word in (words[:-1] if tail else words))
    return ", ".join([head[:1].upper() + head[1:], *tail])


def idle_accuracy(predictions: pd.DataFrame) -> float | None:
    """Pixel accuracy on test of a network that never marks a pixel; None where there are no test slices."""
    test = predictions[predictions["part"] == "test"]
    pixels = int(test["pixels"].sum())
    return 1 - int(test["true_pixels"].sum()) / pixels if pixels else None


def patient_table(data: ReportData, part: str) -> Table:
    """One row a patient of `part`, lowest volume Dice first."""
    frame = data.patients[data.patients["part"] == part].sort_values(["dice", "patient"])
    names = {
        "patient": Column("patient", "Patient"),
        "site": Column("site", "Site"),
        "slices": Column("slices", "Slices", "count"),
        "tumor_slices": Column("tumor_slices", "With tumour", "count"),
        "true_pixels": Column("true_pixels", "True pixels", "count"),
        "predicted_pixels": Column("predicted_pixels", "Predicted", "count"),
        "dice": Column("dice", "Volume Dice", "score"),
        "iou": Column("iou", "IoU", "score"),
        "mean_slice_dice": Column("mean_slice_dice", "Mean slice Dice", "score"),
    }
    label = {"test": "Test", "val": "Validation"}.get(part, part)
    caption = f"{label} patients, lowest volume Dice first. Mean slice Dice is over the slices with true tumour."
    return Table(f"patients-{part}", caption, list(names.values()), rows_of(frame))


def slice_errors(predictions: pd.DataFrame) -> str:
    """One sentence: how many test slices got a false tumour and in how many the tumour was missed altogether."""
    test = predictions[predictions["part"] == "test"]
    empty, tumor = test[test["mask"] == 0], test[test["mask"] > 0]
    said = []
    if len(empty):
        said.append(
            f"{int((empty['has_mask'] > 0).sum()):,} of {plural(len(empty), 'slice')} without tumour got a false one"
        )
    if len(tumor):
        missed = int((tumor["has_mask"] == 0).sum())
        said.append(f"in {missed:,} of {plural(len(tumor), 'slice')} with tumour nothing was marked")
    sentence = join(said) or "there are no test slices"
    return sentence[0].upper() + sentence[1:] + "."


def what_went_wrong(true: int, predicted: int, wrong: int) -> str:
    """A few words on one slice's error: what share of the tumour was missed and how much was marked beside it."""
    shared = (true + predicted - wrong) // 2
    if true == 0:
        return f"no tumour here, {plural(predicted, 'pixel')} marked" if predicted else "no tumour here, none marked"
    missed, beside = true - shared, predicted - shared
    return f"{100 * missed / true:.0f} % of the tumour missed, {plural(beside, 'pixel')} marked beside it"
