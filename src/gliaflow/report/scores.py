"""What the figures say: headline, verdict in one sentence, answers at a glance, what to be wary of, patient tables."""

from dataclasses import dataclass

import pandas as pd

from gliaflow.report.data import ReportData
from gliaflow.report.tables import MISSING, Column, Table, interval, join, percent, plain, plural, rows_of, sentence

HEADLINE = "volume_dice_mean"
FEW_PATIENTS = 10
POOR_CALIBRATION = 0.1  # mean error of a slice's probability
PROTOCOLS = {
    "patient": "every patient's slices are in one part only, and the test patients were never seen in training",
    "crossval": "cross-validation by patient: each patient was scored by a network that never saw it",
    "site": "each test patient was scored by a network trained on other institutions' patients; the intervals "
    "resample patients, not institutions, so they do not tell what a new institution would get",
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
    range_ = "" if found.interval == MISSING else f" (95 % interval {found.interval})"
    overlap = f"the predicted and true tumour volumes overlap with a mean Dice of {found.value:.3f}{range_}."
    if data.folds is not None:
        return f"Over {plural(found.n, 'patient')}, each scored by a network that never saw it, {overlap}"
    return f"On {plural(found.n, 'test patient')} {overlap}"


def glance(data: ReportData) -> list[tuple[str, str]]:
    """What a reader asks first (how good, how sure, on whom), as (question, answer) pairs; only what is known."""
    answers = [("How good", _how_good(data)), ("How sure", _how_sure(data)), ("On whom", _on_whom(data))]
    return [(question, answer) for question, answer in answers if answer]


def _how_good(data: ReportData) -> str:
    """`Median Dice 0.873, the worst patient 0.412; Dice 0.801 on slices with tumour; outlines 6.1 px apart (HD95).`"""
    dice = data.patients.loc[data.patients["part"] == "test", "dice"].dropna()
    said = []
    if len(dice) > 1:
        said.append(f"median volume Dice {dice.median():.3f}, the worst patient {dice.min():.3f}")
    if slices := data.metric("slice_dice_tumor"):
        said.append(f"slice Dice {slices['value']:.3f} where there is tumour")
    if apart := data.metric("hd95_mean"):
        said.append(f"outlines at most {apart['value']:.1f} pixels apart for 95 % of their length, on average (HD95)")
    return sentence("; ".join(said))


def _how_sure(data: ReportData) -> str:
    """Of "has tumour": its AUROC, what the call finds, how often it abstains, and how honest the probability is."""
    said = []
    if auroc := data.metric("tumor_auroc"):
        said.append(f"tells slices with tumour from slices without with an AUROC of {auroc['value']:.3f}")
    found, spared = data.metric("call_sensitivity"), data.metric("call_specificity")
    if found and spared:
        said.append(
            f"when it commits itself it finds {percent(found['value'])} of the slices with tumour and clears "
            f"{percent(spared['value'])} of those without"
        )
    if unsure := data.metric("unsure_share"):
        said.append(f"says “unsure” of {percent(unsure['value'])} of the slices")
    if error := data.metric("tumor_ece"):
        said.append(f"its probability of a tumour is off by {100 * error['value']:.1f} points on average (ECE)")
    return sentence("; ".join(said))


def _on_whom(data: ReportData) -> str:
    """Patients, slices and sites that the figures are of."""
    test = data.predictions[data.predictions["part"] == "test"]
    if test.empty:
        return ""
    sites = test["site"].nunique()
    said = f"{plural(test['patient'].nunique(), 'patient')} of {plural(sites, 'site')}, {plural(len(test), 'slice')}"
    return f"{said}, {percent((test['mask'] > 0).mean())} of them with tumour."


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
        who = "patient" if data.folds is not None else "test patient"
        said.append(few_patients(found.n, who))
    error = data.metric("tumor_ece")
    if error and error["value"] > POOR_CALIBRATION:
        said.append(
            f"Do not take the probability of a tumour at its word: on average it is off by "
            f"{100 * error['value']:.0f} points."
        )
    val = data.predictions[data.predictions["part"] == "val"]
    if data.folds is None and not (val["true_pixels"] > 0).any():
        said.append(
            "No validation slice holds a tumour, so the threshold could not be chosen by what the network finds."
        )
    if data.folds is not None:
        blind = data.folds[data.folds["val_tumor_slices"] == 0]
        if len(blind):
            said.append(
                f"In {len(blind)} of {plural(len(data.folds), 'fold')} no validation slice holds a tumour (number "
                f"{join(map(str, blind['fold']))}), so the threshold there could not be chosen by what the network "
                "finds, and the ensemble's threshold, a mean over the folds, is off with it."
            )
        said.append(
            f"The figures are of {plural(len(data.folds), 'network')}, one a fold. An ensemble of them was scored on "
            "no patient, as each has been trained on by some of its members."
        )
    return said


def few_patients(patients: int, who: str = "patient") -> str:
    """What so few patients mean for the figures; `docs/figures.md` says how much too narrow their intervals are."""
    said = f"Only {plural(patients, who)}: expect the figures to change much with other patients"
    return f"{said}, by more than their intervals say."


def operating_words(data: ReportData) -> str:
    """Where probability becomes tumour, and by whom that was chosen."""
    if data.threshold is None:
        return (
            "A pixel is marked as tumour where the network's probability reaches the threshold of its fold, if what "
            "hangs together with it is large enough; both were chosen on the fold's own validation patients (see the "
            f"table of folds). The {data.scored} patients had no part in it."
        )
    share = f"{data.threshold / 255:.3f} ({data.threshold} of 255)"
    said = f"A pixel is marked as tumour where the network's probability is at least {share}."
    chosen, what = "This threshold was", "slices" if data.protocol == "slice" else "patients"
    if data.min_pixels and data.min_pixels > 1:
        least = f"{data.min_pixels:,} pixels"
        said += f" What hangs together in fewer than {least}, over all slices of the patient, is dropped."
        chosen = "Both were"
    return (
        f"{said} {chosen} chosen on the validation {what}, for the highest mean volume Dice; the test {what} had "
        "no part in it."
    )


def patient_table(data: ReportData, part: str) -> Table:
    """One row a patient of `part`, lowest volume Dice first."""
    frame = data.patients[data.patients["part"] == part].sort_values(["dice", "patient"])
    names = {
        "patient": Column("patient", "Patient"),
        "fold": Column("fold", "Fold", "count"),
        "site": Column("site", "Site"),
        "slices": Column("slices", "Slices", "count"),
        "tumor_slices": Column("tumor_slices", "With tumour", "count"),
        "true_pixels": Column("true_pixels", "True pixels", "count"),
        "predicted_pixels": Column("predicted_pixels", "Predicted", "count"),
        "dice": Column("dice", "Volume Dice", "score"),
        "iou": Column("iou", "IoU", "score"),
        "mean_slice_dice": Column("mean_slice_dice", "Mean slice Dice", "score"),
        "hd95": Column("hd95", "HD95, px", "tenth"),
        "nsd": Column("nsd", "Surface Dice", "score"),
    }
    label = {"test": data.scored.capitalize(), "val": "Validation"}.get(part, part)
    caption = f"{label} patients, lowest volume Dice first. Mean slice Dice is over the slices with true tumour."
    if "hd95" in frame:
        caption += " HD95 and surface Dice are means over the slices that have them."
    return Table(f"patients-{part}", caption, [names[name] for name in names if name in frame], rows_of(frame))


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
    return sentence(join(said) or "there are no test slices")


def what_went_wrong(true: int, predicted: int, wrong: int) -> str:
    """A few words on one slice's error: what share of the tumour was missed and how much was marked beside it."""
    shared = (true + predicted - wrong) // 2
    if true == 0:
        return f"no tumour here, {plural(predicted, 'pixel')} marked" if predicted else "no tumour here, none marked"
    missed, beside = true - shared, predicted - shared
    return f"{100 * missed / true:.0f} % of the tumour missed, {plural(beside, 'pixel')} marked beside it"
