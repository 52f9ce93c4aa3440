"""The search space of tuning: which fields of a recipe a trial may change, and within what bounds. Knows no Optuna."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gliaflow.model.recipes import Recipe, parse_recipe

Value = float | int | str | None
DIGITS = 3  # significant digits of a number that is drawn: more would not be found again, and a recipe is to be read


class Trial(Protocol):
    """What draws the values: an Optuna trial, or a stand-in of a test."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float: ...

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any: ...


class _Field:
    """A field of the recipe, `field`; `augmentation.rotate` is a field of its augmentation."""

    field: str

    def read(self, recipe: Recipe) -> Value:
        """The value that `recipe` has."""
        return _read(recipe, self.field)

    def write(self, fields: dict[str, Any], value: Value) -> None:
        """Put `value` into a recipe's `fields`."""
        *parts, name = self.field.split(".")
        for part in parts:
            fields = fields[part]
        fields[name] = value


@dataclass(frozen=True)
class Range(_Field):
    """A number of the recipe, from `low` to `high`, drawn evenly or (`log`) evenly in its logarithm.

    when : a field and the value without which this one has no bearing
    """

    field: str
    low: float
    high: float
    log: bool = False
    when: tuple[str, Value] | None = None

    def around(self, value: Value) -> "Range | None":
        """This range widened to hold `value`; None where a recipe with that value does not use the field."""
        if value is None or (self.log and not float(value) > 0):
            return None
        return Range(self.field, min(self.low, float(value)), max(self.high, float(value)), self.log, self.when)

    def draw(self, trial: Trial) -> Value:
        """A value of this range, from the trial."""
        return float(f"{trial.suggest_float(self.field, self.low, self.high, log=self.log):.{DIGITS}g}")


@dataclass(frozen=True)
class Choice(_Field):
    """A field of the recipe that takes one of a few values."""

    field: str
    values: tuple[Value, ...]
    when: tuple[str, Value] | None = None

    def around(self, value: Value) -> "Choice":
        """This choice with `value` among its values."""
        return self if value in self.values else Choice(self.field, (*self.values, value), self.when)

    def draw(self, trial: Trial) -> Value:
        """One of the values, from the trial."""
        return trial.suggest_categorical(self.field, self.values)


@dataclass(frozen=True)
class Factor(Range):
    """What every number of a list of shares (`dropouts`) is multiplied by; the list as it is has the factor 1."""

    def read(self, recipe: Recipe) -> Value:
        """1, or None for a recipe whose shares are all 0."""
        return 1.0 if any(_read(recipe, self.field)) else None

    def around(self, value: Value) -> "Range | None":
        """This range; None where there is nothing to multiply."""
        return None if value is None else self

    def write(self, fields: dict[str, Any], value: Value) -> None:
        """Multiply the shares in a recipe's `fields`; none becomes more than 1."""
        assert isinstance(value, float)
        fields[self.field] = [min(1.0, float(f"{share * value:.{DIGITS}g}")) for share in fields[self.field]]


Dimension = Range | Choice

# A line a field: to tune another one, add its line. How the network is built is left out: a search is to find the best
# training of one network, and a trial's seconds are to be those of the recipe.
SPACE: tuple[Dimension, ...] = (
    Range("learning_rate", 2e-4, 1e-2, log=True),
    Range("warmup", 0.0, 3.0, when=("schedule", "cosine")),
    Choice("batch_size", (8, 16, 32)),
    Choice("loss", ("bce_dice", "bce_batch_dice", "bce_focal_tversky")),
    Choice("average", (None, 0.99, 0.995, 0.998)),
    Range("empty_ratio", 0.25, 2.0, log=True),
    Factor("dropouts", 0.0, 2.0),
    Range("augmentation.rotate", 0.0, 45.0),
    Range("augmentation.scale", 0.0, 0.3),
    Range("augmentation.shift", 0.0, 0.15),
    Range("augmentation.gamma", 0.0, 0.5),
    Range("augmentation.contrast", 0.0, 0.4),
    Range("augmentation.brightness", 0.0, 0.2),
    Range("augmentation.missing", 0.0, 0.5),
    Range("augmentation.elastic", 0.0, 4.0),
    Range("augmentation.bias", 0.0, 0.4),
    Range("augmentation.noise", 0.0, 12.0),
)


def space_around(recipe: Recipe, space: Sequence[Dimension] = SPACE) -> tuple[Dimension, ...]:
    """The dimensions that have a bearing on `recipe`, each widened to hold its value.

    What the recipe does not use stays unused: without an augmentation none is searched, nor a warm-up without the
    cosine schedule.
    """
    used = []
    for dimension in space:
        if dimension.when is not None and _read(recipe, dimension.when[0]) != dimension.when[1]:
            continue
        if not _has(recipe, dimension.field):
            continue
        widened = dimension.around(dimension.read(recipe))
        if widened is not None:
            used.append(widened)
    return tuple(used)


def values_of(recipe: Recipe, space: Sequence[Dimension]) -> dict[str, Value]:
    """The recipe's own value of every dimension."""
    return {dimension.field: dimension.read(recipe) for dimension in space}


def change_recipe(recipe: Recipe, values: Mapping[str, Value], space: Sequence[Dimension], name: str) -> Recipe:
    """`recipe` with these values, called `name`; `recipe` itself where they are its own.

    Raises `UnusableRecipe` where the values do not go together.
    """
    own = values_of(recipe, space)
    changed = [dimension for dimension in space if values[dimension.field] != own[dimension.field]]
    if not changed:
        return recipe
    fields = recipe.model_dump(mode="json")
    for dimension in changed:
        dimension.write(fields, values[dimension.field])
    return parse_recipe({**fields, "name": name}, source=f"the recipe {name}")


def _has(recipe: Recipe, field: str) -> bool:
    """Whether the recipe has what the field belongs to."""
    part, _, inner = field.partition(".")
    return not inner or getattr(recipe, part) is not None


def _read(recipe: Recipe, field: str) -> Any:
    value: Any = recipe
    for name in field.split("."):
        value = getattr(value, name)
    return value
