"""What a search may change of a recipe."""

import json
import subprocess
import sys

import pytest

from gliaflow.model.recipes import RECIPES, Augmentation, load_recipe
from gliaflow.model.search import SPACE, Choice, Factor, Range, change_recipe, space_around, values_of

DEFAULT = RECIPES["default"]


class Fixed:
    """Draws what it was told."""

    def __init__(self, **values):
        self.values = values

    def suggest_float(self, name, low, high, *, log=False):
        assert low <= self.values[name] <= high
        return self.values[name]

    def suggest_categorical(self, name, choices):
        return choices[self.values[name]]


def ends(dimension):
    return dimension.values if isinstance(dimension, Choice) else (dimension.low, dimension.high)


@pytest.mark.parametrize("dimension", SPACE, ids=lambda dimension: dimension.field)
def test_every_bound_gives_a_usable_recipe(dimension):
    complete = DEFAULT.model_copy(update={"augmentation": Augmentation(), "dropouts": (0.1, 0.1, 0.2, 0.2)})
    space = space_around(complete)
    assert dimension.field in [each.field for each in space]
    for value in ends(dimension):
        values = {**values_of(complete, space), dimension.field: value}
        assert change_recipe(complete, values, space, "changed").epochs == complete.epochs


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipes_own_values_lie_in_its_space_and_give_the_recipe_itself(name):
    recipe = RECIPES[name]
    space = space_around(recipe)
    own = values_of(recipe, space)
    assert change_recipe(recipe, own, space, "changed") is recipe
    for dimension in space:
        inside = (
            own[dimension.field] in dimension.values
            if isinstance(dimension, Choice)
            else (dimension.low <= own[dimension.field] <= dimension.high)
        )
        assert inside, dimension.field


def test_what_a_recipe_does_not_use_is_not_searched():
    fields = {dimension.field for dimension in space_around(RECIPES["notebook"])}
    assert {"learning_rate", "batch_size", "dropouts"} <= fields
    assert not fields & {"warmup", "empty_ratio"}
    assert not [field for field in fields if field.startswith("augmentation.")]
    assert set(DEFAULT.dropouts) == {0.0}
    assert "dropouts" not in {dimension.field for dimension in space_around(DEFAULT)}


def test_bounds_widen_to_hold_the_recipe():
    far = DEFAULT.model_copy(update={"learning_rate": 0.1, "batch_size": 12, "loss": "bce"})
    space = {dimension.field: dimension for dimension in space_around(far)}
    assert (space["learning_rate"].low, space["learning_rate"].high) == (2e-4, 0.1)
    assert space["batch_size"].values == (8, 16, 32, 12)
    assert space["loss"].values[-1] == "bce"


def test_only_what_differs_is_changed_and_the_file_says_the_same(tmp_path):
    recipe = DEFAULT.model_copy(update={"dropouts": (0.1, 0.1, 0.2, 0.3)})
    space = (Range("learning_rate", 1e-4, 1e-2), Factor("dropouts", 0.0, 5.0), Range("augmentation.gamma", 0.0, 0.5))
    values = {"learning_rate": 0.003, "dropouts": 4.0, "augmentation.gamma": recipe.augmentation.gamma}
    changed = change_recipe(recipe, values, space, "default-tuned")
    expected = {"name": "default-tuned", "learning_rate": 0.003, "dropouts": (0.4, 0.4, 0.8, 1.0)}  # at most 1
    assert changed == recipe.model_copy(update=expected)
    (tmp_path / "recipe.json").write_text(json.dumps(changed.model_dump(mode="json")))
    assert load_recipe(str(tmp_path / "recipe.json")) == changed


def test_numbers_are_drawn_to_three_digits():
    assert Range("learning_rate", 1e-4, 1e-2, log=True).draw(Fixed(learning_rate=0.00123456)) == 0.00123
    assert Choice("batch_size", (4, 8)).draw(Fixed(batch_size=1)) == 8


def test_the_space_is_read_without_optuna_and_keras():
    code = "import sys, gliaflow.model.search; print([n for n in ('optuna', 'keras') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
