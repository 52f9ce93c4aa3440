"""Slices to compare on: whole patients of real folders, spread, or made-up heads."""

from pathlib import Path

import numpy as np
import pytest

from gliaflow.export import slices
from gliaflow.export.slices import NoSlices, draw_study, make_slices, read_slices
from gliaflow.ingest.phantom import PhantomError
from gliaflow.ingest.studies.files import File
from gliaflow.ingest.studies.pictures import Pictures
from gliaflow.ingest.studies.study import Spacing, Study


def test_whole_patients_until_there_are_enough(real_slices: Path) -> None:
    (one,) = read_slices([str(real_slices)], 64, 1)
    assert one.shape == (8, 64, 64, 3) and one.dtype == np.uint8 and one.max() > 100
    both = read_slices([str(real_slices)], 64, 9)
    assert [len(study) for study in both] == [8, 8] and (both[0] == one).all()
    assert [len(study) for study in read_slices([str(real_slices)], 32, 1000)] == [8, 8]


def test_slices_are_prepared_as_for_predicting(monkeypatch, tmp_path: Path) -> None:
    image = np.full((40, 40, 3), 200, np.uint8)
    study = Study("s", (image,), ("s_1",), (), Pictures(("s_1",), (".png",)), Spacing(5.0, 1.0, 0.5))
    monkeypatch.setattr(slices, "list_files", lambda *_: [File("s_1.png", tmp_path)])
    monkeypatch.setattr(slices, "open_studies", lambda _: iter([study]))
    (prepared,) = read_slices(["s"], 40, 1)
    assert (prepared[0, :, 12:28] == 200).all() and not prepared[0, :, [0, 39]].any()  # padded: 40 mm tall, 20 mm wide


def test_a_folder_without_slices_is_no_proof(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(NoSlices, match="There is no slice that can be read in .*Name a folder of MRI slices"):
        read_slices([str(tmp_path)], 64, 10)


def test_without_the_phantom_heads_are_drawn(monkeypatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PhantomError("nilearn is not installed")

    monkeypatch.setattr(slices, "make_phantom", fail)
    kind, studies = make_slices(64, 30)
    assert kind == "drawn" and [len(study) for study in studies] == [8] * 6
    assert (studies[0] != studies[1]).any()


def test_phantoms_are_taken_where_they_can_be_made(monkeypatch, write_patient) -> None:
    asked: list[int] = []

    def write(folder: Path, patients: int, seed: int) -> None:
        asked.append(patients)
        write_patient(folder)

    monkeypatch.setattr(slices, "make_phantom", write)
    kind, studies = make_slices(64, 30)
    assert kind == "phantom" and asked == [slices.PHANTOMS] and [study.shape for study in studies] == [(4, 64, 64, 3)]


def test_a_drawn_lesion_is_bright_in_flair_alone() -> None:
    study = draw_study(96, np.random.default_rng(1)).astype(int)
    excess = study[4, ..., 1] - study[4, ..., 0]
    assert 100 < np.count_nonzero(excess > 60) < 1500
    assert np.count_nonzero(study[4].max(axis=-1) > 40) > 2000
