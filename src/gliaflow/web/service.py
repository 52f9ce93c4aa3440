"""A model at everybody's service: from files in a folder to an answer, with the network shared by all who ask."""

import asyncio
import contextlib
import json
import logging
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from gliaflow.inference.answers import answer_study
from gliaflow.inference.loading import Model
from gliaflow.inference.release import Release
from gliaflow.inference.tables import slice_rows, to_csv
from gliaflow.ingest.studies.study import Study
from gliaflow.web.batching import Batcher, share_networks
from gliaflow.web.encoding import encode_answer
from gliaflow.web.metrics import Metrics
from gliaflow.web.places import Place, Places
from gliaflow.web.problems import Problem, refusal_json
from gliaflow.web.readers import Readers, load_studies
from gliaflow.web.scratch import Scratch
from gliaflow.web.settings import ServeLimits
from gliaflow.web.uploads import Upload

logger = logging.getLogger(__name__)

CARD = "MODEL_CARD.md"
NOTHING = "None of the files can be used."
FAILED = "Something went wrong in the server. Try again, or ask who runs it."

Tell = Callable[[str, int, int], None]
"""Told of a stage ("reading" or "predicting") how much of how much is done; called in the event loop's thread."""


class Stopped(Exception):
    """Nobody waits for this answer any more."""


class Service:
    """A loaded model with all that answering takes; `close` ends its threads and processes and removes its folder."""

    def __init__(self, model: Model, limits: ServeLimits | None = None) -> None:
        self.limits = limits or ServeLimits()
        self.release, self.name, self.engine = model.release, model.name, model.engine
        self.training = training_of(model.release)
        self.card = _read(model.folder / CARD)
        self.places = Places(self.limits)
        self.readers = Readers(self.limits)
        self.metrics = Metrics(self.readers.process_ids)
        self.metrics.in_flight.set_function(lambda: self.places.requests)
        self.batcher = Batcher(self.limits.batch, self.metrics.batches.observe)
        share_networks(model.release, self.batcher)
        self.threads = ThreadPoolExecutor(self.limits.requests, thread_name_prefix="answer")
        self.scratch = Scratch()
        self.is_ready = False

    def warm(self) -> None:
        """Have all that is slow at first behind it: processes started, the network run once."""
        self.readers.warm()
        size = self.release.bundle.size
        for slices in (1, 2):  # the second size teaches TensorFlow that sizes vary
            self.release.predict_volume(np.zeros((slices, size, size, 3), np.uint8))
        self.is_ready = True

    def close(self) -> None:
        self.is_ready = False
        self.readers.close()
        self.threads.shutdown(cancel_futures=True)
        self.batcher.close()
        self.scratch.close()

    async def answer(self, uploads: Sequence[Upload], folder: Path, place: Place, tell: Tell) -> bytes:
        """The answer as JSON. Raises Problem: 413 for too much, 422 without a file to use, 503, 504 for too long."""
        start = time.perf_counter()
        stop = threading.Event()
        try:
            async with asyncio.timeout(self.limits.seconds):
                content = await self._answer(uploads, folder, place, tell, stop)
        except TimeoutError:
            message = f"No answer within {self.limits.seconds:g} s. Send fewer slices at a time, or try again later."
            raise Problem(504, message) from None
        except (Problem, Stopped):
            raise
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)
            where = "\n".join(f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames)
            logger.error("A request failed with %s\n%s", type(error).__name__, where)  # its words may quote files
            raise Problem(500, FAILED) from None
        finally:
            stop.set()
        self.places.answered(time.perf_counter() - start)
        return content

    async def _answer(
        self, uploads: Sequence[Upload], folder: Path, place: Place, tell: Tell, stop: threading.Event
    ) -> bytes:
        start = time.perf_counter()
        tell("reading", 0, len(uploads))
        found = await self.readers.read(folder, uploads)
        tell("reading", len(uploads), len(uploads))
        self.metrics.reading.observe(time.perf_counter() - start)
        for refusal in found.refused:
            self.metrics.refused.labels(refusal.reason).inc()
        if not found.studies:
            (first, *others) = found.refused or [None]
            message = first.message if first and not others else NOTHING
            raise Problem(422, message, refused=found.refused)
        # small slices become as large as the network takes them
        place.add_pixels(max(found.pixels, found.slices * self.release.bundle.size**2))
        loop = asyncio.get_running_loop()

        def progress(done: int, total: int) -> None:
            if stop.is_set():
                raise Stopped
            with contextlib.suppress(RuntimeError):  # a loop that was closed meanwhile
                loop.call_soon_threadsafe(tell, "predicting", done, total)

        def work() -> bytes:
            studies, rows = self._predict(load_studies(folder), progress)
            content = {
                "model": {"name": self.name, "engine": self.engine, "training": self.training},
                "seconds": round(time.perf_counter() - start, 3),
                "studies": studies,
                "refused": [refusal_json(refusal) for refusal in found.refused],
                "table": to_csv(rows),
            }
            return json.dumps(content, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")

        return await loop.run_in_executor(self.threads, work)

    def _predict(
        self, studies: list[Study], progress: Callable[[int, int], None]
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Encoded answers, and the rows of their table; each study goes as soon as it is answered."""
        start = time.perf_counter()
        members = len(self.release.members)
        total, before = members * sum(len(study.images) for study in studies), 0
        encoded: list[dict[str, Any]] = []
        rows: list[dict[str, Any]] = []
        while studies:
            study = studies.pop(0)

            def within(done: int, _: int, before: int = before) -> None:
                progress(before + done, total)

            answer = answer_study(self.release, study, within)
            before += members * len(study.images)
            encoded.append(encode_answer(answer, self.name))
            rows += slice_rows(answer, self.name, self.engine)
            for call in answer.calls:
                self.metrics.slices.labels(str(call)).inc()
        self.metrics.predicting.observe(time.perf_counter() - start)
        return encoded, rows


def training_of(release: Release) -> str | None:
    """How many patients it was trained on, where that was written down."""
    patients = release.bundle.familiarity.patients
    return f"{patients} patients" if patients else None


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
