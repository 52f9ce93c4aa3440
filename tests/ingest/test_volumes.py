"""Volumes on disk: what was saved comes back, in the same bytes each time, and can't be written to."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gliaflow.ingest.pair import Rejection, rejected_table
from gliaflow.ingest.prepare import FACT_COLUMNS
from gliaflow.ingest.volumes import Volume, load_volume, save_volume


def volume(slices: int) -> Volume:
    rng = np.random.default_rng(slices)
    rows = [("p", i + 1, i, 8, 8, 3, 64, "", 1.0, 2.0, 3.0, "0" * 16) for i in range(slices)]
    return Volume(
        images=rng.integers(0, 256, (slices, 8, 8, 3), dtype=np.uint8),
        masks=rng.integers(0, 2, (slices, 8, 8), dtype=np.uint8),
        facts=pd.DataFrame(rows, columns=list(FACT_COLUMNS)).astype(FACT_COLUMNS),
        rejected=rejected_table([Rejection("p_9.tif", "truncated", "9 bytes", "prepare")] if slices else []),
    )


@pytest.mark.parametrize("slices", [3, 0])
def test_a_volume_comes_back_as_it_was_saved(tmp_path: Path, slices: int) -> None:
    saved = volume(slices)
    save_volume(tmp_path / "v", saved)
    loaded = load_volume(tmp_path / "v")
    np.testing.assert_array_equal(loaded.images, saved.images)
    np.testing.assert_array_equal(loaded.masks, saved.masks)
    assert loaded.images.dtype == loaded.masks.dtype == np.uint8
    pd.testing.assert_frame_equal(loaded.facts, saved.facts)
    pd.testing.assert_frame_equal(loaded.rejected, saved.rejected)


def test_a_loaded_volume_is_mapped_and_cant_be_written_to(tmp_path: Path) -> None:
    save_volume(tmp_path / "v", volume(2))
    loaded = load_volume(tmp_path / "v")
    assert isinstance(loaded.images, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        loaded.masks[0, 0, 0] = 1
    save_volume(tmp_path / "empty", volume(0))
    assert not load_volume(tmp_path / "empty").images.flags.writeable


def test_equal_volumes_give_equal_bytes(tmp_path: Path) -> None:
    save_volume(tmp_path / "a", volume(2))
    save_volume(tmp_path / "b", volume(2))
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["facts.parquet", "images.npy", "masks.npy", "rejected.parquet"]
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_arrays_and_facts_must_agree(tmp_path: Path) -> None:
    save_volume(tmp_path / "v", volume(2))
    np.save(tmp_path / "v/masks.npy", np.zeros((3, 8, 8), np.uint8))
    with pytest.raises(ValueError, match=r"masks\.npy has 3, not 2"):
        load_volume(tmp_path / "v")
