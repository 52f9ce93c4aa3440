"""What is made of each patient alone: found in the store, or made in batches on what a run's settings say.

A patient's result is an artifact of its own, so that a new patient costs that one alone; a stage lists them all.
"""

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict
from typing import Any

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from gliaflow.process import ChildFailed, run_child
from gliaflow.store.artifacts import Artifact
from gliaflow.store.manifests import Provenance
from gliaflow.store.runs import Run
from gliaflow.store.why import Why, why_run
from tasks.console import tell_stage
from tasks.settings import Settings, SpreadSettings
from tasks.spread import spread
from tasks.stage import REUSED, Input, Stage

logger = logging.getLogger("gliaflow.run")

OF = "of "  # before a patient's name among a stage's inputs: "folder" may be one

Keys = dict[str, str]  # patient -> key of the result
Told = Callable[[Keys], None]


def find_each(run: Run, stage: str, wanted: Mapping[str, Provenance]) -> dict[str, Artifact]:
    """The results of `stage` that are there, by patient; the run says that it uses all that are `wanted`."""
    run.use(f"{stage}/{provenance.key}" for provenance in wanted.values())
    found = run.store.find_all(stage, (provenance.key for provenance in wanted.values()))
    return {patient: found[provenance.key] for patient, provenance in wanted.items() if provenance.key in found}


def make_each(
    run: Run,
    stage: str,
    wanted: Mapping[str, Provenance],
    found: Mapping[str, Artifact],
    task: Task[..., Keys],
    where: Mapping[str, Any],
    spreading: SpreadSettings,
    told: Callable[[int], None] = lambda done: None,
) -> dict[str, Artifact]:
    """The results of `stage` that are `wanted`, by patient: those `found`, and the others made by `task`.

    The task takes `where` as keyword arguments and `patients`, provenances by name, of `spreading.batch` of them; it
    gives the key of each. `told` hears how many are made.
    """
    missing = [patient for patient in wanted if patient not in found]
    batches = [missing[start : start + spreading.batch] for start in range(0, len(missing), spreading.batch)]
    calls = ({**where, "patients": {name: asdict(wanted[name]) for name in names}} for names in batches)
    keys: Keys = {}
    with closing(spread(task, calls, spreading)) as results:
        for keys_of_batch in results:
            keys |= keys_of_batch
            told(len(keys))
    run.use(f"{stage}/{key}" for key in keys.values())  # not always those wanted: what lacked something has its own
    made = run.store.find_all(stage, keys.values())
    return {patient: found[patient] if patient in found else made[keys[patient]] for patient in wanted}


def list_each(
    run: Run, listing: Stage, settings: Settings, each: Mapping[str, Artifact], why: Why | None, clock: float
) -> Artifact:
    """The result of the stage `listing` over all patients, with its line in the run's record.

    `why` says why some of them were made, and is None where none was; the stage began at `clock`.
    """
    inputs: dict[str, Input] = {f"{OF}{patient}": artifact for patient, artifact in each.items()}
    provenance = listing.provenance(settings, inputs)
    run.use([f"{listing.name}/{provenance.key}"])
    cached = why is None and run.store.find(listing.name, provenance.key) is not None
    words = REUSED if cached else why or why_run(run.store, provenance, run.made)
    artifact = listing.obtain(run.store, provenance, settings, inputs)
    tell_stage(run.record(artifact, cached=cached, why=words, seconds=time.perf_counter() - clock))
    return artifact


def in_child(
    module: str, done: str, spec: Mapping[str, Any], patients: Mapping[str, Any], told: Told = lambda keys: None
) -> Keys:
    """Have a child process (`module`) make the results of `patients`; gives the key of each.

    Where the process is killed, the patients left are tried again, each in a process of its own. `done` is what is done
    to them ("prepared"); `told` hears of the keys so far.
    """
    keys: Keys = {}

    def on_event(event: dict[str, Any]) -> None:
        if "key" in event:
            keys[event["patient"]] = event["key"]
            told(keys)

    try:
        run_child(module, {**spec, "patients": patients}, on_event)
    except ChildFailed as failure:
        if not failure.killed:
            raise
        logger.warning("A process in which patients were %s was killed: they are tried again, one at a time", done)
        for patient in [patient for patient in patients if patient not in keys]:
            try:
                run_child(module, {**spec, "patients": {patient: patients[patient]}}, on_event)
            except ChildFailed as again:
                named = ChildFailed(f"Patient {patient} could not be {done}. {again}")
                named.killed = again.killed
                raise named from again
    return keys


def _was_killed(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    error = state.result(raise_on_failure=False)
    return isinstance(error, ChildFailed) and error.killed


# Not cached by Prefect: the flow asks only for results that the store lacks, and a batch is no unit that comes again.
# Tried again only where a process was killed: memory that others had taken may be free a little later. What a file
# does is the same every time, and a worker of Dask that dies has its batches given to another by Dask itself.
BATCH: dict[str, Any] = {
    "cache_policy": NO_CACHE,
    "persist_result": False,
    "retries": 1,
    "retry_delay_seconds": 20,
    "retry_condition_fn": _was_killed,
}
"""Options of a task that makes the results of a batch of patients."""
