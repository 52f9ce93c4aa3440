"""The phantom: real anatomy, plausible gliomas, the layout of kaggle_3m, and the same bytes for the same seed."""

import csv
import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy import ndimage
from scipy.interpolate import BSpline

from gliaflow.ingest.names import parse_name
from gliaflow.ingest.phantom import PhantomError, make_phantom
from gliaflow.ingest.phantom import atlas as atlas_module
from gliaflow.ingest.phantom.atlas import ORIGIN, Atlas, load_atlas, read_nifti
from gliaflow.ingest.phantom.noise import smooth_noise
from gliaflow.ingest.phantom.patient import Patient, draw_patient
from gliaflow.ingest.phantom.pose import draw_pose, push_aside
from gliaflow.ingest.phantom.scanner import FLAIR, POST, PRE, draw_contrasts

DATA_CSV = (
    "Patient,RNASeqCluster,MethylationCluster,miRNACluster,CNCluster,RPPACluster,OncosignCluster,COCCluster,"
    "histological_type,neoplasm_histologic_grade,tumor_tissue_site,laterality,tumor_location,gender,"
    "age_at_initial_pathologic,race,ethnicity,death01"
)


@pytest.fixture(scope="module")
def atlas() -> Atlas:
    return load_atlas()


@pytest.fixture(scope="module")
def patient(atlas: Atlas) -> Patient:
    return draw_patient(atlas, 0, seed=0)


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five patients of six slices."""
    folder = tmp_path_factory.mktemp("phantom") / "kaggle_3m"
    make_phantom(folder, patients=5, seed=5, slices=6)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def test_layout_and_names_are_those_of_kaggle_3m(phantom: Path) -> None:
    homes = sorted(path.name for path in phantom.iterdir() if path.is_dir())
    cases = ["CS_P001", "CS_P005", "DU_P002", "FG_P003", "HT_P004"]
    assert [re.sub(r"\d{8}$", "DATE", name) for name in homes] == [f"TCGA_{case}_DATE" for case in cases]
    assert sorted(path.name for path in phantom.iterdir() if path.is_file()) == ["data.csv"]
    for home in homes:
        expected = {f"{home}_{n}{kind}.tif" for n in range(1, 7) for kind in ("", "_mask")}
        assert {path.name for path in (phantom / home).iterdir()} == expected
        name = parse_name(f"{home}/{home}_3_mask.tif")
        assert name is not None
        assert (name.patient, name.slice, name.site, name.case, name.role) == (home, 3, home[5:7], home[:12], "mask")


def test_files_hold_bytes_of_the_stated_shape_and_nothing_that_varies(phantom: Path) -> None:
    for path in phantom.rglob("*.tif"):
        with tifffile.TiffFile(path) as tiff:
            page = tiff.pages.first
            pixels = tiff.asarray()
            assert len(tiff.pages) == 1 and page.compression == 1
            assert not {"Software", "DateTime", "ImageDescription"} & {tag.name for tag in page.tags}
        assert pixels.dtype == np.uint8
        if path.stem.endswith("_mask"):
            assert pixels.shape == (256, 256) and set(np.unique(pixels)) <= {0, 255}
        else:
            assert pixels.shape == (256, 256, 3) and page.photometric == 2


def test_every_patient_has_tumour_on_two_slices_at_least(phantom: Path) -> None:
    for home in (path for path in phantom.iterdir() if path.is_dir()):
        assert sum(bool(tifffile.imread(path).any()) for path in home.glob("*_mask.tif")) >= 2


def test_data_csv_has_the_columns_and_codes_of_the_real_one(phantom: Path) -> None:
    text = (phantom / "data.csv").read_text()
    assert text.splitlines()[0] == DATA_CSV and text.endswith("\n")
    rows = list(csv.DictReader(text.splitlines()))
    assert [row["Patient"] for row in rows] == [
        f"TCGA_{case}" for case in ("CS_P001", "CS_P005", "DU_P002", "FG_P003", "HT_P004")
    ]
    for row in rows:
        assert all(re.fullmatch(r"\d*", value) for column, value in row.items() if column != "Patient")
        assert (
            row["death01"] in {"0", "1", ""}
            and row["gender"] in {"1", "2", ""}
            and row["COCCluster"] in {"1", "2", "3"}
        )
        assert not row["age_at_initial_pathologic"] or 20 <= int(row["age_at_initial_pathologic"]) <= 75


def test_equal_seeds_give_equal_bytes_and_another_patient_changes_no_other(phantom: Path, tmp_path: Path) -> None:
    make_phantom(tmp_path / "again", patients=2, seed=5, slices=6)
    first, second = contents(phantom), contents(tmp_path / "again")
    table = first.pop("data.csv").splitlines()
    assert second.pop("data.csv").splitlines() == [table[0], table[1], table[3]]
    assert len(second) == 24
    assert second == {path: data for path, data in first.items() if path[8:12] in ("P001", "P002")}


def test_seeds_and_numbers_make_different_patients(atlas: Atlas) -> None:
    drawn = [draw_patient(atlas, number, seed, slices=1).images for number, seed in ((0, 0), (1, 0), (0, 1), (1, 1))]
    brains = [image[0, ..., FLAIR].astype(float).ravel() for image in drawn]
    alike = np.corrcoef(brains) - np.eye(4)
    assert alike.max() < 0.95


def test_slices_and_tumour_shares_are_like_those_of_real_patients(patient: Patient) -> None:
    assert 20 <= len(patient.images) <= 26
    share = (patient.masks > 0).mean(axis=(1, 2))
    assert 2 <= (share > 0).sum() <= 0.7 * len(share)
    assert share[share > 0].min() > 0.0002 and share.max() < 0.13
    assert 30 < np.median(patient.images[patient.images[..., FLAIR] > 20]) < 110


def test_masks_outline_what_is_bright_on_flair_and_not_on_t1(patient: Patient) -> None:
    mask = patient.masks > 0
    inner = ndimage.binary_erosion(mask, np.ones((1, 3, 3)))
    around = ndimage.binary_dilation(mask, np.ones((1, 15, 15))) & ~ndimage.binary_dilation(mask, np.ones((1, 9, 9)))
    flair, pre = patient.images[..., FLAIR], patient.images[..., PRE]
    assert np.median(flair[inner]) > 1.35 * np.median(flair[around])
    assert np.median(pre[inner]) < np.percentile(pre[around], 80)  # its surroundings are white matter, but also sulci


def test_vessels_are_bright_after_contrast_alone(patient: Patient) -> None:
    pre, post = (patient.images[..., c] / np.median(patient.images[..., c][patient.masks > 0]) for c in (PRE, POST))
    assert ((post > 1.7) & (pre < 1.1)).sum() > 2 * ((pre > 1.7) & (post < 1.1)).sum()


def test_no_global_threshold_finds_the_tumour(patient: Patient) -> None:
    flair, mask = patient.images[..., FLAIR], patient.masks > 0
    dice = [2 * (mask & (flair > t)).sum() / (mask.sum() + (flair > t).sum()) for t in range(20, 250, 5)]
    assert max(dice) < 0.8


def test_one_patient_of_twelve_lacks_each_t1_and_has_flair_in_its_place(atlas: Atlas) -> None:
    missing = {}
    for number in range(12):
        images = draw_patient(atlas, number, seed=0, slices=1).images
        missing[number] = tuple(c for c in (PRE, POST) if (images[..., c] == images[..., FLAIR]).all())
    assert {number: lost for number, lost in missing.items() if lost} == {4: (PRE,), 9: (POST,)}


def test_contrasts_are_those_of_t1_and_flair() -> None:
    for seed in range(30):
        tissue = draw_contrasts(np.random.default_rng(seed))
        for t1 in (PRE, POST):
            assert tissue["white"][t1] > tissue["grey"][t1] > tissue["fluid"][t1]
            assert tissue["lesion"][t1] < tissue["white"][t1]
        assert tissue["grey"][FLAIR] > 0.95 * tissue["white"][FLAIR] > tissue["fluid"][FLAIR]
        assert tissue["lesion"][FLAIR] > 1.5 * tissue["white"][FLAIR]
        assert tissue["enhancing"][POST] > 1.3 * tissue["white"][POST]


def test_slices_run_upwards_with_the_nose_up_and_the_right_side_on_the_left() -> None:
    where = draw_pose(np.random.default_rng(3), 8).where
    x, y, z = where
    assert (np.diff(x.mean(axis=(0, 1))) < 0).all()  # columns: from the patient's right (x > 0) to the left
    assert (np.diff(y.mean(axis=(0, 2))) < 0).all()  # rows: from front to back
    assert (np.diff(z.mean(axis=(1, 2))) > 0).all()


def test_a_mass_pushes_tissue_away_from_its_centre_only() -> None:
    line = np.zeros((3, 1, 1, 5), np.float32)
    line[0, 0, 0] = [0, 10, 20, 40, 400]
    pushed = push_aside(line, np.zeros(3, np.float32), radius=20.0, strength=0.4)[0, 0, 0]
    expected = line[0, 0, 0] * (1 - 0.4 * np.exp(-((line[0, 0, 0] / 20) ** 2)))
    np.testing.assert_allclose(pushed, expected, rtol=1e-5)


def test_the_brain_lies_inside_the_skull_and_the_skull_inside_the_skin(atlas: Atlas) -> None:
    voxels = np.argwhere(atlas.t1 > 100)[::5000].T
    points = (voxels + np.array(ORIGIN)[:, None]).astype(np.float32)
    assert (atlas.sample("cranium", points) < 0.5).all()
    assert (atlas.sample("skin", points) < -8).mean() > 0.99
    np.testing.assert_array_equal(atlas.sample("t1", points), atlas.t1[tuple(voxels)].astype(np.float32))
    outside = np.array([[0, 104, 130, 0], [0, 0, 0, 0], [112, 0, 0, 100]], np.float32)
    assert (atlas.sample("t1", outside) == 0).all() and (atlas.sample("skin", outside) > 0).all()


def test_templates_are_read_as_nibabel_reads_them(atlas: Atlas) -> None:
    nibabel = pytest.importorskip("nibabel")
    spec = importlib.util.find_spec("nilearn")
    assert spec is not None and spec.submodule_search_locations
    path = Path(spec.submodule_search_locations[0]) / "datasets/data/mni_icbm152_wm_tal_nlin_sym_09a_converted.nii.gz"
    image = nibabel.load(path)
    np.testing.assert_array_equal(read_nifti(path), np.asarray(image.dataobj))
    np.testing.assert_array_equal(
        image.affine, np.array([[1, 0, 0, ORIGIN[0]], [0, 1, 0, ORIGIN[1]], [0, 0, 1, ORIGIN[2]], [0, 0, 0, 1]])
    )


def test_noise_is_standardised_smooth_and_a_cubic_spline() -> None:
    field = smooth_noise(np.random.default_rng(1), (6, 40, 50), (5.0, 1.0, 1.0), 10)
    assert field.shape == (6, 40, 50) and field.dtype == np.float32
    assert abs(field.mean()) < 1e-4 and abs(field.std() - 1) < 1e-4
    assert np.abs(np.diff(field, axis=2)).max() < 0.5

    nodes = np.random.default_rng(1).standard_normal((4, 4, 5 + 4), dtype=np.float32)
    line = smooth_noise(np.random.default_rng(1), (1, 1, 51), (5.0, 1.0, 1.0), 10)[0, 0]
    at_start = np.array([1, 4, 1, 0]) / 6  # the cubic B-spline's values at its nodes
    coefficients = np.einsum("z,y,zyx->x", at_start, at_start, nodes)
    spline = BSpline(np.arange(-3, len(coefficients) + 1), coefficients, 3)(np.arange(51) / 10)
    np.testing.assert_allclose(line, (spline - spline.mean()) / spline.std(), atol=1e-4)


def test_progress_is_told_after_each_patient(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    make_phantom(tmp_path / "p", patients=2, slices=1, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]


def test_a_folder_with_something_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(PhantomError, match=f"new or an empty folder, {re.escape(str(tmp_path))} has something in it"):
        make_phantom(tmp_path, patients=1)
    assert contents(tmp_path) == {"mine.txt": b"mine"}


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    make_phantom(tmp_path, patients=1, slices=1)
    assert len(contents(tmp_path)) == 3


def test_an_interrupted_phantom_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_phantom(tmp_path / "p", patients=2, slices=1, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"patients": 0}, "A phantom has 1 to 999 patients, 0 were asked for"),
        ({"patients": 1000}, "A phantom has 1 to 999 patients, 1000 were asked for"),
        ({"seed": -1}, "A seed is a whole number from 0 on, -1 was given"),
    ],
)
def test_impossible_wishes_are_refused(tmp_path: Path, arguments: dict[str, int], message: str) -> None:
    with pytest.raises(PhantomError, match=message):
        make_phantom(tmp_path / "p", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_without_nilearn_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atlas_module, "find_spec", lambda name: None)
    with pytest.raises(PhantomError, match=r"nilearn, which is not installed: pip install 'gliaflow\[phantom\]'"):
        make_phantom(tmp_path / "p", patients=1)
    assert list(tmp_path.iterdir()) == []
