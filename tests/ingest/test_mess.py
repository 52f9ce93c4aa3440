"""Each kind of mess is what its name says, and nothing that was there is changed."""

import itertools
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from gliaflow.ingest.mess import KINDS, MESSES, SPARED, add_mess
from gliaflow.ingest.phantom import PhantomError
from gliaflow.ingest.reasons import REASONS

SLICES = 5


@pytest.fixture
def root(tiny_phantom: Any, tmp_path: Path) -> Path:
    """Three tiny patients that are called as phantom patients are."""
    return Path(tiny_phantom(tmp_path / "kaggle_3m", slices=SLICES))


def contents(folder: Path) -> dict[str, bytes]:
    """All files by path; links are not followed, and what may not be read is opened for a moment."""
    found = {}
    for directory, _, names in os.walk(folder):
        for path in (Path(directory, name) for name in names):
            if path.is_symlink() or not path.is_file():
                continue
            mode = stat.S_IMODE(path.stat().st_mode)
            path.chmod(mode | stat.S_IRUSR)
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
            path.chmod(mode)
    return found


def make(root: Path, kind: str, seed: int = 0) -> Path:
    """The mess of this kind, and a check that it alone was added."""
    before = contents(root)
    path = KINDS[kind](root, np.random.default_rng(seed))
    after = contents(root)
    assert {name: after[name] for name in before} == before
    return path


def partner(path: Path) -> Path:
    """The mask of an image, the image of a mask."""
    stem = path.stem.removesuffix("_mask")
    return path.with_name(f"{stem}.tif" if path.stem.endswith("_mask") else f"{stem}_mask.tif")


@pytest.mark.parametrize(
    "kind", ["unreadable", "truncated", "empty", "decompression_bomb", "two_channels", "no_permission"]
)
def test_spoilt_images_follow_the_last_slice_and_have_a_sound_mask(root: Path, kind: str) -> None:
    path = make(root, kind)
    assert path.name == f"{path.parent.name}_{SLICES + 1}.tif"
    assert tifffile.imread(partner(path)).shape == (32, 32)


def test_unreadable_and_empty_images_are_no_tiffs(root: Path) -> None:
    for kind in ("unreadable", "empty"):
        with pytest.raises(tifffile.TiffFileError):
            tifffile.imread(make(root, kind))
    assert make(root, "empty").stat().st_size == 0


def test_a_truncated_image_begins_like_a_sound_one(root: Path) -> None:
    path = make(root, "truncated")
    sound = (path.parent / f"{path.parent.name}_1.tif").read_bytes()
    assert path.read_bytes() == sound[: len(sound) // 3]


def test_a_mask_of_another_size_is_not_its_images(root: Path) -> None:
    path = make(root, "mask_of_another_size")
    assert tifffile.imread(path).shape == (16, 16)
    assert set(np.unique(tifffile.imread(path))) <= {0, 255}
    assert tifffile.imread(partner(path)).shape == (32, 32, 3)


def test_two_channels_are_two(root: Path) -> None:
    assert tifffile.imread(make(root, "two_channels")).shape == (32, 32, 2)


def test_a_grey_mask_has_many_values(root: Path) -> None:
    path = make(root, "grey_mask")
    assert path.stem.endswith("_mask") and len(np.unique(tifffile.imread(path))) > 50


def test_lonely_images_and_masks_have_no_partner(root: Path) -> None:
    image, mask = make(root, "image_without_mask"), make(root, "mask_without_image")
    assert image.stem.removesuffix("_mask") == image.stem and mask.stem.endswith("_mask")
    assert not partner(image).exists() and not partner(mask).exists()


def test_two_files_for_one_slice_differ(root: Path) -> None:
    second = make(root, "two_files_for_one_slice")
    patient, number = second.stem.rsplit("_", 1)
    assert number == f"0{SLICES + 1}"
    first = tifffile.imread(second.with_name(f"{patient}_{int(number)}.tif"))
    assert (tifffile.imread(second) != first).any()


def test_the_double_is_an_identical_nested_patient(root: Path) -> None:
    copy = make(root, "doubled")
    assert copy.parent == root / "lgg-mri-segmentation" / "kaggle_3m"
    assert contents(copy) == contents(root / copy.name) and len(contents(copy)) == 2 * SLICES
    assert (copy.parent / "data.csv").read_bytes() == (root / "data.csv").read_bytes()


def test_an_odd_name_tells_no_slice(root: Path) -> None:
    path = make(root, "odd_name")
    assert path.name == "IMG final(2).tif" and tifffile.imread(path).shape == (32, 32, 3)


def test_the_link_loops(root: Path) -> None:
    link = make(root, "symlink_loop")
    assert link.is_symlink() and link.resolve() == root.resolve()
    assert (link / link.parent.name / "again" / link.parent.name).is_dir()


def test_no_permission_is_no_permission(root: Path) -> None:
    path = make(root, "no_permission")
    assert stat.S_IMODE(path.stat().st_mode) == 0


def test_the_bomb_is_small_valid_and_unpacks_to_900_megapixels(root: Path) -> None:
    path = make(root, "decompression_bomb")
    assert path.stat().st_size < 20_000
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        assert page.shape == (30_000, 30_000) and page.compression == 8
        strips = list(itertools.islice(page.segments(maxworkers=1), 2))
    assert all(strip is not None and strip.shape[1:3] == (300, 30_000) and not strip.any() for strip, *_ in strips)


def test_stray_files_are_no_images(root: Path) -> None:
    assert [make(root, kind).name for kind in ("finder_file", "explorer_file", "note")] == [
        ".DS_Store",
        "Thumbs.db",
        "notes.txt",
    ]


def test_every_kind_is_added_once_and_what_was_there_is_as_before(root: Path) -> None:
    before = contents(root)
    paths = add_mess(root, seed=3)
    assert list(paths) == list(MESSES) and len(set(paths.values())) == len(MESSES)
    assert all(path.is_symlink() or path.exists() for path in paths.values())
    after = contents(root)
    assert {name: after[name] for name in before} == before


def test_a_phantom_of_twelve_patients_keeps_below_a_runs_limit(root: Path, take_in: Any) -> None:
    add_mess(root)
    taken = take_in(root)
    counted = sum(REASONS[reason].counted for reason, _, _ in taken.rejected.values())
    assert 0.05 < counted / (counted + 12 * 20 * 2) < 0.1  # no phantom patient has fewer than 20 slices
    assert taken.clinical is not None


def test_what_is_spared_is_known() -> None:
    assert set(KINDS) >= SPARED and set(MESSES) == set(KINDS) - SPARED


def test_equal_seeds_make_equal_mess(root: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    again.mkdir()
    for path in root.iterdir():
        if path.is_dir():
            (again / path.name).mkdir()
            for file in path.iterdir():
                (again / path.name / file.name).write_bytes(file.read_bytes())
        else:
            (again / path.name).write_bytes(path.read_bytes())
    add_mess(root, seed=1)
    add_mess(again, seed=1)
    assert contents(root) == contents(again)


def test_mess_is_not_added_twice(root: Path) -> None:
    add_mess(root)
    before = contents(root)
    with pytest.raises(PhantomError, match="Mess is added once, .* has lgg-mri-segmentation already"):
        add_mess(root)
    assert contents(root) == before


def test_real_data_is_never_touched(root: Path) -> None:
    (root / "TCGA_CS_4941_19960909").mkdir()
    before = contents(root)
    with pytest.raises(PhantomError, match="holds the folder TCGA_CS_4941_19960909, which is none"):
        add_mess(root)
    assert contents(root) == before


def test_a_folder_without_patients_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PhantomError, match="holds no patient"):
        add_mess(tmp_path)
    with pytest.raises(PhantomError, match="holds no patient"):
        add_mess(tmp_path / "nowhere")
