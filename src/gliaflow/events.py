"""How a child process tells its parent what it does: one JSON object a line on standard output."""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

Event = dict[str, Any]
Report = Callable[[Event], None]


def emit(event: Event) -> None:
    """Write `event` to standard output as one line of JSON, at once. Not-a-number and infinity become null."""
    sys.stdout.write(json.dumps(plain(event), allow_nan=False) + "\n")
    sys.stdout.flush()


def plain(value: Any) -> Any:
    """`value` with what JSON has no word for replaced: numpy scalars by Python's, NaN and infinity by None."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not abs(value) < float("inf"):
        return None
    return value


class Progress:
    """Reports `{"event": "progress", "done", "total", ...}` no more often than `per_second`, and always the last."""

    def __init__(self, report: Report, total: int, per_second: float = 5.0) -> None:
        self.report, self.total, self.pause = report, total, 1.0 / per_second
        self.last = float("-inf")

    def __call__(self, done: int, **more: Any) -> None:
        now = time.monotonic()
        if done >= self.total or now - self.last >= self.pause:
            self.last = now
            self.report({"event": "progress", "done": done, "total": self.total, **more})
