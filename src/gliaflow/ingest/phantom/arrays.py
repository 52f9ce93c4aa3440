"""Names for the arrays that the phantom's modules hand to each other."""

import numpy as np
from numpy.typing import NDArray

Volume = NDArray[np.float32]
"""A float32 field over one patient's voxels, [slice, row, column]."""

Vector = NDArray[np.float32]
"""A float32 field of three components, [3, slice, row, column]."""

Mask = NDArray[np.bool_]
"""One truth value a voxel, [slice, row, column]."""
