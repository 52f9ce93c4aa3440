"""The record of a run, `runs/<run>/`: its parameters, what each stage did and why, and every result that it uses."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from gliaflow.store.artifacts import LOCKS, RUNS, Artifact, Store
from gliaflow.store.locks import hold, try_hold
from gliaflow.store.manifests import Difference
from gliaflow.store.why import Why

RUNNING, COMPLETED, FAILED = "running", "completed", "failed"
REMOVING = f"{LOCKS}/gc"  # held by who removes results, and for a moment by who says that it is about to use some
FORGOTTEN = timedelta(days=7)  # after that, another machine's run that has not ended is taken to be dead


@dataclass(frozen=True)
class StageRecord:
    """One line of a run: `path` is relative to the artifact root, `seconds` is what this run spent on the stage.

    `compared` is the path of the nearest result that was there when the stage ran, and `differences` are to that.
    `within` is the part of the run that the stage belongs to ("fold 3"), "" where the run has no parts.
    """

    stage: str
    key: str
    content: str
    path: str
    cached: bool
    why: str
    seconds: float
    compared: str | None = None
    differences: list[Difference] = field(default_factory=list)
    within: str = ""

    @property
    def label(self) -> str:
        """What a person calls this line: "train", or "fold 3 train"."""
        return f"{self.within} {self.stage}".lstrip()


@dataclass
class Run:
    """A run: where its artifacts are, and what it has done so far.

    `number` counts the runs of a store, so that their order does not hang on a clock. `earlier` are the runs that were
    there when this one began. `part` is what the stages recorded now belong to ("fold 3"). `flow` is what was run
    ("train", "watch"); `flow_run` and `attempt` are what an orchestrator calls the run, and the how manieth start of it
    this is: a retry has a record of its own.
    """

    name: str
    store: Store
    parameters: dict[str, Any]
    number: int = 0
    machine: str = ""
    state: str = RUNNING
    started: str = ""
    stages: list[StageRecord] = field(default_factory=list)
    uses: list[str] = field(default_factory=list)
    earlier: "list[Run]" = field(default_factory=list)
    part: str = ""
    flow: str = ""
    flow_run: str = ""
    attempt: int = 0

    def __post_init__(self) -> None:
        self.machine = self.machine or self.store.machine

    @contextmanager
    def under_way(self) -> Iterator["Run"]:
        """Within this context the run counts as running: what it uses is not removed, not even by another process.

        A name that an earlier run has (names are drawn, and a run can be retried) gets a number.
        """
        self.earlier = read_runs(self.store)
        self.name = _unused(self.name, {run.name for run in self.earlier})
        with hold(self._lock):
            self.number = 1 + max((run.number for run in self.earlier), default=0)
            self.started = datetime.now(UTC).isoformat(timespec="milliseconds")
            self._write()
            try:
                yield self
            except BaseException:
                self.state = FAILED
                raise
            else:
                self.state = COMPLETED
            finally:
                self._write()

    @contextmanager
    def within(self, part: str) -> Iterator[None]:
        """Within this context the stages that are recorded belong to `part` of the run, such as "fold 3"."""
        outer, self.part = self.part, part
        try:
            yield
        finally:
            self.part = outer

    def is_running(self) -> bool:
        """Whether this run's process is alive or, on another machine, may be: it has not said how it ended."""
        if self.machine == self.store.machine:
            with try_hold(self._lock) as ended:
                return not ended
        return self.state == RUNNING and datetime.fromisoformat(self.started) > datetime.now(UTC) - FORGOTTEN

    @property
    def made(self) -> set[str]:
        """The paths of what earlier runs have recorded."""
        return {stage.path for run in self.earlier for stage in run.stages}

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Within this context nothing is removed from the store."""
        waiting = "results are being removed (gc): waiting for the end of it"
        with hold(self.store.root / REMOVING, shared=True, waiting=waiting):
            yield

    def use(self, paths: Iterable[str]) -> None:
        """Say which results (paths relative to the root) this run is about to look for, use or make."""
        known = set(self.uses)
        self.uses += [path for path in paths if path not in known]
        with self.holding():
            self.store.write(f"{RUNS}/{self.name}/uses", "".join(f"{path}\n" for path in self.uses).encode())

    def record(self, artifact: Artifact, *, cached: bool, why: Why, seconds: float) -> StageRecord:
        """Add a stage and write the record anew, whole or not at all."""
        entry = StageRecord(
            stage=artifact.stage,
            key=artifact.key,
            content=artifact.content,
            path=artifact.path,
            cached=cached,
            why=why.words,
            seconds=round(seconds, 3),
            compared=why.compared,
            differences=why.differences,
            within=self.part,
        )
        self.stages.append(entry)
        self._write()
        return entry

    @property
    def _lock(self) -> Path:
        return self.store.root / LOCKS / f"{RUNS}-{self.name}"

    def _write(self) -> None:
        record = {
            "run": self.name,
            "flow": self.flow,
            "number": self.number,
            "machine": self.machine,
            "flow_run": self.flow_run,
            "attempt": self.attempt,
            "state": self.state,
            "started": self.started,
            "parameters": self.parameters,
            "stages": [asdict(stage) for stage in self.stages],
        }
        self.store.write(f"{RUNS}/{self.name}/run.json", json.dumps(record, indent=1).encode())


def _unused(name: str, taken: set[str]) -> str:
    """`name`, or the first of `name~2`, `name~3`, … that nothing has."""
    names = (name if number == 1 else f"{name}~{number}" for number in count(1))
    return next(candidate for candidate in names if candidate not in taken)


def read_runs(store: Store) -> list[Run]:
    """All runs of a store, the earliest first; records that can't be read are left out."""
    records = store.read_all(f"{RUNS}/*/run.json").items()
    runs = [_parse_run(store, name.split("/")[1], content) for name, content in records]
    return sorted((run for run in runs if run is not None), key=lambda run: (run.number, run.started))


def ended_runs(runs: Sequence[Run]) -> dict[str, Run]:
    """The last start of each flow run of this machine that is no longer under way: {flow run: its record}.

    One whose state is RUNNING was killed: it did not come to say how it ended.
    """
    last = {run.flow_run: run for run in sorted(runs, key=lambda run: run.number) if run.flow_run}
    return {name: run for name, run in last.items() if run.machine == run.store.machine and not run.is_running()}


def read_named(store: Store, runs: Sequence[Run]) -> dict[str, set[str]]:
    """The results that each run has used or is about to use: {name of the run: paths}.

    `runs` are those whose records can be read; the others are told by what they said that they use.
    """
    names = {name.split("/")[1] for name in store.read_all(f"{RUNS}/*/run.json")}
    named: dict[str, set[str]] = {name: set() for name in names}
    for name, content in store.read_all(f"{RUNS}/*/uses").items():
        named.setdefault(name.split("/")[1], set()).update(content.decode(errors="replace").splitlines())
    for run in runs:
        named.setdefault(run.name, set()).update(stage.path for stage in run.stages)
    return named


def _parse_run(store: Store, name: str, content: bytes) -> Run | None:
    try:
        value = json.loads(content)
        stages = [
            StageRecord(**{**stage, "differences": [Difference(**d) for d in stage.get("differences", [])]})
            for stage in value["stages"]
        ]
        given = {key: value[key] for key in ("parameters", "number", "machine", "state", "started")}
        datetime.fromisoformat(given["started"])
        if not isinstance(given["number"], int) or not isinstance(given["parameters"], dict):
            return None
        since = {"flow": "", "flow_run": "", "attempt": 0}  # older records lack them
        return Run(name, store, **given, **{key: value.get(key, empty) for key, empty in since.items()}, stages=stages)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
