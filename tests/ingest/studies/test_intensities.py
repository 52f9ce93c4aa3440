import numpy as np
import pytest

from gliaflow.ingest.studies.intensities import LEVEL, to_8_bit


def head(rng: np.random.Generator) -> np.ndarray:
    """Values 0 to 1, float64 [4, 40, 40]: a square of tissue in the dark."""
    slices = np.zeros((4, 40, 40))
    slices[:, 10:30, 10:30] = rng.uniform(0.3, 1.0, (4, 20, 20))
    return slices


def test_8_bit_values_are_as_they_are() -> None:
    slices = np.arange(64, dtype=np.uint8).reshape(1, 8, 8)
    assert np.array_equal(to_8_bit(slices), slices)


def test_the_scale_is_linear_from_nought_to_the_brightest_of_the_head() -> None:
    slices = head(np.random.default_rng(0))
    scaled = to_8_bit(slices)

    top = np.percentile(slices[slices > slices.mean()], 99.9)
    assert np.array_equal(scaled, np.floor(slices / top * LEVEL + 0.5).astype(np.uint8))
    assert scaled.max() in (176, 177)


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.int32, np.float32, ">i2", ">f4"])
@pytest.mark.parametrize("gain", [100, 3000])
def test_type_and_range_make_no_difference(dtype: str, gain: float) -> None:
    slices = head(np.random.default_rng(1))
    stored = (slices * gain).round().astype(dtype)

    assert np.abs(to_8_bit(stored).astype(int) - to_8_bit(slices)).max() <= (2 if gain == 100 else 1)
    assert np.array_equal(to_8_bit(stored, 0.5, 0.0), to_8_bit(stored.astype(np.float64) / 2))


def test_one_bright_spot_does_not_darken_the_rest() -> None:
    slices = head(np.random.default_rng(2))
    spotted = slices.copy()
    spotted[0, 15, 15] = 1000

    scaled = to_8_bit(spotted)
    assert scaled[0, 15, 15] == 255
    assert np.abs(scaled.astype(int) - to_8_bit(slices))[spotted < 1000].max() <= 2


def test_what_surrounds_a_normalised_brain_is_black() -> None:
    slices = head(np.random.default_rng(3))
    tissue = slices > 0
    normalised = np.where(tissue, (slices - slices[tissue].mean()) / slices[tissue].std(), 0.0)

    scaled = to_8_bit(normalised.astype(np.float32))
    assert (scaled[~tissue] == 0).all()
    order = np.argsort(slices[tissue])
    assert (np.diff(scaled[tissue][order].astype(int)) >= 0).all()
    assert scaled[tissue].max() in (176, 177) and np.median(scaled[tissue]) > 60


def test_padding_below_nought_is_black_and_moves_nothing() -> None:
    slices = (head(np.random.default_rng(4)) * 1000).astype(np.int16)
    padded = slices.copy()
    padded[:, :8] = -2000

    assert (to_8_bit(padded)[:, :8] == 0).all()
    assert np.abs(to_8_bit(padded)[:, 8:].astype(int) - to_8_bit(slices)[:, 8:]).max() <= 2


def test_what_is_no_number_is_black() -> None:
    slices = head(np.random.default_rng(5)).astype(np.float32)
    slices[0, 15, 15], slices[0, 16, 16], slices[1, 0, 0] = np.nan, np.inf, -np.inf
    scaled = to_8_bit(slices)

    assert scaled[0, 15, 15] == scaled[0, 16, 16] == scaled[1, 0, 0] == 0
    assert scaled.max() in (176, 177)


@pytest.mark.parametrize("value", [0, 7, -3])
def test_a_volume_of_one_value_is_black(value: int) -> None:
    assert not to_8_bit(np.full((2, 8, 8), value, np.int16)).any()
