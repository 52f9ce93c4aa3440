"""What predicting leaves in a folder."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gliaflow.inference.answers import Answer
from gliaflow.inference.outputs import Outputs, UnusableOutputs, claim_folder
from gliaflow.ingest.studies.pictures import Pictures
from gliaflow.ingest.studies.study import MaskFile, Study


class Whole:
    """A form whose mask is one file of all slices, as of volumes."""

    kind = "nifti"

    def encode(self, masks, model):
        return (MaskFile("sub.01_flair_mask.nii.gz", "application/gzip", b"all"),)


def _answer(names: tuple[str, ...], form) -> Answer:
    images = tuple(np.zeros((8, 8, 3), np.uint8) for _ in names)
    masks = tuple(np.ones((8, 8), np.uint8) for _ in names)
    return Answer(Study("s", images, names, (), form), masks, np.ones(len(names)), np.array(["tumor"] * len(names)), ())


def test_dots_in_a_name_are_part_of_it(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path, "model", "engine")
    for _ in range(2):
        outputs.add(_answer(("sub.01_1", "sub.01_2"), Whole()))
    outputs.close()
    table = pd.read_csv(tmp_path / "slices.csv")
    assert list(table["overlay"]) == [f"overlays/sub.01_{n}.png" for n in ("1", "2", "1_2", "2_2")]
    first, second = "masks/sub.01_flair_mask.nii.gz", "masks/sub.01_flair_mask_2.nii.gz"
    assert list(table["mask"]) == [first, first, second, second]
    assert all((tmp_path / path).is_file() for path in [*table["mask"], *table["overlay"]])


def test_a_name_that_is_no_text_is_written_with_escapes(tmp_path: Path) -> None:
    name = b"\xff.tif".decode(errors="surrogateescape")  # as the system gives it
    outputs = Outputs(tmp_path, "model", "engine")
    outputs.add(_answer((name,), Pictures((name,), (".tif",))))
    outputs.close()
    assert pd.read_csv(tmp_path / "slices.csv")["image"][0] == r"\udcff.tif"


def test_results_are_not_mixed_with_earlier_ones(tmp_path: Path) -> None:
    claim_folder(tmp_path / "new" / "out")
    assert (tmp_path / "new" / "out").is_dir()
    (tmp_path / "notes.txt").write_text("no result")
    claim_folder(tmp_path)
    (tmp_path / "masks").mkdir()
    with pytest.raises(UnusableOutputs, match="not mixed with earlier ones; .* has masks. Name another folder"):
        claim_folder(tmp_path)


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_folder_that_can_not_be_written_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(UnusableOutputs, match="Results need a folder that can be written to; .*Name another."):
        claim_folder(tmp_path / name)
