"""The moments at which a run can be killed, as one that was left alone went through them, and choices among them.

A point is a dict. "what", "path", "nth", "bytes" as in `hook/sitecustomize.py`; or "what": "time" with "seconds" from
where "after" stages are on record and, in training, from where "checkpoint" or a later one has been written. Besides:
"time", seconds into the run that was left alone; "over", the number of stages on record from which on it can't come any
more; "stage", "kind" and "about", in words.
"""

import json
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

Point = dict[str, Any]
Cell = tuple[str, str]  # stage, kind

KINDS = {
    "time": "at a random time",
    "write": "while a file is written",
    "flush": "before a file is flushed",
    "draft": "before or after the rename of a draft",
    "rename": "before the rename of the result",
    "renamed": "after the rename of the result",
    "remove": "before something is removed",
    "record": "while a record is written or renamed",
}
WEIGHTS = {("start", "time"): 4, ("train", "time"): 4, ("checkpoint", "write"): 2, ("checkpoint", "draft"): 3}
# Kills a course within one stage. Elsewhere a second one would seldom come: the first may be at, or after, its end.
OFTEN = {"start": 2, "train": 2, "checkpoint": 3}
TWICE = ("write", "flush", "rename")  # what comes again in the next start, so that a run may be killed twice at it
WITHIN = {"unpack": "scan", "volume": "prepare", "checkpoint": "train"}  # what is no stage of its own on record
RECORD = re.compile(r"runs/\*/\.?(run\.json|uses)")
CHECKPOINT = re.compile(r"\.work/train-\w+\.resume/(epoch-\d+\.npz)")


def find_points(trace: Path, stages: list[str], started: float, ended: float) -> list[Point]:
    """The points of a run from its trace, in the order of time.

    stages : in the order in which the run recorded them
    started, ended : of its process, seconds since 1970
    """
    moments = [json.loads(line) for line in trace.read_text(encoding="utf-8").splitlines()]
    records = [m["time"] - started for m in moments if (m["what"], m["path"]) == ("renamed", "runs/*/run.json")]
    over = records[1:-1]  # written when the run begins, after every stage, and when it ends
    points, saved = [], []
    for moment in moments:
        path = moment["path"]
        if moment["what"] == "renamed" and (checkpoint := CHECKPOINT.fullmatch(path)):
            saved.append((checkpoint[1], moment["time"] - started))
        if moment["what"] == "write" and moment["bytes"] == 0:
            continue
        if moment["nth"] > 1 and not RECORD.match(path):
            continue  # how often a path comes again depends on what is there already; that it comes once does not
        if path == "volume":
            continue  # which volume comes first depends on that, too
        time = moment.get("begun", moment["time"]) - started
        stage, kind = _place(moment, stages[min(sum(end < time for end in over), len(stages) - 1)])
        about = f"{stage}: {KINDS[kind]} ({moment['what']} {path})"
        over_at = stages.index(WITHIN.get(stage, stage)) + 2  # one late, as a record is written before it is seen
        point = {**moment, "time": time, "over": over_at, "stage": stage, "kind": kind, "about": about}
        points.append(point)
    points += _times(stages, over, saved, ended - started)
    return sorted(points, key=lambda point: point["time"])


def draw_course(points: list[Point], used: Counter[Cell], kills: int, rng: random.Random) -> list[Point]:
    """`kills` points in the order of a run, of the cells (stage, kind) used least so far; some stand there twice."""
    cells: dict[Cell, list[Point]] = {}
    for point in points:
        cells.setdefault((point["stage"], point["kind"]), []).append(point)
    count, stages = Counter(used), Counter[str]()
    chosen: list[Point] = []
    while len(chosen) < kills and cells:
        cell = min(cells, key=lambda cell: (count[cell] / WEIGHTS.get(cell, 1), rng.random()))
        count[cell] += 1
        stages[cell[0]] += 1
        chosen.append(point := _settle(rng.choice(cells[cell]), rng))
        if point["kind"] in TWICE and rng.random() < 0.15 and len(chosen) < kills:
            chosen.append(point)
        if stages[cell[0]] == OFTEN.get(cell[0], 1):
            cells = {other: there for other, there in cells.items() if other[0] != cell[0]}
    return sorted(chosen, key=lambda point: point["time"])


def _settle(point: Point, rng: random.Random) -> Point:
    """`point` with its seconds or bytes drawn."""
    if point["what"] == "time":
        seconds = rng.uniform(0, point["span"])
        return {**point, "seconds": round(seconds, 3), "time": point["time"] + seconds}
    return {**point, "bytes": rng.randrange(max(1, point["bytes"]))}


def _times(stages: list[str], over: list[float], saved: list[tuple[str, float]], end: float) -> list[Point]:
    """Random times: in each stage, in training's start-up and after each checkpoint.

    over, saved : when each stage was on record, and each checkpoint in its place
    The first stage, here "start", is Python's and Prefect's start-up with the scan; the last is publishing.
    """
    assert len(over) == len(stages), f"{len(stages)} stages, {len(over)} records"
    names, edges, points = ["start", *stages[1:], "publish"], [0.0, *over, end], []
    for number, (stage, begin, finish) in enumerate(zip(names, edges[:-1], edges[1:], strict=True)):
        marks = [("", begin), *(saved if stage == "train" else [])]
        for (mark, since), (_, until) in zip(marks, [*marks[1:], ("", finish)], strict=True):
            about = f"{stage}: {KINDS['time']}" + (f" after {mark}" if mark else "")
            point = {
                "what": "time",
                "after": number,
                "over": number + 1,
                "checkpoint": mark,
                "stage": stage,
                "kind": "time",
                "about": about,
            }
            points.append({**point, "time": since, "span": until - since})
    return points


def _place(moment: dict[str, Any], under_way: str) -> Cell:
    """The stage and the kind of a moment, by its path; what belongs to no stage, by the stage then under way."""
    what, path = moment["what"], moment["path"]
    if RECORD.match(path):
        return under_way, "record"
    if path.startswith(".records/"):
        return _stage_of(path.split("/")[1]), "record"
    if ".resume/epoch-" in path:
        return "checkpoint", "draft" if what in ("rename", "renamed") else what
    if path.startswith(".unpacked/"):
        stage = "unpack"
    elif path.startswith(".scan/"):
        stage = "scan"
    elif path.startswith(".work/"):
        stage = _stage_of(path.split("/")[1])
    else:
        stage = path.split("/")[0]
        if re.fullmatch(r"\w+/[0-9a-f]{16}", path) or "/" not in path:
            return stage, "renamed" if what == "flush" else what
    return stage, "draft" if what in ("rename", "renamed") else what


def _stage_of(name: str) -> str:
    return name.split("-")[0]
