"""One thread that runs the network, on slices of all requests that wait together.

While the network is at work, slices of other requests gather; they are its next batch. So nobody waits for a batch to
fill, and with many requests batches are full.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Condition, Thread

import numpy as np

from gliaflow.inference.engines import Network
from gliaflow.inference.release import Release


@dataclass(frozen=True, eq=False)
class _Job:
    network: Network
    pictures: np.ndarray
    found: "Future[np.ndarray]" = field(default_factory=Future)


class Batcher:
    """Runs networks in a thread of its own, at most `most` pictures at a time unless one call has more.

    watch : told how many pictures each batch had
    """

    def __init__(self, most: int = 16, watch: Callable[[int], None] | None = None) -> None:
        self.most = most
        self._watch = watch
        self._jobs: deque[_Job] = deque()
        self._changed = Condition()
        self._closed = False
        self._thread = Thread(target=self._work, name="network", daemon=True)
        self._thread.start()

    def run(self, network: Network, pictures: np.ndarray) -> np.ndarray:
        """What `network` makes of `pictures`; waits for its turn. Raises what the network raises."""
        job = _Job(network, pictures)
        with self._changed:
            if self._closed:
                raise RuntimeError("The server is stopping.")
            self._jobs.append(job)
            self._changed.notify()
        return job.found.result()

    def close(self) -> None:
        """End the thread once all that waits is done."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while jobs := self._next():
            try:
                found = jobs[0].network(np.concatenate([job.pictures for job in jobs]))
            except BaseException as error:  # told to each that waits
                for job in jobs:
                    job.found.set_exception(error)
                continue
            if self._watch:
                self._watch(len(found))
            ends = np.cumsum([len(job.pictures) for job in jobs])
            for job, part in zip(jobs, np.split(found, ends[:-1]), strict=True):
                job.found.set_result(part)

    def _next(self) -> list[_Job]:
        """The job that waits longest, and those of the same network that fit in beside it; none when closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._closed)
            if not self._jobs:
                return []
            jobs = [self._jobs.popleft()]
            left = self.most - len(jobs[0].pictures)
            for job in list(self._jobs):
                if job.network is jobs[0].network and len(job.pictures) <= left:
                    self._jobs.remove(job)
                    jobs.append(job)
                    left -= len(job.pictures)
            return jobs


@dataclass(frozen=True, eq=False)
class _Shared:
    """A network whose calls go through a batcher."""

    network: Network
    batcher: Batcher

    @property
    def name(self) -> str:
        return self.network.name

    @property
    def size(self) -> int:
        return self.network.size

    @property
    def channels(self) -> int:
        return self.network.channels

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        return self.batcher.run(self.network, pictures)


def share_networks(release: Release, batcher: Batcher) -> None:
    """From now on let `release`, in whatever threads, run its networks through `batcher`."""
    for member in release.members:
        member.network = _Shared(member.network, batcher)
