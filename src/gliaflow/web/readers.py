"""The processes that read files, and what becomes of a request whose files kill one."""

import asyncio
import logging
import multiprocessing
import pickle
import signal
import time
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import forkserver, resource_tracker
from pathlib import Path

from pebble import ProcessExpired, ProcessPool

from gliaflow.errors import GliaflowError
from gliaflow.ingest.studies.study import Study
from gliaflow.web.problems import Busy, Problem
from gliaflow.web.reading import STUDIES, Found, Sent, TooMuch, confine, read_files
from gliaflow.web.settings import ServeLimits
from gliaflow.web.uploads import Upload

logger = logging.getLogger(__name__)

RENEWED_AFTER = 500  # requests that a process reads before another takes its place
START_SECONDS = 60.0


class Readers:
    """Processes that read files; a new one takes the place of one that died, or was killed."""

    def __init__(self, limits: ServeLimits) -> None:
        self.limits = limits
        self._context = multiprocessing.get_context("forkserver")  # fork alone is unsafe beside threads
        self._context.set_forkserver_preload(["gliaflow.web.reading", "nibabel", "pydicom"])  # where installed
        _start_fork_server()
        self._pool = self._start()

    def warm(self) -> None:
        """Return when a process has started. Raises GliaflowError where none does."""
        try:
            self._pool.schedule(time.time).result(START_SECONDS)
        except Exception as error:
            raise GliaflowError(
                f"No process that reads files could be started ({type(error).__name__}: {error})."
            ) from error

    async def read(self, folder: Path, uploads: Sequence[Upload]) -> Found:
        """Leave the studies in `uploads` in `folder`, for `load_studies`. Raises Problem.

        Where this is cancelled, the process is killed.
        """
        sent = [Sent(upload.name, str(upload.path)) for upload in uploads]
        try:
            future = self._living_pool().schedule(
                read_files, args=[str(folder), sent, self.limits], timeout=self.limits.reading_seconds
            )
            found: Found = await asyncio.wrap_future(future)
        except TooMuch as error:
            raise Problem(413, str(error)) from None
        except GliaflowError as error:
            raise Problem(422, str(error)) from None
        except BrokenProcessPool:
            raise Busy(1) from None
        except TimeoutError:
            raise _unreadable(f"they took longer than {self.limits.reading_seconds:g} s") from None
        except MemoryError:
            raise _unreadable("they took too much memory") from None
        except ProcessExpired as error:
            logger.warning("A process that read files ended with status %s", error.exitcode)
            raise _unreadable("a decoder broke down on them") from None
        except Exception as error:  # of a decoder that met bytes which its authors had not thought of
            logger.warning("Reading files failed with %s: %s", type(error).__name__, _where(error))
            raise _unreadable(f"a decoder failed with {type(error).__name__}") from None
        return found

    def process_ids(self) -> list[int]:
        """Of the processes that are there now."""
        return [child.pid for child in multiprocessing.active_children() if child.pid]

    def close(self) -> None:
        self._pool.stop()
        self._pool.join()

    def _start(self) -> ProcessPool:
        return ProcessPool(
            max_workers=self.limits.readers,
            max_tasks=RENEWED_AFTER,
            initializer=confine,
            initargs=[self.limits],
            context=self._context,
        )

    def _living_pool(self) -> ProcessPool:
        """The pool; a new one where an idle process of it was killed from outside, which pebble takes for its end."""
        if not self._pool.active:
            logger.warning("The processes that read files were lost: starting others")
            self._pool = self._start()
        return self._pool


def load_studies(folder: Path) -> list[Study]:
    """The studies that were left in a request's folder, which go from there."""
    path = folder / STUDIES
    with path.open("rb") as stream:
        studies: list[Study] = pickle.load(stream)  # written by our own process, into a folder that is ours alone
    path.unlink()
    return studies


def _unreadable(why: str) -> Problem:
    return Problem(422, f"The files could not be read: {why}. Send other files, or fewer.")


def _where(error: Exception) -> str:
    """The last line of code in what a process says of its error: messages may quote files."""
    told = [line.strip() for line in str(getattr(error, "traceback", "")).splitlines() if line.startswith("  File ")]
    return told[-1] if told else "nobody knows where"


def _start_fork_server() -> None:
    """Start it, if it doesn't run, with Ctrl-C blocked: a terminal sends it to all, and the server alone is to act."""
    resource_tracker.ensure_running()  # which the fork server would start, and that unblocks the signal again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
