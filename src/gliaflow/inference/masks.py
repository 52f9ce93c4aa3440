"""Predicted masks as files in the geometry of the images they belong to, with overlays and the prediction frame."""

from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from gliaflow.evaluation.postprocess import predicted_masks
from gliaflow.inference.geometry import restore_mask, write_mask, write_png
from gliaflow.inference.overlays import draw_overlay
from gliaflow.ingest.volumes import load_volume

OVERLAY_SCALE = 2  # a 256-pixel slice becomes a picture of 512


def write_predictions(
    folder: Path,
    slices: pd.DataFrame,
    volumes: Mapping[str, Path],
    probabilities: Path,
    threshold: int,
    min_pixels: int,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Write the mask of each of `slices` (rows of predictions joined with labels) and return the prediction frame.

    Leaves `masks/<patient>/<image name>_mask.png` (uint8, 0 and 255, height and width of the original image) and,
    where there is true or predicted tumour, `overlays/<patient>/<image name>.png`. The frame has the notebook's
    columns `image_path, mask_path, mask, predicted_mask, has_mask` beside patient, slice and overlay.
    """
    frames = []
    groups = slices.groupby("patient", sort=True)
    for done, (patient, rows) in enumerate(groups, start=1):
        volume = load_volume(volumes[str(patient)])
        found = predicted_masks(np.load(probabilities / f"{patient}.npy"), threshold, min_pixels)  # uint8 [S, N, N]
        for kind in ("masks", "overlays"):
            (folder / kind / str(patient)).mkdir(parents=True)
        masks: list[str] = []
        overlays: list[str | None] = []
        for row in rows.to_dict("records"):
            name = PurePosixPath(row["image_path"]).stem
            predicted = found[row["index"]]
            masks.append(f"masks/{patient}/{name}_mask.png")
            write_mask(folder / masks[-1], restore_mask(predicted, row["height"], row["width"]))
            if not (row["mask"] or row["has_mask"]):
                overlays.append(None)
                continue
            overlay = f"overlays/{patient}/{name}.png"
            true = volume.masks[row["index"]]
            write_png(folder / overlay, draw_overlay(volume.images[row["index"]], true, predicted, scale=OVERLAY_SCALE))
            overlays.append(overlay)
        frames.append(rows.assign(predicted_mask=masks, overlay=pd.array(overlays, dtype="str")))
        if progress:
            progress(done, groups.ngroups)
    columns = ["patient", "slice", "image_path", "mask_path", "mask", "predicted_mask", "has_mask", "overlay"]
    return pd.concat(frames, ignore_index=True)[columns]
