"""Out-of-fold figures: each patient's scores from the one model that never saw it, pooled over the folds."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from gliaflow.errors import GliaflowError
from gliaflow.evaluation.counts import dice
from gliaflow.evaluation.metrics import Metric, score


class UnusableFolds(GliaflowError):
    """The folds of a cross-validation do not test every slice of every patient exactly once."""


@dataclass(frozen=True)
class Fold:
    """What one fold left.

    parts       : the split table: patient, slice, part
    predictions : a row a slice of val and test, patients a row a patient and part, confidence a row a probability
    threshold   : 1..255 and min_pixels, the operating point that its val chose
    """

    number: int
    parts: pd.DataFrame
    predictions: pd.DataFrame
    patients: pd.DataFrame
    confidence: pd.DataFrame
    threshold: int
    min_pixels: int


@dataclass(frozen=True)
class Pooled:
    """All patients, each as its fold scored it: the tables of `Fold` with a column `fold`, and a row a fold."""

    predictions: pd.DataFrame
    patients: pd.DataFrame
    confidence: pd.DataFrame
    folds: pd.DataFrame
    metrics: list[Metric]


def pool_folds(labels: pd.DataFrame, folds: Sequence[Fold], *, resamples: int = 2000, seed: int = 0) -> Pooled:
    """Pool what `folds` scored as test, and score all patients at once.

    Each slice counts at the operating point of its own fold, so that nothing was chosen by a patient it is told of.
    The intervals resample patients; that the models of two folds share most of their training is not in them (Bengio
    and Grandvalet 2004).

    Parameters
    ----------
    labels : DataFrame
        The labelled slice table: what has to be scored.
    resamples, seed : int
        Of the patient-level bootstrap behind each interval.

    Raises
    ------
    UnusableFolds
        Where a patient was tested by two folds, or a slice by none.
    """
    predictions = _tested(folds, "predictions").sort_values(["patient", "slice"], ignore_index=True)
    _check_complete(labels, predictions)
    confidence = _tested(folds, "confidence").drop(columns="fold")
    return Pooled(
        predictions=predictions,
        patients=_tested(folds, "patients").sort_values("patient", ignore_index=True),
        confidence=confidence,
        folds=pd.DataFrame([_describe(fold) for fold in folds]).astype({"site": "str"}),
        metrics=score(predictions, confidence, resamples=resamples, seed=seed),
    )


def _tested(folds: Sequence[Fold], table: str) -> pd.DataFrame:
    """The rows of part `test` of one table of all folds, with the number of the fold (Int64) as last column."""
    tables = [getattr(fold, table).assign(fold=fold.number) for fold in folds]
    rows = pd.concat([rows[rows["part"] == "test"] for rows in tables], ignore_index=True)
    return rows.astype({"fold": "Int64"})


def _check_complete(labels: pd.DataFrame, predictions: pd.DataFrame) -> None:
    tested = predictions.groupby("patient")["fold"].agg(["nunique", "min", "max"])
    twice = tested[tested["nunique"] > 1]
    if len(twice):
        first = twice.iloc[0]
        raise UnusableFolds(
            f"Each patient is tested by one fold; {twice.index[0]} is by folds {first['min']} and {first['max']} "
            f"({len(twice)} such patients). The folds are not of one split: run the cross-validation again."
        )
    keys = ["patient", "slice"]
    joined = labels[keys].merge(predictions[keys], how="outer", on=keys, indicator=True)
    odd = joined[joined["_merge"] != "both"]
    if len(odd):
        row = odd.iloc[0]
        what = "was tested by no fold" if row["_merge"] == "left_only" else "is not in the labelled table"
        raise UnusableFolds(
            f"Every labelled slice is tested once; {row['patient']} slice {row['slice']} {what} ({len(odd)} such "
            "slices). The folds are not of these data: run the cross-validation again."
        )
    if predictions.duplicated(keys).any():
        row = predictions[predictions.duplicated(keys)].iloc[0]
        raise UnusableFolds(
            f"Every labelled slice is tested once; {row['patient']} slice {row['slice']} is twice by fold "
            f"{row['fold']}. The fold's table was altered: run the cross-validation again."
        )


def _describe(fold: Fold) -> dict[str, object]:
    """A fold in a row; `site` is the institution it tests, where it tests one alone."""
    patients = fold.patients[fold.patients["part"] == "test"]
    slices = fold.predictions[fold.predictions["part"] == "test"]
    tumor = slices[slices["true_pixels"] > 0]
    chosen_by = fold.predictions[fold.predictions["part"] == "val"]
    members = fold.parts.groupby("part")["patient"].nunique()
    sites = patients["site"].unique()
    return {
        "fold": fold.number,
        "site": sites[0] if len(sites) == 1 else None,
        "patients": len(patients),
        "slices": len(slices),
        "tumor_slices": len(tumor),
        "train_patients": int(members.get("train", 0)),
        "val_patients": int(members.get("val", 0)),
        "val_tumor_slices": len(chosen_by[chosen_by["true_pixels"] > 0]),
        "dice_mean": float(patients["dice"].mean()),
        "dice_median": float(patients["dice"].median()),
        "slice_dice_tumor": float(dice(tumor).mean()),
        "threshold": fold.threshold,
        "min_pixels": fold.min_pixels,
    }
