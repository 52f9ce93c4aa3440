"""What `/metrics` tells Prometheus: how much, how long, how much memory; nothing of who sent what."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 40, 80, 160)


class Metrics:
    """The figures of one server, in a registry of their own.

    readers : gives the ids of the processes that read files, for their memory
    """

    def __init__(self, readers: Callable[[], Sequence[int]] = lambda: ()) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter(
            "gliaflow_requests", "Requests answered.", ("route", "method", "status"), registry=registry
        )
        self.seconds = Histogram(
            "gliaflow_request_seconds",
            "Seconds to the end of an answer.",
            ("route",),
            buckets=SECONDS,
            registry=registry,
        )
        self.reading = Histogram(
            "gliaflow_reading_seconds", "Seconds of reading a request's files.", buckets=SECONDS, registry=registry
        )
        self.predicting = Histogram(
            "gliaflow_predicting_seconds",
            "Seconds of predicting a request's slices.",
            buckets=SECONDS,
            registry=registry,
        )
        self.slices = Counter("gliaflow_slices", "Slices predicted, by call.", ("call",), registry=registry)
        self.batches = Histogram(
            "gliaflow_batch_slices", "Slices that the network saw at a time.",
            buckets=(1, 2, 4, 8, 12, 16, 32), registry=registry,
        )  # fmt: skip
        self.in_flight = Gauge("gliaflow_requests_in_flight", "Requests under way to an answer.", registry=registry)
        self.shed = Counter(
            "gliaflow_requests_shed", "Requests sent away with 503: too many under way.", registry=registry
        )
        self.refused = Counter(
            "gliaflow_files_refused", "Files that could not be used.", ("reason",), registry=registry
        )
        memory = Gauge("gliaflow_readers_resident_bytes", "Memory of the processes that read files.", registry=registry)
        memory.set_function(lambda: sum(map(resident_bytes, readers())))

    def text(self) -> bytes:
        """The figures as Prometheus reads them."""
        return generate_latest(self.registry)


def resident_bytes(process: int) -> int:
    """Memory that a process holds; 0 where it is gone, or the system doesn't tell."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
