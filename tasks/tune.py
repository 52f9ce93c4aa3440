"""Stage `tuned`: the best recipe that a search found. The search itself, the study, outlives the run.

The study lies at `tune/<key>/`, where the key leaves the number of trials out, so that more of them go on from those
that there are. It holds no manifest and is nobody's input: to the store it is an unfinished result, which a run keeps
from being removed by naming it, and whoever is at work on it by its lock. In a bucket there are no studies: each
machine has its own.
"""

import json
import logging
import shutil
import time
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

from gliaflow.errors import GliaflowError
from gliaflow.model.study import Search, next_trial, open_study, outcome_of
from gliaflow.store.artifacts import LOCKS, Artifact, Store
from gliaflow.store.locks import hold
from gliaflow.store.runs import Run
from gliaflow.store.tables import write_table
from tasks.settings import SplitSettings, Training, TuneSettings, Tuning
from tasks.stage import stage
from tasks.tables import load, save
from tasks.trial import TrialFailed, run_trial

logger = logging.getLogger("gliaflow.run")

STUDIES = "tune"
SEEN = ("train", "val")  # the parts that a search sees


class UnusableSplit(GliaflowError):
    """A split by which no recipe can be searched for."""


def check_protocol(splitting: SplitSettings) -> None:
    """Raise `UnusableSplit` where slices of one patient are trained on and chosen by."""
    if splitting.protocol == "slice":
        raise UnusableSplit(
            "A search under the protocol slice would choose the recipe that best remembers its training patients. "
            "Use the protocol patient."
        )


def search(
    run: Run,
    settings: TuneSettings,
    training: Training,
    *,
    prepared: Artifact,
    parts: Artifact,
    volumes: dict[str, Artifact],
) -> Artifact:
    """The outcome of as many trials as are set, around the recipe of `training`; those that are missing are run now."""
    tuning = settings.resolve(training)
    outcome = write_outcome.provenance(tuning, {"prepared": prepared, "parts": parts})
    kept = {name: value for name, value in outcome.parameters.items() if name != "trials"}
    key = replace(outcome, stage=STUDIES, parameters=kept).key
    run.use([f"{STUDIES}/{key}", f"{outcome.stage}/{outcome.key}"])
    folder = run.store.root / STUDIES / key
    waiting = "another run is at work on the same search: waiting for it"
    with hold(run.store.root / LOCKS / f"{STUDIES}-{key}", waiting=waiting):
        if run.store.find(outcome.stage, outcome.key) is None:
            _run_trials(run.store, folder, tuning, parts, volumes)
        return write_outcome(run, tuning, prepared=prepared, parts=parts, study=folder)


def _run_trials(store: Store, folder: Path, tuning: Tuning, parts: Artifact, volumes: dict[str, Artifact]) -> None:
    """Run the trials that are missing, one after another. Test patients are not even named to them."""
    table = load(store.folder(parts), "parts")
    seen = table[table["part"].isin(SEEN)].reset_index(drop=True)
    assert (seen["part"] == "val").any(), "every protocol that keeps patients whole leaves val a patient"
    places = {patient: str(store.folder(volumes[patient])) for patient in sorted(seen["patient"].unique())}
    folder.mkdir(parents=True, exist_ok=True)
    write_table(seen, folder / "parts.parquet")
    looked_for = as_search(tuning)
    while True:
        with open_study(folder, looked_for) as study:
            number = next_trial(study, looked_for, tuning.trials)
        for left in folder.glob("trial-*"):
            if left.name != f"trial-{number}":  # of trials that ended just before a kill
                shutil.rmtree(left, ignore_errors=True)
        if number is None:
            return
        clock = time.perf_counter()
        try:
            state = run_trial(str(folder), number, looked_for, str(folder / "parts.parquet"), places)
            words = state.message
        except TrialFailed as failure:
            words = f"failed: {failure}"
        label = f"trial {number} of {tuning.trials}"
        logger.info("%-16s %7.1f s  %s", label, time.perf_counter() - clock, words)


def as_search(tuning: Tuning) -> Search:
    return Search(tuning.recipe, tuning.seed, tuning.trial_epochs, tuning.pruner)


@stage(
    name="tuned",
    code=["gliaflow.model.study", "gliaflow.model.training"],
    libraries=["keras", "tensorflow-cpu/tensorflow", "numpy", "opencv-python-headless", "optuna"],
)
def write_outcome(folder: Path, settings: Tuning, *, prepared: Path, parts: Path, study: Path) -> None:
    """Leave `recipe.json` (for `--recipe`), the tables `trials` and `curves`, and `tune.json`."""
    looked_for = as_search(settings)
    with open_study(study, looked_for) as opened:
        outcome = outcome_of(opened, looked_for, settings.trials)
    recipe = json.dumps(outcome.recipe.model_dump(mode="json"), indent=2) + "\n"
    (folder / "recipe.json").write_text(recipe, encoding="utf-8")
    save(folder, "trials", outcome.trials)
    save(folder, "curves", outcome.curves)
    dice = outcome.trials.set_index("number")["dice"]
    facts = {
        "best": outcome.best,
        "dice": float(dice[outcome.best]),
        "default_dice": float(dice[0]),
        "states": dict(sorted(Counter(outcome.trials["state"]).items())),
        "trial_epochs": settings.trial_epochs,
        "space": [{"kind": type(dimension).__name__.lower(), **asdict(dimension)} for dimension in looked_for.space],
        "importance": outcome.importance,
        "slices": load(parts, "parts")["part"].value_counts().reindex(SEEN).to_dict(),
    }
    (folder / "tune.json").write_text(json.dumps(facts, indent=1, allow_nan=False) + "\n", encoding="utf-8")
