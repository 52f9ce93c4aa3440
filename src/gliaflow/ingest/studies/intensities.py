"""Intensities of any range and type become 8 bit as those of the training data are, by one scale a volume.

- Unscaled 8-bit values are as they are.
- Else the scale is linear, from 0 to 0 and from the 99.9th percentile of the head to LEVEL; what is brighter goes on
  up to 255, where it is cut off. Head is what is brighter than the volume's mean. LEVEL is that percentile in the
  patients of kaggle_3m (median of 60, all three sequences).
- Where there are negative values, the scale begins at their 0.1st percentile instead; and the least value, or else
  the most common, is black and not counted if it fills more than a tenth of such a volume: it is padding, or what
  surrounds a normalised brain.
- NaN and infinity are black.
"""

import numpy as np

LEVEL = 176.0
TOP, BOTTOM = 99.9, 0.1  # percentiles
FILL = 0.1  # share of the voxels
_SAMPLE = 2_000_000  # voxels by which the scale is found


def to_8_bit(slices: np.ndarray, slope: float = 1.0, intercept: float = 0.0) -> np.ndarray:
    """Slices [S, H, W] of real numbers, stored as (value - intercept) / slope, as uint8 [S, H, W]; see the module."""
    if slices.dtype == np.uint8 and (slope, intercept) == (1.0, 0.0):
        return slices
    step = max(1, int(np.ceil((slices.size / _SAMPLE) ** (1 / 3))))
    sample = slices[::step, ::step, ::step].astype(np.float64).ravel()
    bottom, top, fill = _scale(sample[np.isfinite(sample)] * slope + intercept)
    scaled = np.zeros(slices.shape, np.uint8)
    if not top > bottom:
        return scaled
    for number, stored in enumerate(slices):  # one at a time: a volume as float64 is large
        values = stored.astype(np.float64) * slope + intercept
        values[~np.isfinite(values)] = bottom
        if fill is not None:
            values[values == fill] = bottom
        scaled[number] = np.clip(np.floor((values - bottom) / (top - bottom) * LEVEL + 0.5), 0, 255)
    return scaled


def _scale(values: np.ndarray) -> tuple[float, float, float | None]:
    """What becomes 0, what becomes LEVEL, and a value that is black wherever it stands."""
    bottom, fill = 0.0, None
    if not values.size:
        return 0.0, 0.0, None
    if values.min() < 0:
        found, counts = np.unique(values, return_counts=True)
        surrounding = 0
        most = 0 if counts[0] > FILL * len(values) else int(counts.argmax())  # padding is the least value
        if counts[most] > FILL * len(values):
            fill, surrounding = float(found[most]), int(counts[most])
            values = values[values != fill]
        if not values.size:
            return 0.0, 0.0, fill
        bottom = min(0.0, float(np.percentile(values, BOTTOM)))
        mean = (np.maximum(values, bottom).sum() + surrounding * bottom) / (len(values) + surrounding)
    else:
        mean = values.mean()
    head = values[values > mean]
    return bottom, float(np.percentile(head, TOP)) if head.size else bottom, fill
