"""`gliaflow.load(path).predict(image)`."""

import re
import shutil
import textwrap
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import gliaflow
from gliaflow.inference.answers import Answer
from gliaflow.inference.release import load_release
from gliaflow.ingest.reasons import UnusableFile, UnusableSource
from gliaflow.ingest.studies.study import Refusal


@pytest.fixture(scope="module")
def model(tiny_release: Path):
    return gliaflow.load(tiny_release, engine="keras")


@pytest.fixture
def slices(head) -> np.ndarray:
    return head(3)


def test_a_volume_of_slices_is_what_the_release_says_of_it(model, tiny_release: Path, slices: np.ndarray) -> None:
    answer = model.predict(slices)
    found = load_release(tiny_release).predict_volume(slices)
    assert (np.array(answer.masks) == found.masks).all() and answer.masks[0].dtype == np.uint8
    assert (answer.tumor_probability == found.tumor_probability).all() and (answer.calls == found.call).all()


def test_one_slice_as_array_or_file(model, tmp_path: Path, slices: np.ndarray) -> None:
    cv2.imwrite(str(tmp_path / "slice.png"), slices[0][..., ::-1])
    from_array, from_file = model.predict(slices[0]), model.predict(tmp_path / "slice.png")
    assert (from_array.masks[0] == from_file.masks[0]).all() and from_file.study.name == "slice"
    flair = np.repeat(slices[0][..., 1:2], 3, axis=2)
    assert (model.predict(slices[0][..., 1]).masks[0] == model.predict(flair).masks[0]).all()


def test_other_sizes_come_back_in_their_own(model) -> None:
    assert model.predict(np.zeros((100, 80, 3), np.uint16)).masks[0].shape == (100, 80)


def test_what_is_no_slice_is_refused(model, tmp_path: Path) -> None:
    with pytest.raises(UnusableFile, match="5 channels"):
        model.predict(np.zeros((32, 32, 5), np.uint8))
    with pytest.raises(UnusableFile, match="there is no slice"):
        model.predict(np.zeros((0, 32, 32, 3), np.uint8))
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(UnusableSource, match="there are 0 in .*text.png: A slice must be"):
        model.predict(tmp_path / "text.png")


def test_a_folder_with_several_studies_is_predicted_by_each(model, kaggle, monkeypatch) -> None:
    root = kaggle(2, size=64)
    with monkeypatch.context() as patch, pytest.raises(UnusableSource, match="there are 2 in .*predict_each"):
        patch.setattr(model, "release", None)  # nothing is predicted in vain
        model.predict(root)
    found = list(model.predict_each(root))
    assert [one.study.name for one in found if isinstance(one, Answer)] == [
        "TCGA_CS_0001_20000101",
        "TCGA_DU_0002_20000101",
    ]
    assert {one.reason for one in found if isinstance(one, Refusal)} == {"is_a_mask"}


def test_the_example_of_the_docs_runs(tiny_release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / "predicting.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^## In Python\n\n(.*?)^## ", page, re.M | re.S)
    shutil.copytree(tiny_release, tmp_path / "artifacts")
    content = head_volume()
    for folder in ("patient", "folder"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "flair.nii.gz").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.writestr("P1/flair.nii.gz", content)
        archive.writestr("notes.txt", "no image")
    monkeypatch.chdir(tmp_path)
    known: dict[str, Any] = {}
    exec(textwrap.dedent(example), known)
    answer = known["answer"]
    assert answer.call in ("tumor", "unsure", "empty") and answer.volume_ml == answer.tumor_pixels.sum() * 3 / 1000
    assert [mask.shape for mask in answer.masks] == [(24, 20)] * 4
    found = list(known["model"].predict_each("folder", "more.zip"))
    assert [one.study.name for one in found if isinstance(one, Answer)] == ["P1", "folder"]
    assert [one.name for one in found if isinstance(one, Refusal)] == ["notes.txt"]


def head_volume() -> bytes:
    """A NIfTI file of 20 x 24 x 4 voxels, 1 x 1 x 3 mm."""
    nibabel = pytest.importorskip("nibabel")
    voxels = np.random.default_rng(0).integers(0, 1000, (20, 24, 4)).astype(np.int16)
    return bytes(nibabel.Nifti1Image(voxels, np.diag([1.0, 1.0, 3.0, 1.0])).to_bytes())
