import gzip
import io
import struct
from collections.abc import Callable
from itertools import permutations, product
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from gliaflow.ingest.readers.pixels import allow_slices

Write = Callable[..., Path]
Open = Callable[..., tuple[list[Any], list[Any]]]
Blob = Callable[..., np.ndarray]
ORIENTATIONS = [(order, signs) for order in permutations(range(3)) for signs in product((1, -1), repeat=3)]


def read_back(content: bytes) -> nibabel.Nifti1Image:
    """A NIfTI file's bytes as nibabel reads them."""
    plain = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    kind = nibabel.Nifti1Image if plain[:4] == struct.pack("<I", 348) else nibabel.Nifti2Image
    return kind.from_bytes(plain)


@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS)
def test_a_masks_voxel_comes_back_where_it_was_found(
    order: tuple[int, ...], signs: tuple[int, ...], write_nifti: Write, open_given: Open
) -> None:
    affine = np.zeros((4, 4))
    for axis, (world, sign) in enumerate(zip(order, signs, strict=True)):
        affine[world, axis] = sign * (0.7, 1.1, 3.0)[axis]
    affine[:, 3] = (12.3, -4.5, 6.7, 1)
    voxels = np.full((9, 10, 11), 40, np.int16)
    voxels[2, 7, 3] = 400
    path = write_nifti("a_flair.nii.gz", voxels, affine)
    (study,), refusals = open_given(path)
    assert not refusals

    images = np.stack(study.images)
    ((slice_, row, column),) = np.argwhere(images[..., 1] == images.max())
    sides, place = dict(zip(order, (9, 10, 11), strict=True)), dict(zip(order, (2, 7, 3), strict=True))
    up = {world: sign * (1, -1)[world < 2] for world, sign in zip(order, signs, strict=True)}  # RAS+ to LPS
    x, y, z = (place[world] if up[world] > 0 else sides[world] - 1 - place[world] for world in range(3))
    assert (slice_, row, column) == (z, y, x)  # to the head, to the back, to the left
    assert study.spacing == pytest.approx(tuple((0.7, 1.1, 3.0)[order.index(world)] for world in (2, 1, 0)))

    masks = [(image[..., 1] == images.max()).astype(np.uint8) for image in study.images]
    (mask,) = study.form.encode(masks, "a model")
    written = read_back(mask.content)
    assert mask.name == "a_flair_mask.nii.gz"
    assert np.argwhere(np.asarray(written.dataobj)).tolist() == [[2, 7, 3]]
    assert written.get_data_dtype() == np.uint8 and written.shape == (9, 10, 11)
    assert np.array_equal(written.affine, nibabel.load(path).affine)


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("order", ["<", ">"])
def test_geometry_is_kept_bit_for_bit_and_words_are_not(
    kind: Any, order: str, blob: Blob, tmp_path: Path, open_given: Open
) -> None:
    angle = 0.3
    affine = np.array([[np.cos(angle), -np.sin(angle), 0, 1 / 3], [np.sin(angle), np.cos(angle), 0, 2 / 3],
                       [0, 0, 4, 1e5 / 7], [0, 0, 0, 1]])  # fmt: skip
    image = kind(blob(), affine, header=kind.header_class(endianness=order))
    image.set_qform(affine, code=1)
    image.set_sform(affine * [[1.001], [1], [1], [1]], code=4)
    image.header.set_xyzt_units("mm", "sec")
    image.header["descrip"], image.header["aux_file"] = b"DOE^JOHN 1950-02-03", b"mrn 12345"
    image.header["intent_name"] = b"DOE^JOHN"
    if kind is nibabel.Nifti1Image:
        image.header["db_name"] = b"DOE^JOHN"
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"DOE^JOHN"))
    path = tmp_path / "scan_flair.nii"
    nibabel.save(image, path)
    assert b"DOE^JOHN" in path.read_bytes()

    (study,), _ = open_given(path)
    (mask,) = study.form.encode([np.ones(i.shape[:2], np.uint8) for i in study.images], "a model")
    written = read_back(mask.content)

    assert mask.name == "scan_flair_mask.nii"
    for name in ("pixdim", "qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y",
                 "qoffset_z", "srow_x", "srow_y", "srow_z", "xyzt_units"):  # fmt: skip
        assert np.array_equal(written.header[name], image.header[name]), name
    assert np.array_equal(written.affine, nibabel.load(path).affine)
    assert b"DOE" not in mask.content and b"12345" not in mask.content
    assert "DOE" not in repr(study) and b"DOE" not in study.form.header
    assert np.asarray(written.dataobj).all()


def test_a_case_of_brats_is_one_study_and_the_rest_is_passed_over(
    write_nifti: Write, open_given: Open, blob: Blob, tmp_path: Path
) -> None:
    for number, end in enumerate(("t1", "flair", "t1ce", "t2", "seg")):
        write_nifti(f"BraTS20_001/BraTS20_001_{end}.nii.gz", blob(seed=number))
    (study,), refusals = open_given(tmp_path / "given" / "BraTS20_001")

    alone = [open_given(write_nifti(f"{n}/x_flair.nii.gz", blob(seed=n)))[0][0].images for n in range(3)]
    for channel in range(3):
        assert np.array_equal(np.stack(study.images)[..., channel], np.stack(alone[channel])[..., 1])
    assert study.name == "BraTS20_001" and study.slices[:2] == ("BraTS20_001_1", "BraTS20_001_2")
    assert study.remarks == ()
    assert {(r.name, r.reason) for r in refusals} == {
        ("BraTS20_001/BraTS20_001_t2.nii.gz", "other_sequence"),
        ("BraTS20_001/BraTS20_001_seg.nii.gz", "is_a_mask"),
    }
    assert study.form.encode([np.zeros(i.shape[:2], np.uint8) for i in study.images], "m")[0].name == (
        "BraTS20_001/BraTS20_001_flair_mask.nii.gz"
    )


def test_two_patients_in_one_folder_are_two_studies(
    write_nifti: Write, open_given: Open, blob: Blob, tmp_path: Path
) -> None:
    for case in ("P1", "P10"):
        write_nifti(f"all/{case}-t2f.nii.gz", blob())
        write_nifti(f"all/{case}-t1c.nii.gz", blob(seed=2))
    studies, refusals = open_given(tmp_path / "given")

    assert [study.name for study in studies] == ["P1", "P10"] and not refusals
    assert "There is no pre-contrast sequence: FLAIR stands in its place" in studies[0].remarks[0]
    images = np.stack(studies[0].images)
    assert np.array_equal(images[..., 0], images[..., 1]) and not np.array_equal(images[..., 2], images[..., 1])


def test_flair_alone_stands_in_all_places(write_nifti: Write, open_given: Open, blob: Blob) -> None:
    (study,), _ = open_given(write_nifti("patient7.nii", blob()))

    images = np.stack(study.images)
    assert np.array_equal(images[..., 0], images[..., 1]) and np.array_equal(images[..., 2], images[..., 1])
    assert study.name == "patient7"
    assert study.remarks[0] == "The name doesn't tell which sequence it is: taken as FLAIR."
    assert study.remarks[1].startswith("There is no pre-contrast or post-contrast sequence")


def test_channels_of_nnunet_are_taken_by_their_order(
    write_nifti: Write, open_given: Open, blob: Blob, tmp_path: Path
) -> None:
    for number in (0, 1, 2):
        write_nifti(f"imagesTr/case_000{number}.nii.gz", blob(seed=number))
    (study,), _ = open_given(tmp_path / "given")

    (flair,), _ = open_given(write_nifti("again/x_flair.nii.gz", blob(seed=1)))
    assert np.array_equal(np.stack(study.images)[..., 1], np.stack(flair.images)[..., 1])
    assert study.name == "case" and "case_0001 as FLAIR" in study.remarks[0]


def test_four_channels_whose_order_cannot_be_told_are_refused(
    write_nifti: Write, open_given: Open, blob: Blob, tmp_path: Path
) -> None:
    for number in range(4):
        write_nifti(f"case_000{number}.nii.gz", blob(seed=number))
    studies, refusals = open_given(tmp_path / "given")

    assert not studies and {refusal.reason for refusal in refusals} == {"no_flair"} and len(refusals) == 4
    assert "ends in _flair" in refusals[0].message


def test_three_files_on_one_grid_are_taken_by_their_order_and_others_are_not(
    write_nifti: Write, open_given: Open, blob: Blob, tmp_path: Path
) -> None:
    for number in (2, 10, 1):
        write_nifti(f"anna/{number}.nii", blob(seed=number))
        write_nifti(f"mixed/{number}.nii", blob((12, 14, 10 + number), seed=number))
    studies, _ = open_given(tmp_path / "given")

    assert [study.name for study in studies] == ["anna", "1", "10", "2"]
    assert "1 as pre-contrast, 2 as FLAIR, 10 as post-contrast" in studies[0].remarks[0]
    assert "taken as FLAIR" in studies[1].remarks[0]


@pytest.mark.parametrize("form", ["4-D", "5-D", "RGB", "RGBA"])
def test_three_volumes_in_one_file_are_the_three_sequences(
    form: str, write_nifti: Write, open_given: Open, tmp_path: Path
) -> None:
    values = np.random.default_rng(0).integers(0, 256, (9, 10, 8, 3), dtype=np.uint8)
    if form in ("4-D", "5-D"):
        voxels = values if form == "4-D" else values[:, :, :, None, :]
    else:
        four = np.concatenate([values, values[..., :1]], axis=-1)[..., : len(form)]
        voxels = np.ascontiguousarray(four).view([(letter, "u1") for letter in form])[..., 0]
    (study,), refusals = open_given(write_nifti("all.nii.gz", voxels, np.diag([-1, -1, 1, 1])))

    assert not refusals and study.remarks == (
        "Three volumes in one file: pre-contrast, FLAIR and post-contrast, by their order.",
    )
    assert np.array_equal(np.stack(study.images), values.transpose(2, 1, 0, 3))
    (mask,) = study.form.encode([image[..., 0] // 128 for image in study.images], "m")
    assert np.array_equal(np.asarray(read_back(mask.content).dataobj), values[..., 0] // 128)


def test_other_counts_of_volumes_are_refused_in_words(write_nifti: Write, open_given: Open) -> None:
    studies, (refusal,) = open_given(write_nifti("bold.nii", np.zeros((9, 9, 9, 5), np.int16)))
    assert not studies and refusal.reason == "wrong_channels" and "5 volumes in one file" in refusal.message


def test_a_sequence_on_another_grid_is_brought_to_flairs(write_nifti: Write, open_given: Open, tmp_path: Path) -> None:
    ramp = (np.indices((20, 20, 20))[2] * 50).astype(np.int16)
    turned = np.array([[0, 0, 2, -20], [-2, 0, 0, 20], [0, 2, 0, -20], [0, 0, 0, 1.0]])  # its k runs along x
    affine = np.diag([1.0, 1, 4, 1])
    affine[:3, 3] = (-15, -15, -15)
    write_nifti("p/p_flair.nii", np.random.default_rng(0).integers(1, 99, (30, 30, 8), dtype=np.int16), affine)
    write_nifti("p/p_t1.nii", ramp, turned)
    (study,), refusals = open_given(tmp_path / "given")

    pre = np.stack(study.images)[..., 0].astype(int)
    assert not refusals and pre.shape == (8, 30, 30)
    assert "pre-contrast sequence was brought to FLAIR's grid" in study.remarks[0]
    columns = pre[:, 5:25, 3:28]
    assert (np.ptp(columns, axis=(0, 1)) <= 1).all()  # it changes along x alone
    assert (np.diff(columns[0, 0]) < 0).all()  # and falls towards the patient's left, as x + does to the right


def test_a_sequence_of_another_place_is_left_out_and_flair_stands_in(
    write_nifti: Write, open_given: Open, blob: Blob, tmp_path: Path
) -> None:
    far = np.eye(4)
    far[0, 3] = 900
    write_nifti("p/p_flair.nii", blob())
    write_nifti("p/p_t1.nii", blob(seed=1), far)
    (study,), (refusal,) = open_given(tmp_path / "given")

    assert (refusal.name, refusal.reason) == ("given/p/p_t1.nii", "no_overlap")
    assert "no pre-contrast or post-contrast" in study.remarks[0]


def test_units_of_the_header_are_kept_in_mind(write_nifti: Write, open_given: Open, blob: Blob) -> None:
    micron = np.diag([900.0, 800.0, 5000.0, 1])
    (study,), _ = open_given(write_nifti("a_flair.nii", blob(), micron, xyzt_units=3))
    assert study.spacing == pytest.approx((5.0, 0.8, 0.9))


def test_equal_masks_give_equal_bytes(write_nifti: Write, open_given: Open, blob: Blob) -> None:
    (study,), _ = open_given(write_nifti("a_flair.nii.gz", blob()))
    masks = [np.eye(*image.shape[:2], dtype=np.uint8) for image in study.images]
    assert study.form.encode(masks, "one")[0].content == study.form.encode(masks, "two")[0].content


def header(**fields: Any) -> bytes:
    """The header of 9 x 9 x 9 int16 voxels with other `fields`, and the mark of no extensions."""
    made = nibabel.Nifti1Image(np.zeros((9, 9, 9), np.int16), np.eye(4)).header
    made["magic"], made["vox_offset"] = b"n+1", 352
    for field, value in fields.items():
        made[field] = value
    return bytes(made.binaryblock) + bytes(4)


VOXELS = bytes(9 * 9 * 9 * 2)


@pytest.mark.parametrize(
    ("content", "reason", "words"),
    [
        (header() + VOXELS[:-1], "truncated", "1809 of 1810 bytes"),
        (header()[:347], "truncated", "347 bytes, which end in the header"),
        (gzip.compress(header() + VOXELS, mtime=0)[:-20], "truncated", "damaged or cut off"),
        (gzip.compress(header() + VOXELS, mtime=0)[:-5] + b"12345", "truncated", "damaged or cut off"),
        (header(dim=[3, 30000, 30000, 30000, 1, 1, 1, 1]), "too_many_pixels", "30000 x 30000 x 30000"),
        (header(dim=[7, 32767, 32767, 32767, 32767, 32767, 32767, 32767]), "too_many_pixels", "voxels of 2 bytes"),
        (header(dim=[3, -9, 9, 9, 1, 1, 1, 1]), "too_small", "-9 x 9 x 9"),
        (header(dim=[3, 9, 9, 0, 1, 1, 1, 1]), "too_small", "9 x 9 x 0"),
        (header(dim=[3, 4, 9, 9, 1, 1, 1, 1]) + VOXELS, "too_small", "9 x 4 pixels"),
        (header(dim=[1, 9, 1, 1, 1, 1, 1, 1]) + VOXELS, "wrong_channels", "1 dimensions"),
        (header(datatype=32, bitpix=64) + VOXELS * 4, "wrong_depth", "complex64"),
        (header(datatype=1536, bitpix=128) + VOXELS * 8, "wrong_depth", "Found: voxels of"),
        (header(datatype=77) + VOXELS, "wrong_depth", "type 77"),
        (header(bitpix=8) + VOXELS, "unreadable", "int16 in 8 bits"),
        (header(vox_offset=1e9) + VOXELS, "unreadable", "byte 1e+09"),
        (header(vox_offset=np.nan) + VOXELS, "unreadable", "byte nan"),
        (header(vox_offset=-352) + VOXELS, "unreadable", "byte -352"),
        (header(magic=b"ni1") + VOXELS, "several_files", ".hdr and .img"),
        (header(sform_code=1, srow_x=[0, 0, 0, 0]) + VOXELS, "bad_geometry", "no length"),
        (header(sform_code=1, srow_x=[np.inf, 0, 0, 0]) + VOXELS, "bad_geometry", "no numbers"),
        (header(datatype=16, bitpix=32) + b"\0\0\xc0\x7f" * 729, "not_finite", "no voxel that is a number"),
    ],
    ids=range(21),
)  # fmt: skip
def test_what_no_volume_is_gets_refused_in_words(
    content: bytes, reason: str, words: str, tmp_path: Path, open_given: Open
) -> None:
    path = tmp_path / "x_flair.nii"
    path.write_bytes(content)
    studies, (refusal,) = open_given(path)

    assert not studies
    assert (refusal.name, refusal.reason) == ("x_flair.nii", reason)
    assert words in refusal.message


@pytest.mark.parametrize(
    ("most", "each", "total", "too_much"),
    [(9, 196, 1959, True), (9, 196, 1960, True), (10, 196, 1959, True), (10, 195, 1960, False), (10, 196, 1960, None)],
)
def test_more_slices_than_strangers_may_send_are_refused_by_the_header(
    most: int, each: int, total: int, too_much: bool | None, write_nifti: Write, open_given: Open, blob: Blob
) -> None:
    path = write_nifti("a_flair.nii", blob((12, 14, 10)))
    path.write_bytes(path.read_bytes()[:400])  # whoever comes to the voxels finds that they are cut off
    with allow_slices(most, each=each, total=total) as allowance:
        _, (refusal,) = open_given(path)
    if too_much is None:
        assert refusal.reason == "truncated"
        return
    assert refusal.reason == "too_many_pixels"
    assert "10 slices of 14 x 14 pixels, more than are taken here" in refusal.message
    assert allowance.exceeded == too_much


def test_a_header_that_lies_of_spacings_does_not_fill_memory(write_nifti: Write, open_given: Open, blob: Blob) -> None:
    path = write_nifti("a_flair.nii", blob((12, 14, 10)), np.diag([1e5, 1e-5, 1, 1]))
    _, (refusal,) = open_given(path)
    assert refusal.reason == "bad_geometry" and "Found: slices of 0.00014 x 1.2e+06 mm." in refusal.message
    path = write_nifti("b_flair.nii", blob((12, 14, 10)), np.diag([1, 40, 1, 1]))  # 14 x 560 pixels as a square
    with allow_slices(10, each=10_000, total=14 * 560 * 10 - 1) as allowance:
        _, (refusal,) = open_given(path)
    assert "10 slices of 14 x 560 pixels, more than are taken here" in refusal.message and allowance.exceeded


def test_volumes_count_towards_what_strangers_may_send(write_nifti: Write, open_given: Open, blob: Blob) -> None:
    paths = [write_nifti(f"{name}_flair.nii", blob((12, 14, 10))) for name in "abc"]
    with allow_slices(29, each=196, total=10_000) as allowance:
        studies, (refusal,) = open_given(*paths)
    assert [study.name for study in studies] == ["a", "b"]
    assert (refusal.name, refusal.reason, allowance.exceeded) == ("c_flair.nii", "too_many_pixels", True)


def test_a_bomb_is_not_unpacked_beyond_what_its_header_says(tmp_path: Path, open_given: Open) -> None:
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb") as packed:
        packed.write(header() + np.full(729, 7, np.int16).tobytes())
        for _ in range(300):
            packed.write(bytes(1 << 20))
    path = tmp_path / "bomb_flair.nii.gz"
    path.write_bytes(buffer.getvalue())
    assert len(buffer.getvalue()) < 1 << 20

    (study,), _ = open_given(path)
    assert np.stack(study.images).shape == (9, 9, 9, 3)
