import io
import shutil
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    EnhancedMRImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    MRImageStorage,
    RLELossless,
)

from gliaflow.ingest.readers.pixels import allow_slices

Open = Callable[..., tuple[list[Any], list[Any]]]
AXIAL = (1.0, 0, 0, 0, 1.0, 0)
CORONAL = (1.0, 0, 0, 0, 0, -1.0)
SAGITTAL = (0, 1.0, 0, 0, 0, -1.0)
SECRETS = ("DOE^JOHN", "MRN-4711", "19500203", "General Hospital", "Dr^Quack", "ACC-99", "secret words", "1.75")
STUDY = "1.2.826.0.1.3680043.8.498.77"


def dataset(uid: str, pixels: np.ndarray, **fields: Any) -> FileDataset:
    """A file's dataset with `pixels` (integers) and all that identifies a patient."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = MRImageStorage, uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    data.SOPClassUID, data.SOPInstanceUID = MRImageStorage, uid
    data.PatientName, data.PatientID, data.PatientBirthDate, data.PatientSex = "DOE^JOHN", "MRN-4711", "19500203", "M"
    data.InstitutionName, data.ReferringPhysicianName = "General Hospital", "Dr^Quack"
    data.AccessionNumber, data.StudyID, data.PatientComments, data.PatientSize = "ACC-99", "7", "secret words", "1.75"
    data.StudyDate, data.StudyTime, data.Modality = "19990101", "101112", "MR"
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows, data.Columns = pixels.shape[-2:]
    data.BitsAllocated = data.BitsStored = 8 * pixels.dtype.itemsize
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    data.PixelData = pixels.tobytes()
    for field, value in fields.items():
        setattr(data, field, value)
    return data


def write_series(
    folder: Path,
    voxels: np.ndarray,
    *,
    axes: tuple[float, ...] = AXIAL,
    step: float = 5.0,
    sides: tuple[float, float] = (0.9, 0.8),
    series: str = "1",
    change: Callable[[int, Dataset], None] = lambda number, data: None,
    syntax: str = ExplicitVRLittleEndian,
    **fields: Any,
) -> Path:
    """A file a slice of `voxels` [K, H, W], in an order by name that is not theirs by place."""
    folder.mkdir(parents=True, exist_ok=True)
    normal = np.cross(axes[:3], axes[3:])
    for number, pixels in enumerate(voxels):
        data = dataset(
            f"{STUDY}.{series}.{number + 1}", pixels, StudyInstanceUID=STUDY, SeriesInstanceUID=f"{STUDY}.{series}",
            FrameOfReferenceUID=f"{STUDY}.0", InstanceNumber=number + 1, SeriesNumber=series, SliceThickness=step,
            PixelSpacing=list(sides), ImageOrientationPatient=list(axes),
            ImagePositionPatient=[float(x) for x in np.array((-10.0, 20, 30)) + number * step * normal], **fields,
        )  # fmt: skip
        change(number, data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pydicom, on encoders
            if syntax == JPEG2000Lossless:
                buffer = io.BytesIO()
                Image.fromarray(pixels).save(buffer, "JPEG2000", no_jp2=True, irreversible=False)
                data.PixelData = encapsulate([buffer.getvalue()])
                data.file_meta.TransferSyntaxUID = syntax
            elif syntax in (RLELossless, JPEGLSLossless):
                data.compress(syntax, generate_instance_uid=False)
            else:
                data.file_meta.TransferSyntaxUID = syntax
        path = folder / f"IM{(number * 7) % 1000:03d}{97 + number:c}"
        big = {"implicit_vr": False, "little_endian": False, "force_encoding": True}
        pydicom.dcmwrite(path, data, **(big if syntax == ExplicitVRBigEndian else {"enforce_file_format": True}))
    return folder


@pytest.fixture
def voxels() -> np.ndarray:
    """Ten slices int16 [10, 12, 14], dark but for one voxel."""
    made = np.random.default_rng(0).integers(20, 60, (10, 12, 14), dtype=np.int16)
    made[2, 3, 4] = 900
    return made


def brightest(study: Any) -> tuple[int, ...]:
    images = np.stack(study.images)[..., 1]
    ((slice_, row, column),) = np.argwhere(images == images.max())
    return int(slice_), int(row), int(column)


def encode(study: Any) -> pydicom.Dataset:
    """The segmentation of the study's brightest voxel."""
    images = np.stack(study.images)[..., 1]
    (file,) = study.form.encode([(image == images.max()).astype(np.uint8) for image in images], "v3 of a model")
    assert file.media_type == "application/dicom"
    return pydicom.dcmread(io.BytesIO(file.content))


def found_in(segmentation: Any) -> list[tuple[str, list[int]]]:
    """Of each frame the slice that it refers to, and its pixels."""
    frames = segmentation.pixel_array.reshape(-1, segmentation.Rows, segmentation.Columns)
    groups = segmentation.PerFrameFunctionalGroupsSequence
    return [
        (group.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID, pixel.tolist())
        for group, frame in zip(groups, frames, strict=True)
        for pixel in np.argwhere(frame)
    ]


@pytest.mark.parametrize(
    ("axes", "place", "spacing"),
    [
        (AXIAL, (2, 3, 4), (5.0, 0.9, 0.8)),
        (CORONAL, (8, 2, 4), (0.9, 5.0, 0.8)),  # rows run down; slices to the back
        (SAGITTAL, (8, 4, 7), (0.9, 0.8, 5.0)),  # rows run down, columns to the back; slices to the right
        ((-1.0, 0, 0, 0, -1.0, 0), (2, 8, 9), (5.0, 0.9, 0.8)),
        ((1.0, 0, 0, 0, -1.0, 0), (7, 8, 4), (5.0, 0.9, 0.8)),
    ],
)
def test_slices_are_axial_and_masks_refer_to_the_slices_they_were_drawn_on(
    axes: tuple[float, ...], place: tuple[int, ...], spacing: tuple[float, ...], voxels: np.ndarray,
    tmp_path: Path, open_given: Open,
) -> None:  # fmt: skip
    (study,), refusals = open_given(write_series(tmp_path / "mri", voxels, axes=axes))

    assert not refusals and study.name == "mri" and len(study.slices) == len(study.images)
    assert brightest(study) == place
    assert study.spacing == pytest.approx(spacing)
    assert found_in(encode(study)) == [(f"{STUDY}.1.3", [3, 4])]


def test_nothing_of_the_patient_is_in_what_comes_out(
    voxels: np.ndarray, tmp_path: Path, open_given: Open, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write_series(tmp_path / "mri", voxels, SeriesDescription="FLAIR DOE^JOHN", ProtocolName="MRN-4711")
    (study,), _ = open_given(folder)
    (file,) = study.form.encode([np.ones(image.shape[:2], np.uint8) for image in study.images], "a model")

    written = pydicom.dcmread(io.BytesIO(file.content))
    for secret in SECRETS:
        assert secret.encode() not in file.content
        assert secret not in repr(study.form) + study.name + "".join([*study.remarks, *study.slices]) + caplog.text
    assert written.PatientName == "" and written.PatientBirthDate == "" and written.StudyDate == ""
    assert written.PatientID.startswith("GLIAFLOW-") and written.PatientIdentityRemoved == "YES"
    assert written.StudyInstanceUID == STUDY and written.FrameOfReferenceUID == f"{STUDY}.0"
    assert written.ReferencedSeriesSequence[0].SeriesInstanceUID == f"{STUDY}.1"
    (segment,) = written.SegmentSequence
    assert segment.SegmentLabel == "Tumour" and segment.SegmentAlgorithmName == "Gliaflow"
    assert segment.SegmentationAlgorithmIdentificationSequence[0].AlgorithmVersion == "a model"


def validate(content: bytes, tmp_path: Path) -> list[str]:
    """The errors that dciodvfy finds."""
    program = shutil.which("dciodvfy")
    if program is None:
        pytest.skip("dciodvfy (dicom3tools) is not installed")
    path = tmp_path / "seg.dcm"
    path.write_bytes(content)
    done = subprocess.run([program, "-new", str(path)], capture_output=True, text=True, check=False)
    return [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]


@pytest.mark.parametrize("tumor", [True, False])
@pytest.mark.parametrize("several_frames", [False, True])
def test_a_program_that_is_not_ours_finds_no_error_in_a_segmentation(
    tumor: bool, several_frames: bool, voxels: np.ndarray, tmp_path: Path, open_given: Open
) -> None:
    given = write_enhanced(tmp_path, voxels) if several_frames else write_series(tmp_path / "mri", voxels)
    (study,), _ = open_given(given)
    masks = [np.zeros(image.shape[:2], np.uint8) for image in study.images]
    if tumor:
        masks[4][2:5, 3:6] = masks[5][2:5, 3:6] = 1
    (file,) = study.form.encode(masks, "a model")

    assert validate(file.content, tmp_path) == []
    assert pydicom.dcmread(io.BytesIO(file.content)).pixel_array.sum() == 18 * tumor


def write_enhanced(folder: Path, voxels: np.ndarray, **fields: Any) -> Path:
    """One file of several frames, which are not in order."""
    order = np.random.default_rng(1).permutation(len(voxels))
    data = dataset(
        f"{STUDY}.9", voxels[order], StudyInstanceUID=STUDY, SeriesInstanceUID=f"{STUDY}.1", InstanceNumber=1,
        FrameOfReferenceUID=f"{STUDY}.0", NumberOfFrames=len(voxels), SeriesNumber=1, **fields,
    )  # fmt: skip
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = EnhancedMRImageStorage
    shared, measures, orientation, rescaling = Dataset(), Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [0.9, 0.8], 5.0
    orientation.ImageOrientationPatient = list(AXIAL)
    rescaling.RescaleSlope, rescaling.RescaleIntercept = 2.0, 0.0
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = Sequence([measures]), Sequence([orientation])
    shared.PixelValueTransformationSequence = Sequence([rescaling])
    data.SharedFunctionalGroupsSequence = Sequence([shared])
    groups = []
    for number in order:
        group, position = Dataset(), Dataset()
        position.ImagePositionPatient = [-10.0, 20.0, 30.0 + 5.0 * int(number)]
        group.PlanePositionSequence = Sequence([position])
        groups.append(group)
    data.PerFrameFunctionalGroupsSequence = Sequence(groups)
    data.save_as(folder / "enhanced.dcm", enforce_file_format=True)
    return folder / "enhanced.dcm"


def test_a_file_of_several_frames_is_a_volume(voxels: np.ndarray, tmp_path: Path, open_given: Open) -> None:
    (study,), refusals = open_given(write_enhanced(tmp_path, voxels))
    (alone,), _ = open_given(write_series(tmp_path / "mri", voxels))

    assert not refusals and study.name == "enhanced"
    assert np.array_equal(np.stack(study.images), np.stack(alone.images))
    assert study.spacing == pytest.approx((5.0, 0.9, 0.8))
    written = encode(study)
    (group,) = written.PerFrameFunctionalGroupsSequence
    source = group.DerivationImageSequence[0].SourceImageSequence[0]
    order = np.random.default_rng(1).permutation(10)
    assert source.ReferencedSOPInstanceUID == f"{STUDY}.9"
    assert order[int(source.ReferencedFrameNumber) - 1] == 2
    assert np.argwhere(written.pixel_array).tolist() == [[3, 4]]


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless, JPEGLSLossless, JPEG2000Lossless]
)
def test_compressed_or_not_the_pixels_are_the_same(
    syntax: str, voxels: np.ndarray, tmp_path: Path, open_given: Open
) -> None:
    unsigned = voxels.astype(np.uint16)
    (plain,), _ = open_given(write_series(tmp_path / "plain", unsigned))
    stored = unsigned.byteswap() if syntax == ExplicitVRBigEndian else unsigned
    (study,), refusals = open_given(write_series(tmp_path / "other", stored, syntax=syntax))

    assert not refusals
    assert np.array_equal(np.stack(study.images), np.stack(plain.images))


def test_pixels_in_which_less_is_brighter_are_turned(voxels: np.ndarray, tmp_path: Path, open_given: Open) -> None:
    (plain,), _ = open_given(write_series(tmp_path / "plain", voxels.astype(np.uint16)))
    turned = (4095 - voxels).astype(np.uint16)
    fields = {"PhotometricInterpretation": "MONOCHROME1", "BitsStored": 12, "HighBit": 11}
    (study,), _ = open_given(write_series(tmp_path / "turned", turned, **fields))

    assert np.array_equal(np.stack(study.images), np.stack(plain.images))


def test_rescaling_may_differ_from_slice_to_slice(voxels: np.ndarray, tmp_path: Path, open_given: Open) -> None:
    def rescale(number: int, data: Dataset) -> None:
        data.RescaleSlope, data.RescaleIntercept = 1 + number, -10 * number
        data.PixelData = (voxels[number] * 10 + 10 * number).astype(np.int32).tobytes()

    rescaled = np.stack([(voxels[n] * 10 + 10 * n) // 1 for n in range(10)]).astype(np.int32)
    (study,), _ = open_given(write_series(tmp_path / "a", rescaled, change=rescale))
    expected = np.stack([(rescaled[n] * (1 + n) - 10 * n) for n in range(10)]).astype(np.int32)
    (plain,), _ = open_given(write_series(tmp_path / "b", expected))

    assert np.abs(np.stack(study.images).astype(int) - np.stack(plain.images)).max() <= 1


def test_series_are_told_by_folder_and_by_the_scanners_words(
    voxels: np.ndarray, tmp_path: Path, open_given: Open
) -> None:
    for place, (folder, words) in enumerate([("flair", ""), ("s2", "AX T1 POST GD"), ("s3", "AX T2"), ("pre", "x")]):
        volume = np.roll(voxels, place, axis=2)
        write_series(tmp_path / "anna" / folder, volume, series=str(place + 1), SeriesDescription=words)
    (study,), refusals = open_given(tmp_path / "anna")

    images = np.stack(study.images)
    assert [int(np.argwhere(images[..., c] == images[..., c].max())[0][2]) for c in range(3)] == [7, 4, 5]
    assert study.name == "anna" and study.remarks == ()
    assert {(refusal.name.split("/")[1], refusal.reason) for refusal in refusals} == {("s3", "other_sequence")}
    assert found_in(encode(study)) == [(f"{STUDY}.1.3", [3, 4])]


def test_three_series_of_which_nothing_is_known_are_taken_by_their_order(
    voxels: np.ndarray, tmp_path: Path, open_given: Open
) -> None:
    for number in (3, 1, 2):
        write_series(tmp_path / "anna" / f"x{9 - number}", np.roll(voxels, number, axis=2), series=str(number))
    (study,), refusals = open_given(tmp_path / "anna")

    images = np.stack(study.images)
    assert [int(np.argwhere(images[..., c] == images[..., c].max())[0][2]) for c in range(3)] == [5, 6, 7]
    assert not refusals and "taken by their order" in study.remarks[0]


def test_what_is_odd_about_a_series_is_said(voxels: np.ndarray, tmp_path: Path, open_given: Open) -> None:
    folder = write_series(tmp_path / "mri", voxels)
    first, fifth = sorted(folder.iterdir(), key=lambda path: pydicom.dcmread(path).InstanceNumber)[:5:4]
    shutil.copy(first, folder / "again")
    fifth.unlink()
    (study,), refusals = open_given(folder)

    assert not refusals and np.stack(study.images).shape == (9, 12, 14, 3)
    assert "1 slices lie in the place of others, and were not used." in study.remarks
    assert any("Slices are 5.00 to 10.00 mm apart: some may be missing" in remark for remark in study.remarks)
    assert study.spacing == pytest.approx((5.0, 0.9, 0.8))


def test_a_series_that_does_not_tell_where_it_lies_is_taken_by_number(
    voxels: np.ndarray, tmp_path: Path, open_given: Open
) -> None:
    def forget(number: int, data: Dataset) -> None:
        for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "FrameOfReferenceUID"):
            delattr(data, name)

    (study,), _ = open_given(write_series(tmp_path / "mri", voxels, change=forget))
    assert brightest(study) == (2, 3, 4) and study.spacing is None
    assert any("taken in the order of their numbers" in remark for remark in study.remarks)
    assert found_in(encode(study)) == [(f"{STUDY}.1.3", [3, 4])]


@pytest.mark.parametrize("implicit", [True, False])
def test_a_file_without_the_preamble_is_told_by_its_content(
    implicit: bool, voxels: np.ndarray, tmp_path: Path, open_given: Open
) -> None:
    folder = write_series(tmp_path / "mri", voxels)
    for path in folder.iterdir():
        bare = Dataset()
        bare.update({element.tag: element for element in pydicom.dcmread(path)})
        pydicom.dcmwrite(path, bare, implicit_vr=implicit, little_endian=True, enforce_file_format=False)
        assert path.read_bytes()[:2] == b"\x08\0"
    (study,), refusals = open_given(folder)
    assert not refusals and brightest(study) == (2, 3, 4)


def change_tag(**fields: Any) -> Callable[[int, Dataset], None]:
    def change(number: int, data: Dataset) -> None:
        for field, value in fields.items():
            setattr(data, field, value)

    return change


@pytest.mark.parametrize(
    ("change", "reason", "words"),
    [
        (change_tag(Rows=60000, Columns=60000), "too_many_pixels", "60000 x 60000"),
        (change_tag(Rows=24), "truncated", "336 of 672 bytes"),
        (change_tag(NumberOfFrames=2_000_000_000), "too_many_pixels", "20000000000 slices"),
        (change_tag(NumberOfFrames=3), "several_files", "may hold several slices"),
        (change_tag(SamplesPerPixel=3), "wrong_channels", "3 channels"),
        (change_tag(BitsAllocated=0), "wrong_depth", "0 bits"),
        (change_tag(Rows=4), "too_small", "4 x 14"),
        (change_tag(PixelData=b""), "truncated", "0 of 336 bytes"),
        (change_tag(Modality="SEG"), "is_a_mask", "segmentation"),
        (change_tag(ImagePositionPatient=[0, 0, 0], ImageOrientationPatient=[1, 0, 0, 0, 1, 0], PixelSpacing=[1e9, 1]),
         "bad_geometry", "no length"),
    ],
)  # fmt: skip
def test_what_can_not_be_used_is_refused_in_words(
    change: Any, reason: str, words: str, voxels: np.ndarray, tmp_path: Path, open_given: Open
) -> None:
    studies, refusals = open_given(write_series(tmp_path / "mri", voxels, change=change))

    assert not studies and {refusal.reason for refusal in refusals} == {reason}
    assert words in refusals[0].message and len(refusals) == 10


def test_slices_of_several_directions_are_no_volume(voxels: np.ndarray, tmp_path: Path, open_given: Open) -> None:
    folder = write_series(tmp_path / "mri", voxels)
    write_series(tmp_path / "mri" / "more", voxels, axes=SAGITTAL)
    studies, refusals = open_given(folder)
    assert not studies and "several directions in one series" in refusals[0].message


def test_a_compression_that_nothing_here_reads_is_named(voxels: np.ndarray, tmp_path: Path, open_given: Open) -> None:
    def pretend(number: int, data: Dataset) -> None:
        data.PixelData = encapsulate([b"\xff\xd8\xff\xc3" + bytes(50)])

    studies, refusals = open_given(write_series(tmp_path / "mri", voxels, change=pretend, syntax=JPEGLosslessSV1))
    assert not studies and refusals[0].reason == "unsupported_transfer_syntax"
    assert "JPEG Lossless" in refusals[0].message


def test_a_deflated_file_is_not_unpacked(voxels: np.ndarray, tmp_path: Path, open_given: Open) -> None:
    folder = write_series(tmp_path / "mri", voxels[:1], syntax="1.2.840.10008.1.2.1.99")
    studies, (refusal,) = open_given(folder)
    assert not studies and refusal.reason == "unsupported_transfer_syntax" and "a deflated file" in refusal.message


def test_a_packed_picture_of_another_size_is_not_decoded(voxels: np.ndarray, tmp_path: Path, open_given: Open) -> None:
    folder = write_series(tmp_path / "mri", voxels.astype(np.uint16), syntax=JPEG2000Lossless)
    for path in folder.iterdir():
        content = path.read_bytes()
        at = content.index(b"\xff\x4f\xff\x51")
        path.write_bytes(content[: at + 8] + (1 << 20).to_bytes(4, "big") * 2 + content[at + 16 :])
    studies, refusals = open_given(folder)
    assert not studies and refusals[0].reason == "unreadable" and "(1048576, 1048576)" in refusals[0].message


def test_a_packed_picture_without_its_end_is_not_decoded(voxels: np.ndarray, tmp_path: Path, open_given: Open) -> None:
    folder = write_series(tmp_path / "mri", voxels.astype(np.uint16), syntax=JPEGLSLossless)
    for path in folder.iterdir():
        content = path.read_bytes()
        at = content.rindex(b"\xff\xd9")
        path.write_bytes(content[:at] + b"\0\0" + content[at + 2 :])
    studies, refusals = open_given(folder)
    assert not studies and refusals[0].reason == "truncated" and "without its end" in refusals[0].message


def test_more_slices_than_strangers_may_send_are_not_decoded(
    voxels: np.ndarray, tmp_path: Path, open_given: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(_: object) -> np.ndarray:
        raise AssertionError("pixels are decoded")

    monkeypatch.setattr("gliaflow.ingest.studies.dicom_series.read_frames", decode)
    folder = write_series(tmp_path / "P_01", voxels)
    with allow_slices(len(list(folder.iterdir())) - 1, each=10_000, total=10**6) as allowance:
        _, refusals = open_given(folder)
    assert {refusal.reason for refusal in refusals} == {"too_many_pixels"} and allowance.exceeded


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.9])
def test_a_file_that_was_cut_off_is_refused(share: float, voxels: np.ndarray, tmp_path: Path, open_given: Open) -> None:
    folder = write_series(tmp_path / "mri", voxels[:1])
    (path,) = folder.iterdir()
    path.write_bytes(path.read_bytes()[: int(len(path.read_bytes()) * share)])
    studies, refusals = open_given(folder)
    assert not studies and len(refusals) == 1
    assert not any(secret in refusals[0].message for secret in SECRETS)
