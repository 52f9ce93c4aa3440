"""Remove what no kept run refers to, and nothing that a running flow uses."""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gliaflow.store.artifacts import INDEX, JOURNALS, LOCKS, RECORDS, RUNS, UNPACKED, WORK, Store, size_of
from gliaflow.store.locks import hold, try_hold
from gliaflow.store.registry import Registry
from gliaflow.store.runs import COMPLETED, REMOVING, Run, read_named, read_runs
from gliaflow.store.watched import predictions_in_use

STALE = 3600  # seconds after which a draft of an entry is taken to be a killed run's


@dataclass(frozen=True)
class Plan:
    """What would go: the names of `runs`, and `folders` {path relative to the root: bytes}; and the runs that stay.

    The folders are results, archives unpacked, and what interrupted work left. Runs that are `running`, and those whose
    record can't be read (`unread`), keep what they have said that they use.
    """

    keep: int
    running: list[str]
    unread: list[str]
    kept: list[str]
    runs: list[str]
    folders: dict[str, int]

    @property
    def size(self) -> int:
        """Bytes that would be freed."""
        return sum(self.folders.values())


def plan_removal(store: Store, keep: int) -> Plan:
    """What can go if the last `keep` completed runs of each flow are to stay, with every later one of that flow.

    Results of models that are current, or were, stay as well: a roll-back needs them. So do the masks of patients that
    came into a watched folder, who are not predicted again. While a flow is running, a result that no record names may
    be its own: such results stay until it has ended.
    """
    if keep < 1:
        raise ValueError(f"At least one run is kept, not {keep}")
    runs = read_runs(store)
    running = [run for run in runs if run.is_running()]
    first = _first_kept(runs, keep)
    gone = [run for run in runs if run.number < first[run.flow] and run not in running]
    kept = [run for run in runs if run.number >= first[run.flow] and run not in running]
    named = read_named(store, runs)
    unread = sorted(named.keys() - {run.name for run in runs})
    needed = {path for name in [*_names(kept), *_names(running), *unread] for path in named[name]}
    needed |= Registry(store).results_in_use() | predictions_in_use(store)
    known = {path for run in gone for path in named[run.name]}
    unsure = running or unread
    results = {
        path: size for path, size in store.sizes().items() if path not in needed and (path in known or not unsure)
    }
    beside = {} if unsure else {p: size for p, size in _beside(store).items() if _result_of(p) not in needed}
    return Plan(keep, _names(running), unread, _names(kept), _names(gone), results | beside)


def remove(store: Store, plan: Plan, progress: Callable[[int, int], None] = lambda done, total: None) -> int:
    """Remove what `plan` names, unless a run has begun to use it since, ended or not; returns the bytes freed."""
    freed = 0
    waiting = "a run is looking at its data: waiting for the end of it"
    with hold(store.root / REMOVING, waiting=waiting):  # under this lock a flow says what it is about to use
        still = plan_removal(store, plan.keep)
        for done, (path, size) in enumerate(plan.folders.items(), start=1):
            if path in still.folders:
                if path.startswith("."):
                    freed += _remove_beside(store, path, size)
                elif store.remove(path):
                    freed += size
            progress(done, len(plan.folders))
        for name in set(plan.runs) & set(still.runs):
            store.remove_run(name)
        _clear_records(store)
        _clear_drafts(store)
    return freed


def _first_kept(runs: list[Run], keep: int) -> dict[str, int]:
    """Of each flow, the number of the first run that stays: a flow that runs often pushes out no other's runs."""
    first = {}
    for flow in {run.flow for run in runs}:
        completed = [run.number for run in runs if run.state == COMPLETED and run.flow == flow]
        first[flow] = completed[-keep] if len(completed) >= keep else 0
    return first


def _names(runs: list[Run]) -> list[str]:
    return [run.name for run in runs]


def _beside(store: Store) -> dict[str, int]:
    """Folders of this machine that are no results: archives unpacked, and what interrupted work left."""
    unpacked = [folder for folder in (store.root / UNPACKED).glob("*/") if not folder.name.startswith(".")]
    unfinished = [folder for folder in (store.root / WORK).glob("*/") if not _at_work(store, folder)]
    return {folder.relative_to(store.root).as_posix(): size_of(folder) for folder in [*unpacked, *unfinished]}


def _at_work(store: Store, folder: Path) -> bool:
    """Whether somebody makes the result that a folder of unfinished work is for."""
    name = folder.name.removesuffix(".resume") if folder.suffix == ".resume" else folder.name.rpartition("-")[0]
    with try_hold(store.root / LOCKS / name) as held:
        return not held


def _result_of(path: str) -> str:
    """The result that a folder of checkpoints is for; any other folder is its own."""
    return path.removeprefix(f"{WORK}/").removesuffix(".resume").replace("-", "/") if path.endswith(".resume") else path


def _remove_beside(store: Store, path: str, size: int) -> int:
    (store.root / f"{path}.json").unlink(missing_ok=True)  # an archive's inventory: without it, it counts as not whole
    shutil.rmtree(store.root / path, ignore_errors=True)
    return size


def _clear_records(store: Store) -> None:
    """Remove Prefect's records of results that are no longer there."""
    there = store.sizes()
    for path in (store.root / RECORDS).glob("*"):
        try:
            result = json.loads(json.loads(path.read_bytes())["result"])
            gone = f"{result['stage']}/{result['key']}" not in there
        except (OSError, ValueError, KeyError, TypeError):
            gone = True
        if gone:
            path.unlink(missing_ok=True)


def _clear_drafts(store: Store) -> None:
    """Remove what a flow that was killed while it wrote a small file left of it."""
    for folder in list((store.root / RUNS).glob("*/")):
        with try_hold(store.root / LOCKS / f"{RUNS}-{folder.name}") as ended:
            for draft in folder.glob(".*") if ended else []:
                draft.unlink(missing_ok=True)
    for draft in (store.root / JOURNALS).glob("*/.*"):
        if time.time() - draft.stat().st_mtime > STALE:  # an entry is written in a moment
            draft.unlink(missing_ok=True)
    for beside in (INDEX, UNPACKED):  # they are written under the lock that is held here
        for draft in (store.root / beside).glob(".*.json.*"):
            draft.unlink(missing_ok=True)
