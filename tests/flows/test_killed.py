"""Killed and started again, a run ends in the same bytes: the short form of `benchmarks/kill_matrix.py`.

The runs share the Prefect server of the tests, which spares each start its own; the matrix kills that too.
"""

import json
import shutil
import sys
from pathlib import Path

import pytest

from benchmarks.killing.compare import differences, fingerprint, leftovers
from benchmarks.killing.courses import run_course
from benchmarks.killing.starts import Flow, start

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="watches processes through /proc")

EPOCHS = 4
RECIPE = {
    "work_size": 32,
    "filters": [4, 8],
    "dropouts": [0.1, 0.2],
    "epochs": EPOCHS,
    "batch_size": 4,
    "augmentation": {},
    "empty_ratio": 0.5,
    "plateau_patience": 1,
    "precision": "float32",
}


@pytest.fixture(scope="module")
def flow(prefect_harness, write_patient, tmp_path_factory):
    """`flow(name)` is the command on six tiny patients, with artifacts of its own."""
    from prefect.settings import PREFECT_API_URL

    base = tmp_path_factory.mktemp("killed")
    for i, site in enumerate(("CS", "DU", "HT", "CS", "DU", "HT"), start=1):
        write_patient(base / "data", f"TCGA_{site}_{i:04d}_20000101")
    (base / "recipe.json").write_text(json.dumps(RECIPE))
    options = (
        "--data",
        base / "data",
        "--recipe",
        base / "recipe.json",
        "--size",
        32,
        "--resamples",
        100,
        "--batch",
        2,
    )
    server = {"PREFECT_API_URL": PREFECT_API_URL.value()}
    root = Path(__file__).parents[2]
    return lambda name: Flow(root, tuple(map(str, options)), base / name, server)


@pytest.fixture(scope="module")
def undisturbed(flow):
    alone = flow("undisturbed")
    end = start(alone)
    assert end.state == "finished", alone.log.read_text()
    return alone.artifacts


def point(what, path, written=0):
    return {
        "what": what,
        "path": path,
        "nth": 1,
        "bytes": written,
        "stage": path,
        "kind": what,
        "about": f"{what} {path}",
    }


@pytest.mark.timeout(600)
def test_killed_five_times_a_run_ends_in_the_same_bytes_and_leaves_nothing_behind(flow, undisturbed):
    keys = {stage: sorted((undisturbed / stage).glob("*"))[0].name for stage in ("volume", "train", "report")}
    work = f".work/train-{keys['train']}.resume"
    points = [
        point("rename", f"volume/{keys['volume']}"),
        point("write", f"{work}/epoch-0002.npz.draft", 5_000),
        point("renamed", f"{work}/epoch-0003.npz"),
        point("rename", f"train/{keys['train']}"),
        point("write", f".work/report-{keys['report']}-*/report.html", 1_000),
    ]
    killed = flow("killed")
    course = run_course(killed, points, fingerprint(undisturbed))
    assert course.trouble == ""
    assert [kill["at"]["path"] for kill in course.kills] == [point["path"] for point in points]
    assert [kill["reached"] for kill in course.kills] == ["prepare", "train", "train", "train", "report"]
    told = killed.log.read_text()
    for epoch in (1, 3, EPOCHS):
        assert f"going on after epoch {epoch} of {EPOCHS}" in told
    assert course.differences == course.leftovers == course.again == course.outlived == []


def test_a_changed_byte_a_missing_file_and_unfinished_work_are_noticed(undisturbed, tmp_path):
    copy = tmp_path / "artifacts"
    shutil.copytree(undisturbed, copy)
    expected = fingerprint(copy)
    assert differences(expected, fingerprint(undisturbed)) == leftovers(copy) == []
    (model,) = copy.glob("train/*/model.keras")
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)
    (parts,) = copy.glob("split/*/parts.parquet")
    parts.unlink()
    (manifest,) = copy.glob("label/*/manifest.json")
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"started": "another time"}))
    names = [path.relative_to(copy).as_posix() for path in (parts, model)]
    assert differences(expected, fingerprint(copy)) == [f"missing: {names[0]}", f"differs: {names[1]}"]
    (copy / ".work" / "train-0123456789abcdef.resume").mkdir(parents=True)
    assert leftovers(copy) == [".work/train-0123456789abcdef.resume"]
