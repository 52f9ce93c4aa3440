"""All patients measured, in processes of their own where that is worth their start."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import repeat
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from threading import Thread

import pandas as pd

from gliaflow.errors import GliaflowError
from gliaflow.ingest.doctor.measure import Measured, measure_patient

FEW_SLICES = 400  # below which one process is done before others have started: about half a second

Progress = Callable[[str, int, int], None]
"""Told of what (`files` or `patients`) how many are done, of how many."""


class ReaderKilled(GliaflowError):
    """A process that read slices ended without a word."""


def available_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def measure_patients(
    root: Path, slices: pd.DataFrame, *, workers: int = 1, progress: Progress | None = None
) -> Iterator[Measured]:
    """Measure each patient of a slice table, in its order; with `workers` > 1 in as many processes.

    These are started by a fork server, which needs the caller's main module to be importable. Raises ReaderKilled.
    """
    patients = [rows for _, rows in slices.groupby("patient")]
    for done, measured in enumerate(_measure(root, patients, workers if len(slices) >= FEW_SLICES else 1), start=1):
        if progress:
            progress("patients", done, len(patients))
        yield measured


def _measure(root: Path, patients: list[pd.DataFrame], workers: int) -> Iterator[Measured]:
    if workers < 2:
        yield from map(measure_patient, repeat(root), patients)
        return
    context = multiprocessing.get_context("forkserver")  # fork alone is unsafe beside the threads of a progress bar
    context.set_forkserver_preload(["gliaflow.ingest.doctor.measure"])
    _start_fork_server()
    try:
        with ProcessPoolExecutor(workers, mp_context=context, initializer=_die_with_parent) as pool:
            try:
                yield from pool.map(measure_patient, repeat(root), patients)
            except BaseException:  # also of a caller that is stopped: nobody waits for the patients left
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    except BrokenProcessPool:
        raise ReaderKilled(
            "A process that read slices was killed, perhaps because memory ran out. Run again with more memory free."
        ) from None


def _start_fork_server() -> None:
    """Start it, if it doesn't run, with Ctrl-C blocked, as its processes then have it from their first moment.

    A terminal sends an interrupt to all of them; the parent alone is to say what happened.
    """
    resource_tracker.ensure_running()  # which the server would start, and that unblocks the signal again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _die_with_parent() -> None:
    """End this process when the one that started it is gone: a killed parent can't tell it to."""

    def wait() -> None:
        parent = multiprocessing.parent_process()
        if parent:
            parent.join()
            os._exit(1)

    Thread(target=wait, daemon=True).start()
