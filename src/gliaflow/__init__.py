"""Gliaflow: from a messy folder of brain-MRI slices and tumour masks to a segmentation model that can be trusted."""

from pathlib import Path
from typing import TYPE_CHECKING

from gliaflow.version import __version__ as __version__

if TYPE_CHECKING:
    from gliaflow.inference.loading import Model


def load(model: str | Path, engine: str = "fastest") -> "Model":
    """Load a released model; `gliaflow.load(path).predict(image)` gives masks and answers.

    model  : a release (a folder with `model.json`), or artifacts: of these the registry's current version, else the
             newest release
    engine : what runs the network: "fastest" (of what `gliaflow export` left and found equal), or one by name

    Raises UnusableRelease or UnusableModel where there is none, or its files were changed.
    """
    from gliaflow.inference.loading import Model

    return Model(model, engine)
