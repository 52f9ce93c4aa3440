"""Every kind of bad input from scan to prepare: what is said of it, and that all else is as without it."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest

import schemas
from gliaflow.ingest.clinical import gather_clinical
from gliaflow.ingest.doctor import examine
from gliaflow.ingest.doctor.text import case_line
from gliaflow.ingest.mess import KINDS, THEMES, generator_of, tables
from gliaflow.ingest.mess.handmade import png
from gliaflow.ingest.readers import read_image
from gliaflow.ingest.readers.raster import decode_with_opencv
from gliaflow.ingest.reasons import REASONS
from gliaflow.ingest.scan import scan_folder

INTAKE = Path(__file__).with_name("intake.py")
DOCUMENT = Path(__file__).parents[2] / "docs" / "dirty-folders.md"
CLOSED = ("no_permission", "closed_folder")  # root may read these: they are tested as nobody


@dataclass(frozen=True)
class Refused:
    """A kind of which the file, or all data in the folder, is rejected: by which stage, why, and what is said."""

    stage: str
    reason: str
    words: str


USED = "used"  # read as any other, though it looks odd
IGNORED = "not looked at"  # no data, and no reason to say anything

EXPECTED: dict[str, Refused | str] = {
    # folders, links and copies
    "doubled": Refused("pair", "duplicate_copy", "same as TCGA_"),
    "renamed_patient": Refused("pair", "duplicate_copy", "same as TCGA_"),
    "copied_pair": Refused("pair", "duplicate_copy", "same as TCGA_"),
    "symlink_loop": IGNORED,
    "link_to_itself": Refused("scan", "unreadable", "the system could not read it"),
    "broken_link": Refused("scan", "broken_link", "a link to nothing"),
    "linked_pair": USED,
    "pipe": Refused("scan", "not_a_file", "a pipe, socket or device"),
    "folder_called_tif": USED,
    "closed_folder": Refused("scan", "no_permission", "the system refused to open it"),
    "a_hundred_folders_deep": USED,
    "finder_file": IGNORED,
    "explorer_file": IGNORED,
    "note": IGNORED,
    # files that can't be read
    "unreadable": Refused("prepare", "unknown_format", "a file that begins with the bytes a5"),
    "truncated": Refused("prepare", "truncated", "bytes of a TIFF"),
    "empty": Refused("scan", "empty_file", "0 bytes"),
    "no_permission": Refused("scan", "no_permission", "the system refused to open it"),
    "web_page": Refused("prepare", "unknown_format", "a web page"),
    "zip_as_tiff": Refused("prepare", "unknown_format", "a zip archive, or"),
    "gif_as_tiff": Refused("prepare", "unknown_format", "a GIF"),
    "webp_as_tiff": Refused("prepare", "unknown_format", "a WebP picture"),
    "dicom_as_tiff": Refused("prepare", "unknown_format", "a DICOM file"),
    "nifti_as_tiff": Refused("prepare", "unknown_format", "a file that begins with the bytes 5c 01 00 00"),
    "truncated_png": Refused("prepare", "truncated", "bytes of a PNG of at least"),
    "damaged_png": Refused("prepare", "unreadable", "a PNG whose part 'IDAT' is damaged"),
    "truncated_jpeg": Refused("prepare", "truncated", "bytes of a JPEG without its end"),
    "damaged_deflate": Refused("prepare", "unreadable", "a TIFF "),
    "damaged_lzw": Refused("prepare", "unreadable", "a TIFF strip whose LZW codes are damaged"),
    "endless_pages": Refused("prepare", "several_pages", "a TIFF of more than one page"),
    "offsets_beyond_the_end": Refused("prepare", "truncated", "bytes of a TIFF of at least 100"),
    "zstd_as_tiff": Refused("prepare", "unsupported_compression", "the compression ZSTD"),
    "old_jpeg_as_tiff": Refused("prepare", "unsupported_compression", "the compression OJPEG"),
    # bombs
    "decompression_bomb": Refused("prepare", "too_many_pixels", "30000 x 30000 pixels"),
    "gigapixel_header": Refused("prepare", "too_many_pixels", "65000 x 65000 pixels"),
    "strip_bomb": Refused("prepare", "unreadable", "as a bomb does"),
    "png_bomb": Refused("prepare", "too_many_pixels", "30000 x 30000 pixels"),
    "png_text_bomb": USED,
    "too_large": Refused("scan", "too_large", "268435457 bytes"),
    # images
    "two_channels": Refused("prepare", "wrong_channels", "2 channels"),
    "five_channels": Refused("prepare", "wrong_channels", "5 channels"),
    "cmyk": Refused("prepare", "wrong_channels", "colours stored as SEPARATED"),
    "several_pages": Refused("prepare", "several_pages", "a TIFF of more than one page"),
    "not_a_number": Refused("prepare", "not_finite", "192 values that are NaN or infinite"),
    "infinite": Refused("prepare", "not_finite", "1 values that are NaN or infinite"),
    "complex_numbers": Refused("prepare", "wrong_depth", "pixels of type complex64"),
    "one_pixel": Refused("prepare", "too_small", "1 x 1 pixels"),
    "thin": Refused("prepare", "too_small", "4 x 2000 pixels"),
    "rgba": USED,
    "png_as_tiff": USED,
    "bmp_as_tiff": USED,
    "tiled": USED,
    "lzw": USED,
    "big_tiff": USED,
    "big_endian": USED,
    "separate_planes": USED,
    "white_is_zero": USED,
    "palette": USED,
    "sixteen_bits": USED,
    "floating": USED,
    "black": USED,
    # masks
    "mask_of_another_size": Refused("prepare", "mask_size_differs", "a mask of 16 x 16 for an image of 32 x 32"),
    "transposed_mask": Refused("prepare", "mask_size_differs", "a mask of 32 x 24 for an image of 24 x 32"),
    "grey_mask": Refused("prepare", "non_binary_mask", "values beside 0"),
    "jpeg_mask": Refused("prepare", "non_binary_mask", "values beside 0"),
    "mask_of_two_labels": Refused("prepare", "non_binary_mask", "2 values beside 0: 1, 2"),
    "coloured_mask": Refused("prepare", "non_binary_mask", "channels that differ"),
    "negative_mask": Refused("prepare", "non_binary_mask", "1 values beside 0: -1"),
    "mask_is_image": Refused("pair", "mask_is_image", "the same bytes as its image"),
    "mask_of_ones": USED,
    "mask_of_bits": USED,
    "floating_mask": USED,
    "grey_mask_in_rgb": USED,
    "empty_mask": USED,
    "inverted_mask": USED,
    # names and pairing
    "image_without_mask": Refused("pair", "image_without_mask", "no mask of patient TCGA_"),
    "mask_without_image": Refused("pair", "mask_without_image", "no image of patient TCGA_"),
    "two_files_for_one_slice": Refused("pair", "conflicting_files", "another image of this slice: TCGA_"),
    "composed_and_decomposed": Refused("pair", "conflicting_files", "another image of this slice: TCGA_"),
    "odd_name": Refused("pair", "odd_name", "no slice number"),
    "name_of_a_copy": Refused("pair", "odd_name", "no slice number"),
    "negative_number": Refused("pair", "odd_name", "no slice number from 0"),
    "huge_number": Refused("pair", "odd_name", "no slice number from 0 to 999999999"),
    "no_number": Refused("pair", "odd_name", "no slice number"),
    "undecodable_name": Refused("scan", "undecodable_name", "a name that is not UTF-8"),
    "another_case": USED,
    "leading_zeros": USED,
    "spaces": USED,
    "name_for_unix_alone": USED,
    "newline_in_name": USED,
    "apple_double": IGNORED,
    # the clinical table: a second one beside the one that is right
    "table_with_tabs": Refused("pair", "bad_clinical", "with the columns Patient\tRNASeqCluster"),
    "table_without_header": Refused("pair", "bad_clinical", "with the columns TCGA_CS_P001"),
    "ragged_table": Refused("pair", "bad_clinical", "has 19 values in the row"),
    "table_of_garbage": Refused("pair", "bad_clinical", "data.csv "),
    "empty_table": Refused("scan", "empty_file", "0 bytes"),
    "wide_table": Refused("pair", "bad_clinical", "with the columns Patient, a, a"),
    "huge_table": Refused("scan", "too_large", "bytes"),
    "duplicate_patient": Refused("pair", "conflicting_files", "data.csv and tables/twice/data.csv differ"),
    "unknown_patient": Refused("pair", "conflicting_files", "data.csv and tables/unknown/data.csv differ"),
    "missing_column": Refused("pair", "conflicting_files", "data.csv and tables/lacking/data.csv differ"),
    "table_for_excel": USED,
    "table_in_utf_16": USED,
    "quoted_table": USED,
}
TABLES = frozenset(maker.__name__ for maker in tables.MAKERS)

TakeIn = Callable[[Path], Any]


@pytest.fixture(scope="module")
def sound(tiny_phantom: Any, take_in: TakeIn, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What becomes of the tiny phantom without mess."""
    taken = take_in(tiny_phantom(tmp_path_factory.mktemp("sound") / "data"))
    assert (len(taken.slices), len(taken.used), taken.rejected) == (9, 18, {})
    return taken


def make(kind: str, root: Path, seed: int = 0) -> str:
    """The mess of this kind; its path below `root` as tables have it. Skips where the file system has no such name."""
    try:
        path = KINDS[kind](root, generator_of(kind, seed))
    except OSError as error:
        if kind != "undecodable_name":
            raise
        pytest.skip(f"this file system takes only UTF-8 names ({error})")
    return os.fsencode(path.relative_to(root)).decode("utf-8", "backslashreplace")


def below(paths: list[str], path: str) -> list[str]:
    """Of `paths`, the file `path`, or those in the folder `path`."""
    return [name for name in paths if name == path or name.startswith(f"{path}/")]


def check(kind: str, path: str, taken: Any, expected: Refused | str) -> None:
    """The mess of a kind was treated as expected."""
    rejected = {name: taken.rejected[name] for name in below(list(taken.rejected), path)}
    if kind not in TABLES:
        used = below(taken.used, path)
        assert bool(used) == (expected == USED), (kind, used, rejected)
    if isinstance(expected, str):
        assert rejected == {}, kind
        return
    assert rejected, f"{kind}: {path} is not among {sorted(taken.rejected)}"
    for reason, found, stage in rejected.values():
        assert (stage, reason) == (expected.stage, expected.reason), (kind, found)
        assert expected.words in found, (kind, found)


def check_accounts(taken: Any) -> None:
    """Each image and mask is used or rejected, not both and not twice; each reason is one of the house."""
    assert sorted(taken.used + [path for path in taken.rejected if path in set(taken.data)]) == taken.data
    assert {reason for reason, _, _ in taken.rejected.values()} <= set(REASONS)


def check_unharmed(taken: Any, sound: Any) -> None:
    """All that is used without the mess is used with it, to the byte, and nothing of it is rejected."""
    assert {name: taken.slices.get(name) for name in sound.slices} == sound.slices
    assert set(taken.rejected).isdisjoint(sound.used)


def test_every_kind_has_its_line() -> None:
    assert list(EXPECTED) == list(KINDS)
    assert len(KINDS) == sum(len(makers) for makers in THEMES.values()) >= 40


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_from_scan_to_prepare(kind: str, tiny_phantom: Any, take_in: TakeIn, sound: Any, tmp_path: Path) -> None:
    if kind in CLOSED and os.geteuid() == 0:
        pytest.skip("root may read everything: tested as nobody in test_nothing_is_written")
    expected = EXPECTED[kind]
    root = tiny_phantom(tmp_path / "data")
    path = make(kind, root)
    taken = take_in(root)
    check(kind, path, taken, expected)
    check_accounts(taken)
    check_unharmed(taken, sound)
    differs = kind in TABLES and isinstance(expected, Refused) and expected.reason == "conflicting_files"
    assert taken.clinical == (None if differs else sound.clinical)
    if kind == "closed_folder":
        (root / path).chmod(0o755)  # so that it can be taken away


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        *[(kind, "bad_clinical") for kind in ("table_with_tabs", "table_without_header", "ragged_table")],
        *[(kind, "bad_clinical") for kind in ("table_of_garbage", "wide_table")],
        *[("empty_table", "empty_file"), ("huge_table", "too_large")],
        *[(kind, None) for kind in ("table_for_excel", "table_in_utf_16", "quoted_table")],
    ],
)
def test_a_table_that_is_the_only_one(
    kind: str, reason: str | None, tiny_phantom: Any, take_in: TakeIn, sound: Any, tmp_path: Path
) -> None:
    root = tiny_phantom(tmp_path / "data")
    shutil.move(root / make(kind, root), root / "data.csv")
    taken = take_in(root)
    assert taken.clinical == (None if reason else sound.clinical)
    assert {path: told[0] for path, told in taken.rejected.items()} == ({"data.csv": reason} if reason else {})
    check_unharmed(taken, sound)


@pytest.mark.parametrize(
    ("kind", "told"),
    [("duplicate_patient", "TCGA_CS_P001: has more than one row"), ("missing_column", "the column death01 is missing")],
)
def test_an_only_table_with_a_fault_stops_a_run(
    kind: str, told: str, tiny_phantom: Any, take_in: TakeIn, sound: Any, tmp_path: Path
) -> None:
    root = tiny_phantom(tmp_path / "data")
    shutil.move(root / make(kind, root), root / "data.csv")
    taken = take_in(root)
    assert taken.rejected == {}  # it can be read: its rows are what is wrong
    check_unharmed(taken, sound)
    clinical, _ = gather_clinical(root, scan_folder(root))
    with pytest.raises(schemas.InvalidTable):
        schemas.validate(clinical, schemas.ClinicalTable, "clinical table")
    examination = examine(root, reject_limit=1)
    fault = next(finding for finding in examination.findings if finding.code == "clinical_fault")
    assert [case_line(case) for case in fault.cases] == [told]
    assert (fault.severity, fault.action, examination.exit_status) == ("unusable", "A run stops.", 2)


def test_an_only_table_with_an_unknown_patient_is_used(
    tiny_phantom: Any, take_in: TakeIn, sound: Any, tmp_path: Path
) -> None:
    root = tiny_phantom(tmp_path / "data")
    shutil.move(root / make("unknown_patient", root), root / "data.csv")
    taken = take_in(root)
    assert taken.rejected == {} and "TCGA_XX_0000" in taken.clinical
    check_unharmed(taken, sound)
    clinical, _ = gather_clinical(root, scan_folder(root))
    schemas.validate(clinical, schemas.ClinicalTable, "clinical table")
    found = {finding.code: finding for finding in examine(root).findings}
    assert "clinical_fault" not in found
    assert found["clinical_without_slices"].severity == "note"
    assert [case.patient for case in found["clinical_without_slices"].cases] == ["TCGA_XX_0000"]


def test_comments_and_profiles_of_a_png_are_not_told_on_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    """What libpng complains of there names no file; pixels are the same without these parts."""
    rows = zlib.compress(b"".join(b"\0" + bytes([7 * number] * 16) for number in range(16)))
    parts = (b"zTXt", b"Comment\0\0" + zlib.compress(b"words" * 50)[:10]), (b"iCCP", b"x\0\0" + zlib.compress(b"no"))
    decode_with_opencv(png(16, 16, rows, *parts))
    assert "libpng warning" in capfd.readouterr().err
    image = read_image(png(16, 16, rows, *parts))
    assert capfd.readouterr() == ("", "")
    assert (image == read_image(png(16, 16, rows))).all() and image[15, 0].tolist() == [105, 105, 105]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may look into (pytest's are closed to others), taken away whatever is in it."""
    folder = Path(tempfile.mkdtemp(prefix="gliaflow-dirty-"))
    folder.chmod(0o755)
    yield folder
    for directory, folders, _ in os.walk(folder):
        for path in (Path(directory, name) for name in folders):
            if not path.is_symlink():
                path.chmod(0o755)
    shutil.rmtree(folder)


def test_nothing_is_written(open_folder: Path, tiny_phantom: Any, sound: Any, snapshot: Any) -> None:
    """All kinds at once, in a folder without any write permission, read by somebody who is not root."""
    root = tiny_phantom(open_folder / "data")
    paths = {}
    for kind in KINDS:
        try:
            path = KINDS[kind](root, generator_of(kind))
        except OSError:
            assert kind == "undecodable_name"
            continue
        paths[kind] = os.fsencode(path.relative_to(root)).decode("utf-8", "backslashreplace")
    for directory, _, names in list(os.walk(root, topdown=False)):
        for name in [*(Path(directory, name) for name in names), Path(directory)]:
            if not name.is_symlink():
                name.chmod(stat.S_IMODE(name.stat().st_mode) & 0o555)
    before = snapshot(root)
    assert not any(entry[0] & 0o222 for entry in before.values() if not stat.S_ISLNK(entry[0]))
    house = {**os.environ, "PYTHONPATH": str(DOCUMENT.parents[1])}
    done = subprocess.run([sys.executable, "-B", str(INTAKE), str(root)], capture_output=True, text=True, env=house)
    assert done.returncode == 0, done.stderr
    taken = type(sound)(**json.loads(done.stdout))
    assert snapshot(root) == before
    check_accounts(taken)
    check_unharmed(taken, sound)
    for kind, path in paths.items():
        expected = EXPECTED[kind]
        sound_table = isinstance(expected, str) or expected.reason == "conflicting_files"
        if kind in TABLES and sound_table:  # each beside others that say something else
            expected = Refused("pair", "conflicting_files", "data.csv and ")
        check(kind, path.rstrip("/") if kind != "closed_folder" else f"{path}/", taken, expected)
    assert taken.clinical is None


@hypothesis.settings(
    deadline=None,
    database=None,
    derandomize=True,
    max_examples=15,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow],
)
@hypothesis.given(
    kinds=st.lists(st.sampled_from(sorted(set(KINDS) - {"undecodable_name"})), unique=True, max_size=12),
    seed=st.integers(0, 5),
)
def test_any_mixture_harms_nothing_else(
    kinds: list[str], seed: int, tiny_phantom: Any, take_in: TakeIn, sound: Any, snapshot: Any
) -> None:
    with tempfile.TemporaryDirectory(prefix="gliaflow-mixture-") as folder:
        root = tiny_phantom(Path(folder) / "data")
        for kind in kinds:
            KINDS[kind](root, generator_of(kind, seed))
        before = snapshot(root)
        taken = take_in(root)
        assert take_in(root) == taken
        assert snapshot(root) == before
        check_accounts(taken)
        check_unharmed(taken, sound)
        for closed in root.rglob("closed"):
            closed.chmod(0o755)


def outcome(expected: Refused | str) -> str:
    """A kind's outcome as the document has it."""
    return expected if isinstance(expected, str) else f"rejected: `{expected.reason}`"


def table_of_kinds() -> str:
    """The document's tables, a theme each."""
    lines = []
    for theme, makers in THEMES.items():
        lines += [
            f"### {theme[0].upper()}{theme[1:]}",
            "",
            "| kind | what it is | what becomes of it |",
            "|---|---|---|",
        ]
        for maker in makers:
            about = (maker.__doc__ or "").partition("\n")[0].removesuffix(".")
            about = re.sub(r"\. Raises .*", "", about)
            name = maker.__name__
            lines.append(f"| `{name}` | {about.replace('|', chr(92) + '|')} | {outcome(EXPECTED[name])} |")
        lines.append("")
    return "\n".join(lines)


def test_the_document_tells_every_kind() -> None:
    assert table_of_kinds() in DOCUMENT.read_text(encoding="utf-8")
