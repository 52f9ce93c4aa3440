"""What `/api/predict` answers: what the release says, in the geometry and the format of the files that came."""

import base64
import csv
import io
import json
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

from gliaflow.inference.answers import answer_study
from gliaflow.inference.release import load_release
from gliaflow.ingest.studies.files import list_files
from gliaflow.ingest.studies.opening import open_studies
from gliaflow.web.bodies import Answered


def decode(address: str) -> np.ndarray:
    assert address.startswith("data:image/png;base64,")
    return cv2.imdecode(np.frombuffer(base64.b64decode(address.split(",")[1]), np.uint8), cv2.IMREAD_UNCHANGED)


def test_it_answers_as_the_release_does(served, picture, release_folder, release_name, tmp_path: Path) -> None:
    names = [f"P1_{number}.tif" for number in (1, 2, 3)]
    for number, name in enumerate(names):
        (tmp_path / name).write_bytes(picture(number, ".tif", (40, 48)))
    (study,) = open_studies(list_files([str(tmp_path)], tmp_path))
    expected = answer_study(load_release(release_folder), study)
    assert expected.tumor_pixels.any()

    response = served.send(*[(name, (tmp_path / name).read_bytes()) for name in reversed(names)])
    assert response.status_code == 200
    answer = response.json()
    assert Answered.model_validate(answer)
    assert answer["model"] == {"name": release_name, "engine": "Keras, float32", "training": "3 patients"}
    (told,) = answer["studies"]
    assert (told["name"], told["kind"], told["call"]) == ("P1", "picture", expected.call)
    assert told["tumor_pixels"] == expected.tumor_pixels.sum()
    assert told["tumor_probability"] == pytest.approx(expected.tumor_probability.max(), rel=1e-5)
    assert [part["name"] for part in told["slices"]] == names
    for part, image, mask in zip(told["slices"], study.images, expected.masks, strict=True):
        assert (part["height"], part["width"]) == (40, 48)
        assert (decode(part["image"]) == image[:, :, 1]).all()
        assert (decode(part["mask"]) == mask * 255).all() if mask.any() else part["mask"] is None
    assert [file["name"] for file in told["mask_files"]] == [f"P1_{number}_mask.tif" for number in (1, 2, 3)]
    for file, mask in zip(told["mask_files"], expected.masks, strict=True):
        assert file["type"] == "image/tiff"
        assert (tifffile.imread(io.BytesIO(base64.b64decode(file["content"]))) == mask * 255).all()
    rows = list(csv.DictReader(io.StringIO(answer["table"])))
    assert [row["image"] for row in rows] == names
    assert [int(row["tumor_pixels"]) for row in rows] == expected.tumor_pixels.tolist()
    assert {row["model"] for row in rows} == {release_name}


def test_line_by_line_it_tells_progress_and_then_the_same(served, picture) -> None:
    file = ("a.png", picture())
    plain = served.send(file).json()
    for options in ({"params": {"stream": "1"}}, {"headers": {"Accept": "application/x-ndjson"}}):
        response = served.send(file, **options)
        assert response.headers["content-type"] == "application/x-ndjson"
        *progress, last = map(json.loads, response.text.splitlines())
        assert [event["stage"] for event in progress][:2] == ["reading", "reading"]
        assert progress[-1] == {"event": "progress", "stage": "predicting", "done": 2, "total": 2}  # two members
        assert last.pop("event") == "answer"
        assert last | {"seconds": 0} == plain | {"seconds": 0}


def test_what_can_not_be_used_is_told_beside_what_can(served, picture) -> None:
    answer = served.send(("a.png", picture()), ("b.txt", b"hello"), ("P_1_mask.png", picture(1))).json()
    assert [study["name"] for study in answer["studies"]] == ["a"]
    refused = {file["name"]: file["reason"] for file in answer["refused"]}
    assert refused == {"b.txt": "unknown_format", "P_1_mask.png": "is_a_mask"}


def test_archives_are_opened_and_their_hidden_files_passed_over(served, picture) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("x/P1_1.png", picture(1))
        archive.writestr("x/P1_2.png", picture(2))
        archive.writestr("__MACOSX/x/._P1_1.png", b"rubbish")
    answer = served.send(("all.zip", packed.getvalue())).json()
    assert [(study["name"], len(study["slices"])) for study in answer["studies"]] == [("P1", 2)]
    assert answer["refused"] == []
    twice = served.send(("one.zip", packed.getvalue()), ("two.zip", packed.getvalue())).json()
    names = [part["name"] for study in twice["studies"] for part in study["slices"]]
    assert sorted(names) == ["one/x/P1_1.png", "one/x/P1_2.png", "two/x/P1_1.png", "two/x/P1_2.png"]


def test_nothing_is_kept_and_nothing_is_logged_of_names(served, picture, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        assert served.send(("JANE_DOE_1.png", picture())).status_code == 200
        assert served.send(("JANE_DOE_1.png", b"no picture")).status_code == 422
    assert [path.name for path in served.service.scratch.root.iterdir()] == ["alive"]
    assert "JANE" not in caplog.text and "POST /api/predict 422" in caplog.text
    assert "JANE" not in served.client.get("/metrics").text


def test_formulas_stay_text_in_the_table(served, picture) -> None:
    table = served.send(("=HYPERLINK(1).png", picture())).json()["table"]
    (row,) = csv.DictReader(io.StringIO(table))
    assert row["study"] == "'=HYPERLINK(1)" and row["image"] == "'=HYPERLINK(1).png"
