"""A past run in words: what each stage did and why, old beside new."""

from collections.abc import Sequence

from gliaflow.errors import GliaflowError
from gliaflow.store.artifacts import Store
from gliaflow.store.manifests import NAME, Damaged, Difference, parse_manifest
from gliaflow.store.runs import COMPLETED, RUNNING, Run, StageRecord, read_runs

DIGEST = 8  # hexadecimal digits shown of a digest
WIDEST = 44  # columns that a name or value may take before it is cut


class UnknownRun(GliaflowError):
    """There is no such run, or no such stage in it."""


def explain_run(store: Store, name: str | None = None, stage: str | None = None) -> list[str]:
    """Why the stages of a run (the last, if none is named) ran or were reused, a line each.

    Of a single `stage` all is told: every difference, old beside new, and the results that are meant. In a run with
    parts, `train` means the stage in each of them, `fold 3 train` the one. Raises `UnknownRun`.
    """
    runs = read_runs(store)
    run = find_run(store, runs, name)
    records = [record for record in run.stages if stage in (None, record.stage, record.label)]
    if not records:
        did = ", ".join(record.label for record in run.stages) or "none"
        raise UnknownRun(f"The run {run.name} has no stage {stage!r}; its stages: {did}.")
    width = max(9, *(len(record.label) for record in records))
    lines = [_headline(run), ""]
    for record in records:
        lines.append(_outcome(record, width))
        if stage is not None:
            lines += _details(store, run, record, runs)
    return lines


def find_run(store: Store, runs: Sequence[Run], name: str | None) -> Run:
    """The run `name` of `runs`, those of `store`; the last one if it is None or "last". Raises `UnknownRun`."""
    if not runs:
        raise UnknownRun(f"No run has left a record in {store.place('runs')}. Name the artifacts with --artifacts.")
    chosen = [run for run in runs if name in (None, "last", run.name)]
    if not chosen:
        known = ", ".join(run.name for run in runs[-5:])
        raise UnknownRun(f"There is no run {name!r} in {store.place('runs')}. The last runs: {known}.")
    return chosen[-1]


def _headline(run: Run) -> str:
    state = "interrupted" if run.state == RUNNING and not run.is_running() else run.state
    ended = "" if state == COMPLETED else f", {state}"
    data = run.parameters.get("data", "unknown data")
    return f"Run {run.name} (number {run.number}, {_minute(run.started)}{ended}) of {data}"


def _outcome(record: StageRecord, width: int) -> str:
    return f"{record.label:<{width}} {'cached' if record.cached else 'ran':<6} {record.seconds:7.1f} s  {record.why}"


def _details(store: Store, run: Run, record: StageRecord, runs: list[Run]) -> list[str]:
    width = max((min(len(difference.name), WIDEST) for difference in record.differences), default=0)
    lines = [f"  {d.kind:<9}  {_cut(d.name):<{width}}  {_values(d)}{_origin(d, run)}" for d in record.differences]
    for what, path in (("compared with", record.compared), ("result", record.path)):
        if path is not None:
            lines.append(f"  {what} {path}{_made(store, path, runs)}")
    return lines


def _values(difference: Difference) -> str:
    if difference.old is None:
        return f"new: {_value(difference.kind, difference.new)}"
    if difference.new is None:
        return f"gone: {_value(difference.kind, difference.old)}"
    return f"{_value(difference.kind, difference.old)} -> {_value(difference.kind, difference.new)}"


def _value(kind: str, value: str | None) -> str:
    text = str(value)
    return text[:DIGEST] if kind in ("input", "code", "file") and len(text) == 64 else _cut(text)


def _cut(text: str) -> str:
    return text if len(text) <= WIDEST else f"...{text[3 - WIDEST :]}"


def _origin(difference: Difference, run: Run) -> str:
    """The stage of the same run that left an input."""
    makers = [stage.label for stage in run.stages if difference.kind == "input" and stage.content == difference.new]
    return f"  (left by {makers[0]})" if makers else ""


def _made(store: Store, path: str, runs: list[Run]) -> str:
    content = store.read(f"{path}/{NAME}")
    try:
        manifest = parse_manifest(content) if content is not None else None
    except Damaged:
        manifest = None
    if manifest is None:
        return ", which is no longer there"
    makers = [run.name for run in runs for done in run.stages if done.path == path and not done.cached]
    by = f" by run {makers[-1]}" if makers else ""
    return f", made {_minute(manifest.started)} in {manifest.seconds:.1f} s{by}"


def _minute(moment: str) -> str:
    """2026-11-22 20:00 UTC, of an ISO moment."""
    return f"{moment[:16].replace('T', ' ')} UTC"
