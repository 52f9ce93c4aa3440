"""What a run tells: a line a stage on the logger, and a progress bar where a person is watching."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from gliaflow.store.runs import StageRecord

logger = logging.getLogger("gliaflow.run")

WIDTH = len("fold 0 evaluate")


def tell_stage(record: StageRecord) -> None:
    """One line: the stage, whether it was reused, its seconds, and why."""
    done = "cached" if record.cached else "ran"
    label = f"{record.label:<{WIDTH if record.within else 9}}"
    logger.info("%s %-6s %7.1f s  %s", label, done, record.seconds, record.why)


class Progress:
    """A progress bar on standard error; nothing where that is no terminal."""

    def __init__(self, bar: "tqdm[Any]") -> None:
        self._bar = bar

    def __call__(self, done: int, total: int) -> None:
        """`done` of `total` are done."""
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def log(self, message: str) -> None:
        """Log a line without tearing the bar."""
        self._bar.clear()
        logger.info("%s", message)
        self._bar.refresh()

    def on_event(self, event: dict[str, Any]) -> None:
        """Show what a child process tells (`gliaflow.events`)."""
        if event.get("event") == "progress":
            self(event["done"], event["total"])
        elif event.get("event") == "log":
            self.log(event["message"])


@contextmanager
def progress(what: str, unit: str) -> Iterator[Progress]:
    """A bar that is gone when the work is done."""
    with tqdm(desc=what, unit=f" {unit}", disable=None, leave=False, dynamic_ncols=True) as bar:
        yield Progress(bar)
