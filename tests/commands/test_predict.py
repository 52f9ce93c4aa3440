"""`gliaflow predict`, as a person types it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from gliaflow.cli import main
from gliaflow.ingest.readers import read_mask


@pytest.fixture
def predict(tiny_release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Predict inputs by the tiny release; gives exit status, what was printed, and the results' folder."""

    def run(*inputs: Path, model: Path = tiny_release, out: Path = tmp_path / "out") -> tuple[int, list[str], Path]:
        status = main(["predict", str(model), *map(str, inputs), "--out", str(out), "--engine", "keras"])
        printed = capsys.readouterr()
        return status, (printed.out + printed.err).splitlines(), out

    return run


def test_a_folder_is_predicted_and_told_line_by_line(predict, kaggle) -> None:
    root = kaggle(2, size=48)
    status, lines, out = predict(root)
    assert status == 0
    assert lines[0].startswith("release ") and lines[0].endswith(", run by Keras, float32")
    assert lines[1].startswith("TCGA_CS_0001_20000101") and "  4 slices  " in lines[1]
    assert lines[2].startswith("TCGA_DU_0002_20000101")
    assert lines[4].startswith("2 studies: ") and "8 other files passed over. 8 slices in " in lines[4]
    assert lines[5:] == [*(str(out / name) for name in ("studies.csv", "slices.csv", "masks", "overlays")), lines[-1]]
    assert lines[-1] == "Research use only. Not a medical device."
    slices = pd.read_csv(out / "slices.csv")
    assert len(slices) == 8
    for row in slices.itertuples():
        mask = read_mask(out / row.mask)
        assert mask.shape == (48, 48) and mask.sum() == row.tumor_pixels and row.mask.endswith("_mask.tif")
    assert not list(root.rglob("out"))


def test_what_can_not_be_used_is_named_and_the_rest_goes_on(predict, kaggle, tmp_path: Path) -> None:
    root = kaggle(1, size=48)
    (tmp_path / "notes.txt").write_text("named, so told of")
    (root / "notes.txt").write_text("in a folder, so passed over")
    (root / "broken_1.tif").write_bytes(b"II*\0")
    status, lines, _ = predict(root, tmp_path / "notes.txt")
    assert status == 1
    assert any(line.startswith("kaggle_3m/broken_1.tif  left out: ") for line in lines)
    assert any(line.startswith("notes.txt  left out: A slice must be TIFF, PNG, JPEG") for line in lines)
    assert not any("kaggle_3m/notes.txt" in line for line in lines)
    assert "1 study: " in lines[-6] and "2 files left out, 5 other files passed over" in lines[-6]


@pytest.mark.parametrize(
    ("model", "inputs", "said"),
    [
        ("nothing", ["data"], "A model is a release"),
        (None, ["missing.tif"], "There is no "),
        (None, ["empty"], "is empty"),
        (None, ["data/masks"], "there is no image that can be used in 1 file, with 1 masks"),
    ],
)
def test_it_refuses_in_plain_words(predict, tmp_path: Path, tiny_release: Path, model, inputs, said: str) -> None:
    (tmp_path / "data" / "masks").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    tifffile.imwrite(tmp_path / "data" / "masks" / "P_1.tif", np.zeros((8, 8), np.uint8))
    where = tmp_path / model if model else tiny_release
    status, lines, out = predict(*(tmp_path / name for name in inputs), model=where)
    assert status == 2 and not (out / "slices.csv").exists()
    assert lines[-1].startswith("gliaflow predict: ") and said in lines[-1]


def test_results_may_not_lie_in_the_inputs(predict, kaggle) -> None:
    root = kaggle(1)
    status, lines, _ = predict(root, out=root / "out")
    assert status == 2 and "Results must lie outside" in lines[-1] and not (root / "out").exists()


def test_results_may_not_lie_among_earlier_ones(predict, kaggle) -> None:
    root = kaggle(1, size=48)
    assert predict(root)[0] == 0
    status, lines, _ = predict(root)
    assert status == 2 and len(lines) == 1 and "Results are not mixed with earlier ones" in lines[0]
