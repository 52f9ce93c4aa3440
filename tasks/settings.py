"""What a person can set, one frozen model a stage: the command line, Prefect's form and the cache keys share these."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from gliaflow.model.recipes import Recipe, UnusableRecipe, load_recipe


class Settings(BaseModel):
    """Base of all settings: immutable, and a misspelt name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Nothing(Settings):
    """For stages that have nothing to set."""


class SpreadSettings(Settings):
    """What the per-patient stages run on: how a result is computed, not what, so no key knows of it."""

    runner: Literal["threads", "dask"] = Field(
        "threads", description="What patients are shared out to: threads of this machine, or a Dask cluster."
    )
    scheduler: str | None = Field(
        None,
        description="Address of your Dask cluster, tcp://HOST:PORT; without it, `dask` starts one on this machine.",
    )
    workers: int | None = Field(
        None, ge=1, description="Threads, or processes of the Dask cluster on this machine; without it, one a core."
    )
    batch: int = Field(16, ge=1, description="Patients that one task takes.")

    @field_validator("scheduler")
    @classmethod
    def _of_dask(cls, address: str | None, given: ValidationInfo) -> str | None:
        if address is not None and given.data.get("runner") != "dask":
            raise ValueError("a scheduler is one of Dask's: say --runner dask too")
        if address is not None and "://" not in address:
            raise ValueError(f"an address reads tcp://HOST:PORT, not {address}")
        return address

    @field_validator("workers")
    @classmethod
    def _of_this_machine(cls, workers: int | None, given: ValidationInfo) -> int | None:
        if workers is not None and given.data.get("scheduler") is not None:
            raise ValueError("the cluster at --scheduler has the workers that it has: leave --workers out")
        return workers


class IntakeSettings(Settings):
    """What may be wrong with a data set before a run stops."""

    reject_limit: float = Field(0.1, ge=0, le=1, description="Stop when more than this share of the files is rejected.")
    unlabelled: Literal["reject", "wait"] = Field(
        "reject", description="Whether images of a patient without any mask count as rejected, or wait for their masks."
    )


class PrepareSettings(Settings):
    """How a patient's slices become one volume."""

    size: int = Field(
        256, ge=32, le=1024, multiple_of=32, description="Height and width of the prepared slices, in pixels."
    )


class SplitSettings(Settings):
    """Which patients are trained on, chosen by, and tested on."""

    protocol: Literal["patient", "crossval", "site", "slice"] = Field(
        "patient", description="How the data are split; `slice` is the notebook's, and leaks."
    )
    seed: int = Field(0, ge=0, description="Seed of the split, of training and of the bootstrap.")
    folds: int = Field(5, ge=2, description="Number of folds of the protocol `crossval`.")
    fold: int = Field(0, ge=0, description="The fold (or, under `site`, the number of the site) to test on.")
    val_fraction: float = Field(0.15, gt=0, lt=1, description="Share of the patients that choices are made on.")
    test_fraction: float = Field(0.15, gt=0, lt=1, description="Share of the patients that are only scored.")

    def freeze(self, persons: Sequence[str], images: Sequence[str]) -> "FrozenSplit":
        """The split whose test part are these persons, of whose images nobody else may have one."""
        return FrozenSplit(**self.model_dump(), frozen=tuple(persons), frozen_images=tuple(images))


class FrozenSplit(SplitSettings):
    """A split whose test patients are given: those that a registry of models has frozen."""

    frozen: tuple[str, ...]
    frozen_images: tuple[str, ...]


class FoldSettings(Settings):
    """How the patients are dealt to the folds of a cross-validation, each of which is tested once."""

    protocol: Literal["crossval", "site"] = Field(
        "crossval", description="What a fold is: a share of the patients, alike in sites and tumour burden, or a site."
    )
    seed: int = Field(0, ge=0, description="Seed of the split, of training and of the bootstrap.")
    folds: int = Field(5, ge=2, description="Number of folds; under `site` there are as many as sites.")
    val_fraction: float = Field(0.15, gt=0, lt=1, description="Share of the patients that choices are made on.")

    def split(self, fold: int) -> SplitSettings:
        """The split that tests `fold`: the same settings, so the same results, as of a run of that fold alone."""
        folds = {"folds": self.folds} if self.protocol == "crossval" else {}
        return SplitSettings(protocol=self.protocol, seed=self.seed, val_fraction=self.val_fraction, fold=fold, **folds)


class TrainSettings(Settings):
    """How the network is trained."""

    recipe: str = Field("default", description="Name of a recipe, or the path of a recipe file.")
    epochs: int | None = Field(None, ge=1, description="Epochs at the most; without it, what the recipe says.")
    seed: int = Field(0, ge=0, description="Seed of the split, of training and of the bootstrap.")

    def resolve(self, size: int) -> "Training":
        """The recipe itself in place of its name, so that equal training has an equal key.

        Raises `UnusableRecipe` where it cannot be had, or does not suit slices of `size` x `size` pixels.
        """
        recipe = load_recipe(self.recipe)
        if size % recipe.work_size or (recipe.crop or 0) > size:
            crops = f" and trains on crops of {recipe.crop}" if recipe.crop else ""
            raise UnusableRecipe(
                f"The recipe {recipe.name} works at {recipe.work_size} x {recipe.work_size} pixels{crops}: --size must "
                f"be a multiple of {recipe.work_size}{f', {recipe.crop} or more' if crops else ''}; received {size}."
            )
        changes = {} if self.epochs is None else {"epochs": self.epochs}
        return Training(recipe=recipe.model_copy(update=changes), seed=self.seed)


class Training(Settings):
    """A resolved `TrainSettings`: what the training stage reads."""

    recipe: Recipe
    seed: int


class TuneSettings(Settings):
    """How a better recipe is searched for."""

    trials: int = Field(20, ge=1, description="Trials in all; the recipe as it is counts, and so do those already run.")
    trial_epochs: int | None = Field(None, ge=1, description="Epochs of a trial; without it, what the recipe says.")
    pruner: Literal["median", "none"] = Field(
        "median", description="Whether a trial is ended that is worse than the median of the others at its epoch."
    )

    def resolve(self, training: Training) -> "Tuning":
        """With the recipe that the search is around."""
        epochs = self.trial_epochs or training.recipe.epochs
        return Tuning(
            recipe=training.recipe, seed=training.seed, trials=self.trials, trial_epochs=epochs, pruner=self.pruner
        )


class Tuning(Settings):
    """A resolved `TuneSettings`: what the search reads."""

    recipe: Recipe
    seed: int
    trials: int
    trial_epochs: int
    pruner: Literal["median", "none"]


class WatchSettings(Settings):
    """What is done about patients that come into a watched folder."""

    challenge_after: int = Field(
        10, ge=1, description="Patients with masks, in no model yet, from which on a challenger is trained."
    )
    recent: int = Field(20, ge=5, description="The last patients that are held against the model's own for drift.")


class EvaluateSettings(Settings):
    """How the figures are made."""

    resamples: int = Field(2000, ge=100, description="Bootstrap resamples behind every 95 % interval.")
    seed: int = Field(0, ge=0, description="Seed of the split, of training and of the bootstrap.")
