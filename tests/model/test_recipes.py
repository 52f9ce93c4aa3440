"""Recipes: what is built in, files, and errors that name the field."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from gliaflow.model.recipes import RECIPES, Recipe, UnusableRecipe, load_recipe, parse_recipe


def test_notebook_is_the_notebooks_training() -> None:
    recipe = load_recipe("notebook")
    assert (recipe.loss, recipe.learning_rate, recipe.batch_size, recipe.epochs, recipe.work_size) == (
        "bce",
        1e-3,
        16,
        60,
        256,
    )
    assert (recipe.stop_patience, recipe.monitor) == (10, "val_loss")
    assert (recipe.schedule, recipe.plateau_patience, recipe.plateau_factor, recipe.min_learning_rate) == (
        "plateau",
        5,
        0.2,
        1e-4,
    )
    assert recipe.filters == (16, 32, 64, 128, 256) and recipe.dropouts == (0.1, 0.1, 0.2, 0.2, 0.3)
    assert recipe.augmentation is None
    assert recipe.empty_ratio is None, "slices without tumour belong to training"


def test_names_are_keys_and_fields_are_described() -> None:
    assert all(name == recipe.name for name, recipe in RECIPES.items())
    assert all(field.description for field in Recipe.model_fields.values())


def test_unknown_name_lists_the_choices() -> None:
    with pytest.raises(UnusableRecipe, match=r"one of notebook, default, fast, or the path .*'defualt'"):
        load_recipe("defualt")


@pytest.mark.parametrize("name", RECIPES)
def test_survives_json(name: str, tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(json.dumps(RECIPES[name].model_dump(mode="json")))
    assert load_recipe(str(tmp_path / "mine.json")) == RECIPES[name]


def test_toml_file_changes_what_it_names(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("epochs = 7\n[augmentation]\nrotate = 3\n")
    recipe = load_recipe(str(tmp_path / "mine.toml"))
    assert (recipe.name, recipe.epochs, recipe.loss) == ("mine", 7, "bce")
    assert recipe.augmentation is not None and recipe.augmentation.rotate == 3


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", "{epochs", "a.json is not valid JSON"),
        ("a.toml", "epochs", "a.toml is not valid TOML"),
        ("a.json", "[1]", "a.json must hold one object of fields; it holds a list"),
        (
            "a.json",
            '{"epoch": 3}',
            r"a.json is no usable recipe:\n  epoch: .*received 3\nIts fields are name, work_size",
        ),
        ("a.json", '{"epochs": 0, "loss": "mse"}', r"loss: .*received 'mse'\n  epochs: .*greater than 0; received 0"),
        ("a.json", '{"augmentation": {"flip": 2}}', r"augmentation.flip: .*received 2"),
        ("a.json", '{"dropouts": [0.1]}', "received 5 filters and 1 dropouts"),
        ("a.json", '{"work_size": 100}', "multiple of 16; received 100"),
    ],
)
def test_unusable_files_are_explained(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UnusableRecipe, match=message):
        load_recipe(str(tmp_path / name))


def test_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnusableRecipe, match=r"none.json cannot be read: .*Built in are notebook, default"):
        load_recipe(str(tmp_path / "none.json"))


def test_recipes_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        parse_recipe({}).epochs = 3  # type: ignore[misc]
