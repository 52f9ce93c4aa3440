"""Recipes: all that decides how a network is trained, in one record with a name, built in or read from a file."""

import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gliaflow.errors import GliaflowError

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class UnusableRecipe(GliaflowError):
    """A recipe that does not exist, cannot be read or contradicts itself."""


class Augmentation(BaseModel):
    """How training slices are varied. All of it is drawn anew for every slice and epoch, from the seed alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    flip: Share = Field(default=0.5, description="Share of slices mirrored left to right")
    rotate: float = Field(default=15.0, ge=0.0, le=180.0, description="Greatest rotation, degrees either way")
    scale: float = Field(default=0.1, ge=0.0, lt=1.0, description="Greatest change of size, as a share either way")
    shift: float = Field(
        default=0.05, ge=0.0, lt=1.0, description="Greatest shift, as a share of the picture either way"
    )
    gamma: float = Field(
        default=0.2, ge=0.0, lt=1.0, description="Each sequence's gamma lies between 1 - this and 1 / (1 - this)"
    )
    contrast: float = Field(
        default=0.1, ge=0.0, lt=1.0, description="Each sequence's greatest change of contrast, as a share"
    )
    brightness: float = Field(
        default=0.05, ge=0.0, lt=1.0, description="Each sequence's greatest change of brightness, of 255"
    )
    missing: Share = Field(
        default=0.1,
        description="Share of slices whose pre-contrast, post-contrast or both, each as often, become copies of FLAIR",
    )
    elastic: float = Field(default=0.0, ge=0.0, description="Deviation of smooth random displacements, in pixels")
    bias: float = Field(
        default=0.0, ge=0.0, lt=1.0, description="Greatest change of brightness from one side to another, as a share"
    )
    noise: float = Field(default=0.0, ge=0.0, description="Greatest deviation of added noise, in grey levels of 255")


class Recipe(BaseModel):
    """Everything that decides how a network is trained, apart from the data and the seed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="What the recipe is called in reports")
    work_size: int = Field(
        default=256, gt=0, description="Side length in pixels at which the network works; divides the image size"
    )
    stem: Literal["average", "fold"] = Field(
        default="average",
        description="How pictures come down to work_size: averaged, or squares of pixels folded into channels",
    )
    neighbours: int = Field(
        default=0, ge=0, le=4, description="Slices on either side that the network sees as further channels (2.5D)"
    )
    filters: tuple[int, ...] = Field(
        default=(16, 32, 64, 128, 256), min_length=2, description="Filters of each U-Net level"
    )
    normalise: Literal["none", "batch"] = Field(
        default="none", description="What follows each convolution: nothing, or batch normalisation"
    )
    dropouts: tuple[Share, ...] = Field(
        default=(0.1, 0.1, 0.2, 0.2, 0.3), description="Dropout rate of each U-Net level"
    )
    standardise: Literal["picture", "head", "range"] = Field(
        default="picture",
        description="What each slice and sequence is standardised over: all pixels, all but air, or the fixed range",
    )
    prior: float = Field(
        0.5,
        gt=0.0,
        lt=1.0,
        description="Probability of tumour that the untrained network says; low, it does not die at once",
    )
    loss: Literal["bce", "dice", "bce_dice", "bce_batch_dice", "bce_focal_tversky"] = Field(
        default="bce", description="What training makes small"
    )
    learning_rate: float = Field(default=1e-3, gt=0.0, description="Adam's learning rate at the start")
    schedule: Literal["plateau", "cosine"] = Field(
        default="plateau",
        description="Lower the learning rate when validation loss stalls, or along a cosine over all epochs",
    )
    warmup: float = Field(
        default=0.0, ge=0.0, description="Epochs over which the cosine schedule rises to the learning rate"
    )
    plateau_patience: int = Field(
        default=5, gt=0, description="Epochs without a lower validation loss before the rate falls"
    )
    plateau_factor: float = Field(default=0.2, gt=0.0, lt=1.0, description="What the rate is then multiplied by")
    min_learning_rate: float = Field(default=1e-4, ge=0.0, description="The learning rate never falls below this")
    clip_norm: float | None = Field(
        default=None, gt=0.0, description="Greatest length of a step's gradient, longer ones are shortened; none: any"
    )
    average: float | None = Field(
        default=None,
        gt=0.0,
        lt=1.0,
        description="Momentum of the moving average of the weights, which is then kept; none: the weights themselves",
    )
    batch_size: int = Field(default=16, gt=0, description="Slices a training step")
    crop: int | None = Field(
        default=None, gt=0, description="Side length in pixels of the random crops trained on; none: whole pictures"
    )
    epochs: int = Field(default=60, gt=0, description="Epochs, at most")
    passes: int = Field(default=1, gt=0, description="Passes over the training slices with tumour an epoch")
    empty_ratio: float | None = Field(
        default=None,
        ge=0.0,
        description="Slices without tumour a pass, per slice with tumour, drawn anew each pass; none: all",
    )
    augmentation: Augmentation | None = Field(
        default=None, description="How training slices are varied; none: not at all"
    )
    monitor: Literal["val_loss", "val_dice"] = Field(
        default="val_loss", description="What chooses the best epoch and stops early: lower loss or higher volume Dice"
    )
    stop_patience: int | None = Field(
        default=10, gt=0, description="Epochs without improvement before training stops; none: never"
    )
    mirror: bool = Field(
        default=False, description="Predict each slice mirrored too, and take the mean (test-time augmentation)"
    )
    precision: Literal["auto", "float32", "mixed_bfloat16"] = Field(
        default="auto",
        description="Number format of the convolutions; auto: bfloat16 where the processor computes with it",
    )

    @model_validator(mode="after")
    def _levels_fit(self) -> "Recipe":
        if len(self.filters) != len(self.dropouts):
            raise ValueError(
                f"each level has a number of filters and a dropout rate; received {len(self.filters)} filters and "
                f"{len(self.dropouts)} dropouts"
            )
        multiple = 2 ** (len(self.filters) - 1)
        if self.work_size % multiple:
            raise ValueError(
                f"with {len(self.filters)} levels work_size must be a multiple of {multiple}; received {self.work_size}"
            )
        if self.passes > 1 and self.empty_ratio is None:
            raise ValueError("several passes an epoch need an empty_ratio: without it, each pass is the same slices")
        return self


def _folded(name: str, *, epochs: int, crop: int) -> Recipe:
    """A U-Net of 1,943,280 parameters on a grid of 64 x 64 that sees every pixel: see docs/recipe.md."""
    return Recipe(
        name=name,
        work_size=64,
        stem="fold",
        filters=(32, 64, 128, 256),
        dropouts=(0.0, 0.0, 0.0, 0.0),
        standardise="head",
        normalise="batch",
        prior=0.05,  # with 0.5 the first steps push every pixel down, and on few patients the network never recovers
        loss="bce_batch_dice",
        learning_rate=2e-3,
        schedule="cosine",
        warmup=0.5,
        min_learning_rate=2e-5,
        clip_norm=1.0,
        average=0.99,
        batch_size=16,
        crop=crop,
        epochs=epochs,
        passes=2,
        empty_ratio=1.0,
        augmentation=Augmentation(rotate=20.0, scale=0.15, shift=0.05, gamma=0.3, contrast=0.2, missing=0.3),
        monitor="val_dice",
        stop_patience=None,
        mirror=True,
    )


RECIPES: dict[str, Recipe] = {
    # the notebook's training (Adam 1e-3, BCE, batch 16, EarlyStopping 10, ReduceLROnPlateau 5/0.2/1e-4) on all slices
    "notebook": Recipe(name="notebook", precision="float32"),
    "default": _folded("default", epochs=26, crop=192),
    "fast": _folded("fast", epochs=27, crop=128),
}


def load_recipe(name_or_file: str) -> Recipe:
    """The built-in recipe of that name, or the one in a .json or .toml file (whose name stands for a missing `name`).

    Raises `UnusableRecipe`, naming the choices, the file and each field that is wrong.
    """
    if name_or_file in RECIPES:
        return RECIPES[name_or_file]
    path = Path(name_or_file)
    if path.suffix not in (".json", ".toml"):
        raise UnusableRecipe(
            f"A recipe is one of {', '.join(RECIPES)}, or the path of a .json or .toml file; received {name_or_file!r}."
        )
    return parse_recipe(_read_fields(path), source=str(path), name=path.stem)


def parse_recipe(fields: dict[str, Any], *, source: str = "the recipe", name: str = "unnamed") -> Recipe:
    """The recipe with these fields; what is absent has the notebook's value.

    Raises `UnusableRecipe`, naming each field that is wrong.
    """
    try:
        return Recipe.model_validate({"name": name, **fields})
    except ValidationError as error:
        wrong = [
            f"  {'.'.join(map(str, e['loc'])) or 'recipe'}: {e['msg']}; received {_short(e['input'])}"
            for e in error.errors()
        ]
        known = ", ".join(Recipe.model_fields)
        raise UnusableRecipe(
            f"{source} is no usable recipe:\n" + "\n".join(wrong) + f"\nIts fields are {known}."
        ) from None


def _read_fields(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableRecipe(
            f"The recipe file {path} cannot be read: {error}. Built in are {', '.join(RECIPES)}."
        ) from None
    try:
        fields = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except ValueError as error:  # both decoders' errors are ValueErrors
        raise UnusableRecipe(f"The recipe file {path} is not valid {path.suffix[1:].upper()}: {error}.") from None
    if not isinstance(fields, dict):
        raise UnusableRecipe(
            f"The recipe file {path} must hold one object of fields; it holds a {type(fields).__name__}."
        )
    return fields


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
