"""The page of a tuning: how the search went, what it changed, and whether that held on patients that it never saw."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from gliaflow.evaluation.compare import CHANCE, Comparison
from gliaflow.report.canvas import png
from gliaflow.report.figures import Chart
from gliaflow.report.frame import open_templates, render_style
from gliaflow.report.provenance import flatten
from gliaflow.report.tables import Column, Table, interval, plural, write
from gliaflow.report.themes import DARK, LIGHT
from gliaflow.report.trials import draw_curves, draw_pairs, draw_trials

STATES = {"complete": "in full", "pruned": "ended early", "failed": "failed"}


@dataclass(frozen=True)
class TuningData:
    """What the page is made from.

    facts : of `tune.json`
    trials, curves : the tables of the search
    recipes : "default" and "tuned" -> fields of the recipe
    val : "default" and "tuned" -> mean volume Dice on val after the full training
    compared : the default (A) and the tuned recipe (B) on the test patients
    """

    source: str
    facts: Mapping[str, Any]
    trials: pd.DataFrame
    curves: pd.DataFrame
    recipes: Mapping[str, Mapping[str, Any]]
    val: Mapping[str, float]
    compared: Comparison

    @property
    def unchanged(self) -> bool:
        """Whether nothing better than the default was found."""
        return bool(self.facts["best"] == 0)


def render_page(data: TuningData) -> str:
    """The page as HTML: it needs nothing but itself, and every text of the data is escaped."""
    environment = open_templates({"write": write})
    return environment.get_template("tune.html.j2").render(
        source=data.source,
        verdict=verdict_of(data),
        course=course(data),
        limits=limits(data),
        charts=_charts(data),
        changes=change_table(data),
        scores=score_table(data),
        trials=trial_table(data),
        **render_style(environment),
    )


def verdict_of(data: TuningData) -> str:
    """In a sentence, what the search found and whether it held."""
    if data.unchanged:
        return "No trial was better on the validation patients than the recipe as it was: it stays."
    compared, low, high = data.compared, data.compared.low, data.compared.high
    patients = plural(len(compared.patients), "test patient")
    said = (
        f"On {patients} that the search never saw, the tuned recipe has a mean volume Dice of {compared.mean_b:.3f}, "
        f"the default {compared.mean_a:.3f}: a difference of {compared.difference:+.3f} (95 % interval "
        f"{interval(low, high)}, paired by patient; permutation test p = {compared.permuted:.2g})"
    )
    if low is None or high is None or low <= 0 <= high or compared.permuted > CHANCE:
        return f"{said}, which is no proof that either is better."
    return f"{said}: the tuned recipe is {'better' if low > 0 else 'worse'} on such patients."


def course(data: TuningData) -> str:
    """How many trials there were, and how they ended."""
    ended = ", ".join(f"{count} {STATES[state]}" for state, count in data.facts["states"].items())
    gain = data.facts["dice"] - data.facts["default_dice"]
    best = "" if data.unchanged else f"trial {data.facts['best']}, {gain:+.3f} over "
    return (
        f"{plural(len(data.trials), 'trial')} of up to {plural(data.facts['trial_epochs'], 'epoch')} each ({ended}). "
        f"By volume Dice on val the best is {best}trial 0, the recipe as it was."
    )


def limits(data: TuningData) -> str:
    """What the figures of the search can't say."""
    return (
        "The best of many trials on few validation patients looks better than it is: its gain there is partly luck. "
        "The comparison on test is free of that, but its interval holds for one training of each recipe by one seed."
    )


def change_table(data: TuningData) -> Table:
    """One row a field that the search could change: its bounds, the default's value, the one found, its weight."""
    default, tuned = (flatten(data.recipes[name]) for name in ("default", "tuned"))
    importance = data.facts["importance"]
    rows = [
        {
            "field": dimension["field"],
            "bounds": _bounds(dimension),
            "default": default[dimension["field"]],
            "tuned": tuned[dimension["field"]],
            "weight": importance.get(dimension["field"]),
        }
        for dimension in data.facts["space"]
    ]
    columns = [
        Column("field", "Field", "code"),
        Column("bounds", "Searched"),
        Column("default", "Default"),
        Column("tuned", "Found"),
    ]
    if importance:
        columns.append(Column("weight", "Weight", "share"))
    return Table("changes", "What the search could change, and what it chose.", columns, rows)


def score_table(data: TuningData) -> Table:
    """Mean volume Dice of both recipes on val and test, after training in full."""
    rows = [
        {"part": "validation", "default": data.val["default"], "tuned": data.val["tuned"]},
        {"part": "test", "default": data.compared.mean_a, "tuned": data.compared.mean_b},
    ]
    columns = [Column("part", "Patients"), Column("default", "Default", "score"), Column("tuned", "Tuned", "score")]
    return Table("scores", "Mean volume Dice after training in full.", columns, rows)


def trial_table(data: TuningData) -> Table:
    """All trials, with the values that they were given."""
    fields = [dimension["field"] for dimension in data.facts["space"]]
    columns = [Column("number", "Trial"), Column("state", "Ended"), Column("dice", "Dice on val", "score")]
    columns += [Column("epochs", "Epochs", "count"), *(Column(field, _short(field), "number") for field in fields)]
    rows = [
        {**json.loads(row["parameters"]), **row, "state": STATES[row["state"]]}
        for row in data.trials.drop(columns="why").to_dict("records")
    ]
    return Table("trials", "All trials.", columns, rows)


def _charts(data: TuningData) -> Sequence[Chart]:
    best = int(data.facts["best"])
    drawn = [
        Chart(
            "trials",
            "Volume Dice on val of each trial; hollow marks were ended early. The line is the best so far.",
            f"Dot plot of the volume Dice of {plural(len(data.trials), 'trial')}; trial {best} is the best.",
            *(png(draw_trials(data.trials, theme)) for theme in (LIGHT, DARK)),
        ),
    ]
    if data.curves["epoch"].nunique() > 1:
        drawn.append(
            Chart(
                "curves",
                "Volume Dice on val by epoch; trial 0 and the best one stand out.",
                "Line chart of the volume Dice on val by epoch of every trial.",
                *(png(draw_curves(data.curves, best, theme)) for theme in (LIGHT, DARK)),
            )
        )
    patients = data.compared.patients
    if not data.unchanged:
        drawn.append(
            Chart(
                "pairs",
                "Volume Dice of each test patient: hollow by the default, filled by the tuned recipe.",
                f"Dot plot of {plural(len(patients), 'test patient')} with two marks each.",
                *(png(draw_pairs(patients, theme)) for theme in (LIGHT, DARK)),
            )
        )
    return drawn


def _bounds(dimension: Mapping[str, Any]) -> str:
    if "values" in dimension:
        return ", ".join(str(value) for value in dimension["values"])
    times = "× " if dimension["kind"] == "factor" else ""
    return f"{times}{dimension['low']:g} to {dimension['high']:g}"


def _short(field: str) -> str:
    return field.rpartition(".")[2].replace("_", " ")
