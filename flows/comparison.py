"""`python -m flows compare`: two past runs, patient by patient."""

import argparse
from dataclasses import dataclass
from typing import Any

import pandas as pd

from flows.upkeep import add_command, say
from gliaflow.arguments import whole
from gliaflow.errors import GliaflowError
from gliaflow.evaluation.compare import SAMPLED, Comparison, compare_patients
from gliaflow.store.artifacts import Artifact, Store
from gliaflow.store.explain import find_run
from gliaflow.store.manifests import read_manifest
from gliaflow.store.runs import Run, StageRecord, read_runs
from gliaflow.store.shared import open_store
from tasks.tables import load

PLACES = (  # parameters that say where and how, not what
    "data", "artifacts", "runner", "scheduler", "workers", "batch", "to_registry",
)  # fmt: skip
LISTED = 5  # patients named each way
SAME = ["slices", "tumor_slices", "true_pixels"]  # what is equal where both runs scored the same masks


class NoFigures(GliaflowError):
    """A run has no figures of patients that could be compared."""


@dataclass(frozen=True)
class Tested:
    """A run, the patients that it tested (patient, dice, slices, …), and what its training read."""

    run: Run
    patients: pd.DataFrame
    recipe: dict[str, Any]


def add_comparison(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command `compare`; it sets `run`, a function of the options that gives the exit status."""
    parser = add_command(commands, "compare", "whether one run is better than another, patient by patient", _compare)
    parser.add_argument("a", metavar="RUN_A", help="A run's name, or last.")
    parser.add_argument("b", metavar="RUN_B", help="Another run's name, or last: the one that may be better.")
    parser.add_argument("--resamples", type=whole(100), default=2000, help="Bootstrap resamples behind the interval.")
    parser.add_argument("--seed", type=whole(0), default=0, help="Seed of the bootstrap and of sampled permutations.")


def _compare(options: argparse.Namespace) -> int:
    def lines() -> list[str]:
        store = open_store(options.artifacts)
        runs = read_runs(store)
        a, b = (_read(store, find_run(store, runs, name)) for name in (options.a, options.b))
        found = compare_patients(a.patients, b.patients, resamples=options.resamples, seed=options.seed)
        return [*_headline(a, b), "", *_tell(found), "", *_changes(found), *_warn(a, b)]

    return say(lines)


def _read(store: Store, run: Run) -> Tested:
    """The patients that a run tested: those of its pool, or of its one evaluation that is of no part of the run."""
    own = {record.stage: record for record in run.stages if not record.within}
    scores = own.get("pool") or own.get("evaluate")
    if scores is None and "verdict" in own:
        raise NoFigures(
            f"Runs are compared by the patients that they tested; {run.name} is a tuning, which holds its two recipes "
            "against each other on its own page. Train by the recipe that it found, and compare that run."
        )
    if scores is None:
        did = ", ".join(record.label for record in run.stages) or "none"
        raise NoFigures(
            f"Runs are compared by the patients that they tested; {run.name} ({run.state}) has come to no figures. Its "
            f"stages: {did}. Start the same command again: it goes on where it stopped."
        )
    patients = load(store.folder(_find(store, run, scores)), "patients")
    patients = patients[patients["part"] == "test"]
    if run.parameters.get("protocol") == "slice":
        raise NoFigures(
            f"Runs are compared by the Dice of whole volumes; {run.name} is under the protocol 'slice', which tests "
            "single slices of patients that it was trained on. Compare runs under another protocol."
        )
    model = next(record for record in run.stages if record.stage == "train")
    recipe = read_manifest(store.folder(_find(store, run, model))).provenance.parameters
    return Tested(run, patients, recipe)


def _find(store: Store, run: Run, record: StageRecord) -> Artifact:
    found = store.find(record.stage, record.key)
    if found is None:
        raise NoFigures(
            f"The result {record.path} of {run.name} is no longer there, or damaged. Start that run's command again: "
            "it makes what is missing."
        )
    return found


def _headline(a: Tested, b: Tested) -> list[str]:
    lines = [f"A  {_name(a)}", f"B  {_name(b)}"]
    known = _settings(a), _settings(b)
    for name in sorted(known[0].keys() | known[1].keys()):
        old, new = (settings.get(name, "-") for settings in known)
        if old != new:
            lines.append(f"   {name}: {old} in A, {new} in B")
    return lines


def _name(tested: Tested) -> str:
    run = tested.run
    return f"{run.name} (number {run.number}) of {run.parameters.get('data', 'unknown data')}"


def _settings(tested: Tested) -> dict[str, Any]:
    """What was set, without where it was: the run's parameters, and of its recipe every value."""
    given = {name: value for name, value in tested.run.parameters.items() if name not in (*PLACES, "recipe", "epochs")}
    return given | {f"recipe {name}": value for name, value in tested.recipe["recipe"].items()}


def _tell(found: Comparison) -> list[str]:
    interval = ""
    if found.low is not None:
        interval = f", 95 % interval {found.low:+.4f} to {found.high:+.4f} (bootstrap over patients)"
    how = "all sign flips" if found.exact else f"{SAMPLED:,} sign flips"
    ranked = "not defined, as no patient differs" if found.ranked is None else f"p = {found.ranked:.4g}"
    count = len(found.patients)
    return [
        f"{count} {'patient' if count == 1 else 'patients'} tested by both; mean volume Dice {found.mean_a:.4f} in A, "
        f"{found.mean_b:.4f} in B",
        f"B minus A: {found.difference:+.4f}{interval}",
        f"Permutation test of the mean: p = {found.permuted:.4g} (two-sided, {how})",
        f"Wilcoxon's signed-rank test: {ranked} (two-sided)",
        f"B is better for {found.wins}, worse for {found.losses}, the same for {found.ties}",
        "These are of one training each: another seed moves a mean too, and no test here knows by how much.",
    ]


def _changes(found: Comparison) -> list[str]:
    rows = found.patients
    lost, won = rows[rows["difference"] < 0].head(LISTED), rows[rows["difference"] > 0].tail(LISTED)[::-1]
    lines = []
    for title, part in (("Most better in B:", won), ("Most worse in B:", lost)):
        if len(part):
            lines.append(title)
            lines += [
                f"  {row['patient']:<24} {row['dice_a']:.4f} -> {row['dice_b']:.4f}  {row['difference']:+.4f}"
                for row in part.to_dict("records")
            ]
    return lines


def _warn(a: Tested, b: Tested) -> list[str]:
    """What keeps the two from being held against each other as they are."""
    lines = []
    names = set(a.patients["patient"]), set(b.patients["patient"])
    for letter, only in (("A", names[0] - names[1]), ("B", names[1] - names[0])):
        if only:
            lines.append(f"Caution: {len(only)} more tested by {letter} alone are left out, such as {min(only)}.")
    before, after = (tested.patients.set_index("patient")[SAME] for tested in (a, b))
    before, after = before.align(after, join="inner")
    other = before.index[(before != after).any(axis=1)]
    if len(other):
        lines.append(
            f"Caution: {len(other)} of the patients have other slices or masks in B than in A, such as {min(other)}: "
            "the difference is not of the models alone."
        )
    return ["", *lines] if lines else []
