"""The page of a tuning says what was found, and no more than the figures bear."""

import json
from dataclasses import asdict, replace

import pandas as pd
import pytest

from gliaflow.evaluation.compare import compare_patients
from gliaflow.model.recipes import RECIPES
from gliaflow.model.search import change_recipe, space_around, values_of
from gliaflow.report.tuning import TuningData, change_table, course, render_page, trial_table, verdict_of

DEFAULT = RECIPES["default"]
SPACE = space_around(DEFAULT)
OWN = values_of(DEFAULT, SPACE)


def compared(gains):
    default = pd.DataFrame({"patient": [f"p{i}" for i in range(len(gains))], "dice": 0.7})
    return compare_patients(default, default.assign(dice=[0.7 + gain for gain in gains]), resamples=200)


@pytest.fixture(scope="module")
def data():
    values = {**OWN, "learning_rate": 0.004}
    trials = pd.DataFrame(
        [
            {"number": 0, "state": "complete", "dice": 0.80, "epochs": 2, "parameters": json.dumps(OWN), "why": ""},
            {"number": 1, "state": "complete", "dice": 0.85, "epochs": 2, "parameters": json.dumps(values), "why": ""},
            {"number": 2, "state": "pruned", "dice": 0.30, "epochs": 1, "parameters": json.dumps(values), "why": ""},
            {"number": 3, "state": "failed", "dice": None, "epochs": 0, "parameters": json.dumps(OWN), "why": "nan"},
        ]
    ).astype({"dice": "float64"})
    curves = pd.DataFrame(
        [(0, 1, 0.5), (0, 2, 0.80), (1, 1, 0.6), (1, 2, 0.85), (2, 1, 0.3)], columns=["trial", "epoch", "val_dice"]
    )
    facts = {
        "best": 1,
        "dice": 0.85,
        "default_dice": 0.80,
        "states": {"complete": 2, "failed": 1, "pruned": 1},
        "trial_epochs": 2,
        "space": [{"kind": type(dimension).__name__.lower(), **asdict(dimension)} for dimension in SPACE],
        "importance": {},
    }
    recipes = {"default": DEFAULT, "tuned": change_recipe(DEFAULT, values, SPACE, "default-tuned")}
    return TuningData(
        source="<b>scans</b>",
        facts=facts,
        trials=trials,
        curves=curves,
        recipes={name: recipe.model_dump(mode="json") for name, recipe in recipes.items()},
        val={"default": 0.81, "tuned": 0.84},
        compared=compared([0.05, 0.04, 0.06]),
    )


@pytest.mark.parametrize(
    ("gains", "said"),
    [
        (
            [0.05] * 6,
            "(95 % interval 0.050 to 0.050, paired by patient; permutation test p = 0.031): the tuned recipe is",
        ),
        ([-0.05, -0.04, -0.06] * 2, "the tuned recipe is worse on such patients."),
        ([0.05, 0.04, 0.06], "no proof that either is better."),  # one in four signs of three patients are alike
        ([0.2, -0.1, -0.2], "no proof that either is better."),
        ([0.1], "no proof that either is better."),
    ],
)
def test_the_verdict_claims_what_the_interval_and_the_permutation_test_bear(data, gains, said):
    verdict = verdict_of(replace(data, compared=compared(gains)))
    assert said in verdict and verdict.startswith(f"On {len(gains)} test patient")


def test_where_the_default_stays_the_page_says_so(data):
    unchanged = replace(
        data, facts={**data.facts, "best": 0, "dice": 0.8}, recipes=dict.fromkeys(data.recipes, data.recipes["default"])
    )
    assert "it stays" in verdict_of(unchanged)
    assert "By volume Dice on val the best is trial 0, the recipe as it was." in course(unchanged)
    assert "Dice of each test patient" not in render_page(unchanged)


def test_the_course_counts_the_trials(data):
    assert course(data).startswith("4 trials of up to 2 epochs each (2 in full, 1 failed, 1 ended early).")
    assert course(data).endswith("the best is trial 1, +0.050 over trial 0, the recipe as it was.")


def test_the_tables_hold_what_was_searched_and_found(data):
    changes = {row["field"]: row for row in change_table(data).rows}
    assert changes.keys() == OWN.keys()
    assert changes["learning_rate"] == {
        "field": "learning_rate", "bounds": "0.0002 to 0.01", "default": "0.002", "tuned": "0.004", "weight": None,
    }  # fmt: skip
    assert changes["batch_size"]["bounds"] == "8, 16, 32"
    assert "Weight" not in [column.label for column in change_table(data).columns]
    weighed = replace(data, facts={**data.facts, "importance": {"learning_rate": 0.9}})
    assert "Weight" in [column.label for column in change_table(weighed).columns]
    rows = trial_table(data).rows
    assert [row["state"] for row in rows] == ["in full", "in full", "ended early", "failed"]
    assert rows[1]["learning_rate"] == 0.004


def test_the_page_needs_nothing_else_and_escapes_what_it_is_given(data):
    page = render_page(data)
    assert page == render_page(data)
    assert "<h1>&lt;b&gt;scans&lt;/b&gt;</h1>" in page and "://" not in page and "<script" not in page
    assert page.count('<img src="data:image/png') == 3


def test_trials_of_one_epoch_have_no_curves(data):
    short = replace(data, curves=data.curves[data.curves["epoch"] == 1])
    assert "by epoch" in render_page(data) and "by epoch" not in render_page(short)
    assert render_page(short).count('<img src="data:image/png') == 2
