"""Prefect's settings where the caller has none, and room for its database: before anything imports Prefect."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gliaflow.store.failures import in_words, require_room

ROOM = 16_000_000  # bytes that Prefect's database needs to begin with
PREFECT = {  # set unless the caller has
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "gliaflow",  # our lines reach the dashboard
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # the terminal shows our lines alone
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",  # a first start makes a database; the default is 20
}


@contextmanager
def prefect_set_up() -> Iterator[None]:
    """Within this context Prefect may be imported and used; what its disk refuses it is a `StoreFailed`."""
    for setting, value in PREFECT.items():
        os.environ.setdefault(setting, value)
    home = Path(os.environ.get("PREFECT_HOME") or Path.home() / ".prefect")
    with in_words(home, "Prefect's own state", "PREFECT_HOME"):  # on a full disk its server fails in many ways
        require_room(home, ROOM)
        yield
