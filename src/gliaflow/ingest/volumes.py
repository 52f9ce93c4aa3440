"""A patient's prepared slices as one volume, and its folder on disk."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gliaflow.store.arrays import open_array
from gliaflow.store.tables import read_table, write_table


@dataclass(frozen=True)
class Volume:
    """A patient's slices in ascending slice number: images uint8 [S, N, N, 3], masks uint8 {0, 1} [S, N, N].

    Row i of `facts` describes slice i of the arrays; `rejected` names the files that could not be used. S may be 0.
    """

    images: np.ndarray
    masks: np.ndarray
    facts: pd.DataFrame
    rejected: pd.DataFrame


def save_volume(folder: Path, volume: Volume) -> None:
    """Write images.npy, masks.npy, facts.parquet and rejected.parquet into `folder`; equal volumes give equal bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "images.npy", np.ascontiguousarray(volume.images), allow_pickle=False)
    np.save(folder / "masks.npy", np.ascontiguousarray(volume.masks), allow_pickle=False)
    write_table(volume.facts, folder / "facts.parquet")
    write_table(volume.rejected, folder / "rejected.parquet")


def load_volume(folder: Path) -> Volume:
    """Open the volume in `folder`; its arrays are memory-mapped and can't be written to."""
    facts, rejected = read_table(folder / "facts.parquet"), read_table(folder / "rejected.parquet")
    return Volume(_open(folder / "images.npy", len(facts)), _open(folder / "masks.npy", len(facts)), facts, rejected)


def _open(path: Path, slices: int) -> np.ndarray:
    array = open_array(path)
    if len(array) != slices:
        raise ValueError(f"A volume's arrays and facts have the same slices: {path} has {len(array)}, not {slices}")
    return array
