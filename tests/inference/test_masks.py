"""Predicted masks go back to the size of their images, and the frame names them."""

import cv2
import numpy as np
import pandas as pd
import pytest

from gliaflow.inference.masks import write_predictions
from gliaflow.ingest.volumes import Volume, save_volume


@pytest.fixture
def written(tmp_path):
    """Slices with true and predicted, no, and false tumour, prepared at 32 x 32 from images of 64 x 48."""
    masks = np.zeros((3, 32, 32), np.uint8)
    masks[0, 8:16, 8:16] = 1
    quantised = np.zeros((3, 32, 32), np.uint8)
    quantised[0, 8:16, 8:24] = 150
    quantised[2, 0:4, 0:4] = 128
    quantised[1, 0:4, 0:4] = 127
    quantised[2, 20:23, 20] = 255  # three pixels: too small
    facts = pd.DataFrame({"patient": "p", "slice": [1, 2, 3], "index": [0, 1, 2]})
    save_volume(tmp_path / "p", Volume(np.full((3, 32, 32, 3), 60, np.uint8), masks, facts, pd.DataFrame({"path": []})))
    (tmp_path / "probabilities").mkdir()
    np.save(tmp_path / "probabilities" / "p.npy", quantised)
    slices = pd.DataFrame(
        {
            "patient": "p",
            "slice": [1, 2, 3],
            "index": [0, 1, 2],
            "height": 64,
            "width": 48,
            "image_path": ["p/p_1.tif", "p/p_2.tif", "p/p_3.tif"],
            "mask_path": ["p/p_1_mask.tif", "p/p_2_mask.tif", "p/p_3_mask.tif"],
            "mask": [1, 0, 0],
            "has_mask": [1, 0, 1],
        }
    )
    out = tmp_path / "out"
    out.mkdir()
    seen: list[tuple[int, int]] = []
    frame = write_predictions(
        out, slices, {"p": tmp_path / "p"}, tmp_path / "probabilities", 128, 4, lambda *done: seen.append(done)
    )
    assert seen == [(1, 1)]
    return out, frame


def test_masks_have_the_images_geometry_and_the_threshold(written):
    out, frame = written
    masks = [cv2.imread(str(out / path), cv2.IMREAD_UNCHANGED) for path in frame["predicted_mask"]]
    assert [mask.shape for mask in masks] == [(64, 48)] * 3
    assert {value for mask in masks for value in np.unique(mask)} == {0, 255}
    rows, columns = np.nonzero(masks[0])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (16, 31, 12, 35)
    assert masks[1].max() == 0 and masks[2].max() == 255


def test_small_components_are_dropped(written):
    out, frame = written
    rows, columns = np.nonzero(cv2.imread(str(out / frame["predicted_mask"][2]), cv2.IMREAD_UNCHANGED))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (0, 7, 0, 5)


def test_the_frame_has_the_notebooks_columns_and_overlays_where_there_is_something_to_see(written):
    out, frame = written
    assert {"image_path", "mask_path", "mask", "predicted_mask", "has_mask"} <= set(frame.columns)
    assert frame["predicted_mask"].tolist() == [f"masks/p/p_{i}_mask.png" for i in (1, 2, 3)]
    assert frame["has_mask"].tolist() == [1, 0, 1]
    assert frame["overlay"].isna().tolist() == [False, True, False]
    assert sorted(path.name for path in (out / "overlays" / "p").iterdir()) == ["p_1.png", "p_3.png"]
