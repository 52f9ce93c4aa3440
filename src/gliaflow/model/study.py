"""The study of a tuning: which trials there are and what comes next, kept by Optuna in an SQLite file.

A draw depends on the seed, the trial, the field and the trials that ended before it, and on nothing else: a study that
was stopped and started again draws the same as one that was left alone.
"""

import json
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import optuna
import pandas as pd
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from gliaflow.model.recipes import Recipe
from gliaflow.model.search import Dimension, Value, change_recipe, space_around, values_of
from gliaflow.store.digests import digest_json

logger = logging.getLogger(__name__)

FILE = "study.db"
STARTUP = 8  # trials drawn evenly before the sampler looks at what they gave; the unchanged recipe is one of them
PRUNE_AFTER = 4  # trials that must have ended in full before one is pruned
WARMUP = 0.25  # share of a trial's epochs in which it is not pruned
IMPORTANT = 24  # trials ended in full before it is said what matters: with 12 a field without effect often came first
STATES = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}
VALUES, WHY = "values", "why"  # what a trial is annotated with: its fields' values, and why it failed


@dataclass(frozen=True)
class Search:
    """What is looked for: the best recipe around `baseline`, each trained by the same `seed`.

    epochs : of a trial; None for the baseline's own
    pruner : whether a trial is ended that is worse than the median of the others at its epoch
    """

    baseline: Recipe
    seed: int
    epochs: int | None = None
    pruner: Literal["median", "none"] = "median"

    @property
    def space(self) -> tuple[Dimension, ...]:
        return space_around(self.baseline)

    @property
    def trial_epochs(self) -> int:
        return self.epochs or self.baseline.epochs

    def recipe(self, number: int, values: dict[str, Value]) -> Recipe:
        """The recipe of a trial in full length; that of trial 0 is the baseline. Raises `UnusableRecipe`."""
        if number == 0:
            return self.baseline
        return change_recipe(self.baseline, values, self.space, f"{self.baseline.name}-tuned")


@dataclass(frozen=True)
class Outcome:
    """What a search found: the best trial and its recipe in full length, and all trials.

    trials : number, state, dice (of a pruned trial, at the epoch at which it was ended), epochs, parameters, why
    curves : trial, epoch, val_dice
    importance : field -> share of the differences in Dice that it goes with (fANOVA); empty for too few trials
    """

    best: int
    recipe: Recipe
    trials: pd.DataFrame
    curves: pd.DataFrame
    importance: dict[str, float]


@contextmanager
def open_study(folder: Path, search: Search) -> Iterator[optuna.Study]:
    """The study in `folder`, begun there if there is none, with the baseline as its trial 0. For one process at a time.

    A file that is damaged is set aside, with a warning, and the study begun anew.
    """
    path = folder / FILE
    if path.exists() and not _is_whole(path):
        logger.warning("%s is damaged: the search begins anew, the file is kept as %s.damaged", path, FILE)
        os.replace(path, folder / f"{FILE}.damaged")
    if not path.exists():
        draft = folder / f"{FILE}.draft"
        draft.unlink(missing_ok=True)
        with _connect(draft, search) as study:
            study.enqueue_trial(values_of(search.baseline, search.space))
        os.replace(draft, path)
    with _connect(path, search) as study:
        yield study


def next_trial(study: optuna.Study, search: Search, total: int) -> int | None:
    """The number of the trial to run now: one that was interrupted, or a new one; None when `total` have ended.

    The values of its fields are drawn, and kept, before anything is trained.
    """
    trials = study.get_trials(deepcopy=False)
    running = [trial for trial in trials if trial.state == TrialState.RUNNING and trial.number < total]
    if not running and sum(trial.state != TrialState.WAITING for trial in trials) >= total:
        return None
    study.sampler = _sampler(search, "", 0)
    trial = optuna.trial.Trial(study, running[0]._trial_id) if running else study.ask()
    values: dict[str, Value] = {}
    for dimension in search.space:
        study.sampler = _sampler(search, dimension.field, trial.number)
        values[dimension.field] = dimension.draw(trial)
    if trial.number == 0:
        values = values_of(search.baseline, search.space)  # not rounded
    trial.set_user_attr(VALUES, values)
    return trial.number


class Course:
    """A trial under way: takes in its figures, and says whether it is worth going on."""

    def __init__(self, study: optuna.Study, search: Search, number: int) -> None:
        self.study, self.search, self.number = study, search, number
        frozen = study.get_trials(deepcopy=False)[number]
        self.trial = optuna.trial.Trial(study, frozen._trial_id)
        self.reported = set(frozen.intermediate_values)

    @property
    def values(self) -> dict[str, Value]:
        return dict(self.trial.user_attrs[VALUES])

    def report(self, epoch: int, dice: float) -> None:
        """Keep the mean volume Dice on val after `epoch`; one that is kept already stays."""
        if epoch not in self.reported:
            self.trial.report(dice, epoch)
            self.reported.add(epoch)

    def is_hopeless(self) -> bool:
        """Whether the trial is to be pruned. The baseline never is: the others are compared with it."""
        under_way = max(self.reported, default=0) < self.search.trial_epochs
        return self.number > 0 and under_way and self.trial.should_prune()

    def complete(self, dice: float) -> None:
        """The trial has ended in full; `dice` is that of the epoch whose weights training chose."""
        self.study.tell(self.number, dice)

    def prune(self) -> None:
        self.study.tell(self.number, state=TrialState.PRUNED)

    def fail(self, why: str) -> None:
        """The trial could not be trained. It counts, and is not tried again."""
        self.trial.set_user_attr(WHY, why)
        self.study.tell(self.number, state=TrialState.FAIL)


def outcome_of(study: optuna.Study, search: Search, total: int) -> Outcome:
    """What the first `total` trials found. Of equals the earlier is the best, so the baseline before all others."""
    ended = [trial for trial in study.get_trials(deepcopy=False) if trial.number < total and trial.state in STATES]
    complete = [trial for trial in ended if trial.state == TrialState.COMPLETE]
    best = max(complete, key=lambda trial: (trial.values[0], -trial.number))
    return Outcome(
        best=best.number,
        recipe=search.recipe(best.number, best.user_attrs[VALUES]),
        trials=pd.DataFrame([_row(trial) for trial in ended]).astype({"dice": "float64"}),
        curves=pd.DataFrame(
            [(t.number, epoch, dice) for t in ended for epoch, dice in sorted(t.intermediate_values.items())],
            columns=["trial", "epoch", "val_dice"],
        ),
        importance=_importance(study, complete),
    )


def _row(trial: FrozenTrial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "state": STATES[trial.state],
        "dice": trial.values[0] if trial.values else None,
        "epochs": len(trial.intermediate_values),
        "parameters": json.dumps(trial.user_attrs[VALUES]),
        "why": trial.user_attrs.get(WHY, ""),
    }


def _importance(study: optuna.Study, complete: list[FrozenTrial]) -> dict[str, float]:
    if len(complete) < IMPORTANT or len({trial.values[0] for trial in complete}) < 2:
        return {}
    copy = optuna.create_study(direction="maximize")
    copy.add_trials(complete)  # those beyond `total` don't count
    evaluator = FanovaImportanceEvaluator(seed=0)
    return {name: float(share) for name, share in get_param_importances(copy, evaluator=evaluator).items()}


@contextmanager
def _connect(path: Path, search: Search) -> Iterator[optuna.Study]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # else it tells of every study that it opens
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    try:
        yield optuna.create_study(
            study_name="tune", storage=storage, direction="maximize", load_if_exists=True, pruner=_pruner(search)
        )
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _pruner(search: Search) -> optuna.pruners.BasePruner:
    if search.pruner == "none":
        return optuna.pruners.NopPruner()
    warmup = 1 + round(WARMUP * search.trial_epochs)  # the first epoch at which it may be
    return optuna.pruners.MedianPruner(n_startup_trials=PRUNE_AFTER, n_warmup_steps=warmup)


def _sampler(search: Search, field: str, number: int) -> optuna.samplers.BaseSampler:
    """A sampler for one draw: Optuna keeps no sampler's state, so that one for all would start over with the process.

    It looks at each field by itself, else the draws of a trial would hang together and could not be taken up midway.
    """
    seed = int(digest_json([search.seed, number, field])[:8], 16)
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP, multivariate=False, constant_liar=False)


def _is_whole(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(path)) as database:
            return bool(database.execute("PRAGMA quick_check").fetchone() == ("ok",))
    except sqlite3.DatabaseError:
        return False
