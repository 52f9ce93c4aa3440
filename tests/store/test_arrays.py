"""Arrays are opened when asked for, can't be written to, and may be empty."""

import numpy as np
import pytest

from gliaflow.store.arrays import Arrays, open_array


def test_arrays_come_by_name_in_order(tmp_path):
    paths = {name: tmp_path / f"{name}.npy" for name in "ba"}
    arrays = Arrays(paths)  # nothing is opened yet: the files may appear later
    for number, path in enumerate(paths.values()):
        np.save(path, np.full((2, 3), number, np.uint8))
    assert list(arrays) == ["b", "a"] and len(arrays) == 2
    assert {name: array.tolist() for name, array in arrays.items()} == {"b": [[0] * 3] * 2, "a": [[1] * 3] * 2}
    assert isinstance(arrays["a"], np.memmap)
    with pytest.raises(KeyError):
        arrays["c"]


@pytest.mark.parametrize("slices", [0, 2])
def test_what_is_opened_is_not_written_to(tmp_path, slices):
    np.save(tmp_path / "a.npy", np.zeros((slices, 4, 4), np.uint8))
    array = open_array(tmp_path / "a.npy")
    assert array.shape == (slices, 4, 4)
    with pytest.raises(ValueError, match="read-only"):
        array[:] = 1
