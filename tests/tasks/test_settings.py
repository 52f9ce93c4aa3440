"""Settings become what a stage reads, or are refused before any work is done."""

import pytest

from gliaflow.model.recipes import UnusableRecipe
from tasks.settings import TrainSettings


@pytest.mark.parametrize("size", [192, 256, 512])
def test_a_recipe_takes_every_size_that_suits_it(size):
    assert TrainSettings(epochs=3).resolve(size).recipe.epochs == 3


@pytest.mark.parametrize(
    ("recipe", "size", "remedy"),
    [
        ("default", 128, "must be a multiple of 64, 192 or more; received 128"),
        ("default", 250, "must be a multiple of 64, 192 or more; received 250"),
        ("notebook", 128, "must be a multiple of 256; received 128"),
    ],
)
def test_a_size_that_does_not_suit_the_recipe_is_refused_with_the_remedy(recipe, size, remedy):
    with pytest.raises(UnusableRecipe, match=remedy):
        TrainSettings(recipe=recipe).resolve(size)
