"""A trial of a tuning: a training by one recipe, in a child process, ended early where it is worse than the others."""

import json
import shutil
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed

from gliaflow.errors import GliaflowError
from gliaflow.model.recipes import UnusableRecipe
from gliaflow.model.study import Course, Search, open_study
from gliaflow.process import ChildFailed
from tasks.console import progress
from tasks.train import train_in_child


class TrialFailed(GliaflowError):
    """A trial could not be trained; the search goes on without it."""


class Hopeless(Exception):
    """A trial is worse than the others were at its epoch."""


# Not cached: the study keeps what a trial gave.
@task(name="trial", task_run_name="trial {number}", cache_policy=NO_CACHE, persist_result=False)
def run_trial(folder: str, number: int, search: Search, parts: str, volumes: dict[str, str]) -> State[None]:
    """Run trial `number` of the study in `folder` to its end; the state's message says what that was.

    parts : parquet file with the slices of train and val
    volumes : folders of the volumes of their patients

    Its checkpoints lie in `folder/trial-<number>` until it has ended. Raises `TrialFailed` where the recipe can't be
    trained; where the unchanged recipe can't, or the disk is why, the trial has not ended and the error is raised.
    """
    place = Path(folder) / f"trial-{number}"
    with open_study(Path(folder), search) as study, progress(f"trial {number}", "steps") as bar:
        course = Course(study, search, number)

        def on_event(event: dict[str, Any]) -> None:
            if "message" in event:
                event = {**event, "message": f"trial {number}: {event['message']}"}
            bar.on_event(event)
            rows = [*event.get("history", []), *filter(None, [event.get("figures")])]
            for row in rows:
                course.report(row["epoch"], row["val_dice"])
            if rows and course.is_hopeless():
                raise Hopeless

        try:
            if course.is_hopeless():  # interrupted between its last figures and its end
                raise Hopeless
            recipe = search.recipe(number, course.values).model_copy(update={"epochs": search.trial_epochs})
            spec = {
                "folder": str(place / "result"),
                "work": str(place / "work"),
                "volumes": volumes,
                "parts": parts,
                "recipe": recipe.model_dump(mode="json"),
                "seed": search.seed,
            }
            train_in_child(spec, on_event)
        except Hopeless:
            course.prune()
            words = f"pruned after epoch {max(course.reported)} of {search.trial_epochs}"
            state: State[None] = Completed(name="Pruned", message=words)
        except (ChildFailed, UnusableRecipe) as failure:
            if number == 0 or isinstance(failure.__cause__, OSError):
                raise
            course.fail(str(failure))
            shutil.rmtree(place, ignore_errors=True)
            raise TrialFailed(str(failure)) from failure
        else:
            summary = json.loads((place / "result" / "summary.json").read_text(encoding="utf-8"))
            course.complete(summary["best"]["val_dice"])
            state = Completed(message=f"volume Dice on val {summary['best']['val_dice']:.4f}")
        shutil.rmtree(place, ignore_errors=True)
    return state
