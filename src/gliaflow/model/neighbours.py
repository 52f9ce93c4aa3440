"""Neighbouring slices as channels (2.5D): what the network is given of a volume, in training and in predicting."""

import numpy as np


def stack_neighbours(images: np.ndarray, row: int, reach: int) -> np.ndarray:
    """Slice `row` of a volume between `reach` neighbours on either side, as channels of one picture.

    Parameters
    ----------
    images : ndarray of shape (S, H, W, C), uint8
        The volume's slices in order.
    row : int
        0 .. S - 1.
    reach : int
        0 gives the slice alone. Beyond the first and the last slice, that slice stands in for its neighbour.

    Returns
    -------
    ndarray of shape (H, W, C * (2 * reach + 1)), uint8
        Channels of slice row - reach first, those of row + reach last.
    """
    if not reach:
        return np.asarray(images[row])
    rows = np.clip(np.arange(row - reach, row + reach + 1), 0, len(images) - 1)
    return np.concatenate([images[r] for r in rows], axis=-1)


def reach_of(channels: int, of_slice: int = 3) -> int:
    """How many neighbours on either side a network with so many input channels sees.

    Raises ValueError where `channels` is no odd multiple of `of_slice`.
    """
    slices, rest = divmod(channels, of_slice)
    if rest or slices % 2 == 0:
        raise ValueError(
            f"A network takes a slice and as many neighbours on either side, {of_slice} channels each; received "
            f"{channels} channels."
        )
    return slices // 2
