"""Arrays in files, opened when they are asked for: a mapped file stays open, and a process may open only so many.

The usual limit is 1,024 files, which training, scoring or trying a model on a thousand patients would reach.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np


def open_array(path: Path) -> np.ndarray:
    """The array of a .npy file, memory-mapped and not to be written to; its file is closed with the last view of it."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError:  # nothing can't be mapped
        array = np.load(path, allow_pickle=False)
        array.flags.writeable = False
        return array


class Arrays(Mapping[str, np.ndarray]):
    """Arrays by name, in the order of `paths`; none is open longer than it is used."""

    def __init__(self, paths: Mapping[str, Path]) -> None:
        self.paths = dict(paths)

    def __getitem__(self, name: str) -> np.ndarray:
        return open_array(self.paths[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)
