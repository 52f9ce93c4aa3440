"""A course: the same command started and killed again and again, at last left alone, and then held to account."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .compare import differences, fingerprint, leftovers
from .points import Point
from .starts import End, Flow, start


@dataclass(frozen=True)
class Course:
    """What a course showed.

    kills : a dict a kill: stage and kind of the moment that was hit, the planned point in words, seconds of the start
    missed : planned points that the run was past already
    finished : whether the last start ended well; `trouble` says why not
    differences : files unlike those of the run that was left alone
    leftovers : drafts and unfinished work that remain
    again : the stages that one more start ran, not counting scan, which always runs
    outlived : processes that a kill did not end
    servers : Prefect servers that lived on after the main process alone was killed
    """

    kills: list[dict[str, Any]]
    missed: list[str]
    finished: bool
    trouble: str
    differences: list[str]
    leftovers: list[str]
    again: list[str]
    outlived: list[str]
    servers: int
    seconds: float

    @property
    def good(self) -> bool:
        """Finished, the same bytes, and nothing that a later run trips over."""
        return self.finished and not (self.differences or self.again or self.outlived)


def run_course(
    flow: Flow,
    points: list[Point],
    expected: dict[str, str],
    *,
    alone: bool = False,
    once_more: bool = True,
    tell: Callable[[str], None] = lambda line: None,
) -> Course:
    """Kill `flow` at each of `points` in turn, let it finish, and compare what it left with `expected`.

    alone : kill the main process alone; otherwise its process group
    once_more : start it again at the end, which has to reuse everything
    """
    ends, kills, missed, trouble = [], [], [], ""
    for point in [*points, None]:
        ends.append(end := start(flow, point=point, alone=alone))
        if end.state == "killed" and point is not None:
            kills.append(_kill(point, end))
            late = ", past" if end.at.get("late") else ""
            missed += [point["about"]] if late and point["what"] != "time" else []
            tell(f"killed after {end.seconds:5.1f} s in {end.stage}{late}: {point['about']}")
            continue
        if point is not None:
            missed += [other["about"] for other in points[len(ends) - 1 :]]
        if end.state != "finished":
            trouble = f"the start {'hung' if end.state == 'hung' else 'failed of itself'} in {end.stage}: {_tail(flow)}"
        break
    finished = not trouble
    tell(
        f"{'finished' if finished else trouble} after {ends[-1].seconds:5.1f} s"
        + (f"; missed {missed}" if missed else "")
    )
    course_differences = differences(expected, fingerprint(flow.artifacts)) if finished else []
    remains, again = leftovers(flow.artifacts), []
    if finished and once_more:
        ends.append(end := start(flow))
        again = [stage for stage in end.ran if stage != "scan"]
        if end.state != "finished":
            again.append(f"the start once more {end.state} in {end.stage}: {_tail(flow)}")
    return Course(
        kills=kills,
        missed=missed,
        finished=finished,
        trouble=trouble,
        differences=course_differences,
        leftovers=remains,
        again=again,
        outlived=[line for end in ends for line in end.outlived],
        servers=sum(end.servers for end in ends),
        seconds=round(sum(end.seconds for end in ends), 1),
    )


def _kill(point: Point, end: End) -> dict[str, Any]:
    """What was hit. A run that had got past its point was killed there and then, which is a time of its own."""
    hit = {name: point[name] for name in ("stage", "kind", "about")}
    if end.at["what"] == "time":
        hit |= {"stage": end.stage, "kind": "time"}
    return {**hit, "seconds": end.seconds, "reached": end.stage, "at": end.at}


def _tail(flow: Flow) -> str:
    return flow.log.read_text(encoding="utf-8", errors="replace")[-1500:]
