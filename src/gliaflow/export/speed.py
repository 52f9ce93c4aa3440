"""How fast networks are, measured side by side: rounds in turn, so that a busy moment does not meet one alone."""

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from gliaflow.export.record import Speed
from gliaflow.inference.predictor import BATCH

Run = Callable[[np.ndarray], np.ndarray]


def measure(
    networks: Mapping[str, Run],
    pictures: np.ndarray,
    *,
    rounds: int = 5,
    singles: int = 5,
    take: Callable[[Sequence[float]], float] = min,
) -> dict[str, Speed]:
    """The speed of each network on pictures uint8 [N, H, W, C], N at least a batch.

    A round is all whole batches of the pictures, then `singles` pictures one at a time. `take` makes one figure of what
    all rounds took: the least is what other work on the machine disturbed least.
    """
    batches = [pictures[start : start + BATCH] for start in range(0, len(pictures) - BATCH + 1, BATCH)]
    for run in networks.values():  # some prepare themselves at the first call, for each size of batch
        run(batches[0])
        run(pictures[:1])
    together: dict[str, list[float]] = {name: [] for name in networks}
    alone: dict[str, list[float]] = {name: [] for name in networks}
    for _ in range(rounds):
        for name, run in networks.items():
            clock = time.perf_counter()
            for batch in batches:
                run(batch)
            together[name].append((time.perf_counter() - clock) / (len(batches) * BATCH))
            for number in range(singles):
                clock = time.perf_counter()
                run(pictures[number : number + 1])
                alone[name].append(time.perf_counter() - clock)
    return {
        name: Speed(slices_per_second=1 / take(together[name]), ms_a_slice=1000 * take(alone[name]))
        for name in networks
    }
