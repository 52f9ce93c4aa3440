"""Masks as DICOM-SEG, by highdicom: one binary segment that refers to the slices it was drawn on.

The patient's name, number, sex, dates and all words of the source stay behind. What is kept is what a viewer needs to
lay the mask over its series: the UIDs of the study, the series, the slices and the frame of reference, and their
geometry. PatientID is a digest of the study's UID, so that an archive doesn't take two patients for one.
"""

import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from gliaflow.ingest.studies.packages import require

SERIES_NUMBER = 9000
LONGEST = 64  # characters of a DICOM long string
PSEUDONYM = "GLIAFLOW-"


@dataclass(frozen=True)
class Plane:
    """Where a slice lies, in mm (LPS).

    position : centre of the first pixel
    axes     : directions in which rows and columns run
    sides    : from row to row and from column to column; `measured` says whether the header told them
    depth    : thickness, or the distance to the next slice
    """

    position: tuple[float, ...]
    axes: tuple[float, ...]
    sides: tuple[float, float]
    depth: float
    measured: bool = False


@dataclass(frozen=True)
class Source:
    """A slice's identity: the class and UID of its file, and which frame of it (None where it is the only one)."""

    sop_class: str
    sop_instance: str
    frame: int | None


@dataclass(frozen=True)
class Reference:
    """The slices of a series as a segmentation refers to them, in order; nothing of the patient."""

    study: str
    series: str
    frame_of_reference: str
    sources: tuple[Source, ...]
    planes: tuple[Plane, ...]
    distance: float

    @classmethod
    def of(
        cls, slices: Sequence[tuple[Mapping[str, Any], int | None]], planes: tuple[Plane, ...], distance: float
    ) -> "Reference":
        """Of headers' values, each with the number of the frame in the file; UIDs that lack are made up."""
        first = slices[0][0]
        made_up = _uid("study", *(str(data.get("SOPInstanceUID", number)) for number, (data, _) in enumerate(slices)))
        study = _sound(first.get("StudyInstanceUID")) or made_up
        series = _sound(first.get("SeriesInstanceUID")) or _uid("series", study)
        return cls(
            study,
            series,
            _sound(first.get("FrameOfReferenceUID")) or _uid("frame of reference", series),
            tuple(
                Source(
                    str(data["SOPClassUID"]),
                    _sound(data.get("SOPInstanceUID")) or _uid("slice", series, str(number)),
                    frame,
                )
                for number, (data, frame) in enumerate(slices)
            ),
            planes,
            distance,
        )


def encode_segmentation(reference: Reference, frames: np.ndarray, model: str) -> bytes:
    """A DICOM-SEG file of masks uint8 {0, 1} [K, H, W], one a slice of `reference`; `model` is named as what made it.

    UIDs follow from what is encoded; the time of day is that of encoding.
    """
    require("highdicom", "DICOM segmentations")
    import highdicom
    from pydicom.sr.coding import Code

    from gliaflow.ingest.studies.dicom_files import quiet_dicom

    digest = hashlib.sha256(frames.tobytes()).hexdigest()
    series = _uid("segmentation", reference.series, model)
    segment = highdicom.seg.SegmentDescription(
        segment_number=1,
        segment_label="Tumour",
        segmented_property_category=Code("49755003", "SCT", "Morphologically Abnormal Structure"),
        segmented_property_type=Code("108369006", "SCT", "Neoplasm"),
        anatomic_regions=[Code("12738006", "SCT", "Brain")],
        algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=highdicom.AlgorithmIdentificationSequence(
            name="Gliaflow",
            version=model[:LONGEST] or "unknown",
            family=Code("123109", "DCM", "Artificial Intelligence"),
        ),
        tracking_uid=_uid("tumour", reference.series, model),
        tracking_id="Gliaflow tumour",
    )
    with quiet_dicom():
        made = highdicom.seg.Segmentation(
            source_images=_sources(reference, frames.shape[1:]),
            pixel_array=_in_file_order(reference, frames),
            segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=[segment],
            series_instance_uid=series,
            series_number=SERIES_NUMBER,
            sop_instance_uid=_uid("masks", series, digest),
            instance_number=1,
            manufacturer="Gliaflow",
            manufacturer_model_name="Gliaflow",
            software_versions=_version(),
            device_serial_number=_uid("model", model)[-LONGEST:],
            content_label="TUMOUR",
            content_description="Tumour found by a model. Research use only.",
            series_description="Tumour (Gliaflow)",
            omit_empty_frames=bool(frames.any()),
        )
    made.PatientIdentityRemoved = "YES"
    made.DeidentificationMethod = "Written by Gliaflow without the patient's data"
    buffer = io.BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _sources(reference: Reference, size: tuple[int, ...]) -> list[Any]:
    """Datasets of the source slices as highdicom wants them, with nothing in them but what `reference` holds."""
    from pydicom.dataset import Dataset

    many = reference.sources[0].frame is not None
    datasets = []
    for number, (source, plane) in enumerate(zip(reference.sources, reference.planes, strict=True)):
        if many and number:
            break
        data = Dataset()
        data.SOPClassUID, data.SOPInstanceUID = source.sop_class, source.sop_instance
        data.StudyInstanceUID, data.SeriesInstanceUID = reference.study, reference.series
        data.FrameOfReferenceUID, data.PositionReferenceIndicator = reference.frame_of_reference, ""
        data.Modality = "MR"  # highdicom asks for one, and writes it nowhere
        data.PatientName = data.PatientBirthDate = data.PatientSex = ""
        data.PatientID = PSEUDONYM + hashlib.sha256(reference.study.encode()).hexdigest()[:16]
        data.StudyDate = data.StudyTime = data.StudyID = data.AccessionNumber = data.ReferringPhysicianName = ""
        data.SeriesNumber, data.InstanceNumber = 1, number + 1
        data.Rows, data.Columns = (int(side) for side in size)
        data.SamplesPerPixel, data.BitsAllocated, data.BitsStored, data.HighBit = 1, 16, 16, 15
        data.PixelRepresentation, data.PhotometricInterpretation = 0, "MONOCHROME2"
        if many:
            _describe_frames(data, reference)
        else:
            _describe(data, plane, reference.distance)
        datasets.append(data)
    return datasets


def _describe(data: Any, plane: Plane, distance: float) -> None:
    data.ImagePositionPatient = [_decimal(value) for value in plane.position]
    data.ImageOrientationPatient = [_decimal(value) for value in plane.axes]
    data.PixelSpacing = [_decimal(value) for value in plane.sides]
    data.SliceThickness = _decimal(plane.depth)
    data.SpacingBetweenSlices = _decimal(distance)


def _describe_frames(data: Any, reference: Reference) -> None:
    """The functional groups of a source of several frames, in the file's order."""
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence as Items

    data.NumberOfFrames = len(reference.sources)
    first = reference.planes[0]
    measures, orientation, shared = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = [_decimal(value) for value in first.sides]
    measures.SliceThickness, measures.SpacingBetweenSlices = _decimal(first.depth), _decimal(reference.distance)
    orientation.ImageOrientationPatient = [_decimal(value) for value in first.axes]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = Items([measures]), Items([orientation])
    data.SharedFunctionalGroupsSequence = Items([shared])
    frames = []
    for index in _file_order(reference):
        position, group = Dataset(), Dataset()
        position.ImagePositionPatient = [_decimal(value) for value in reference.planes[index].position]
        group.PlanePositionSequence = Items([position])
        frames.append(group)
    data.PerFrameFunctionalGroupsSequence = Items(frames)


def _file_order(reference: Reference) -> list[int]:
    """The slices' indices in the order in which they are in the source file."""
    return sorted(range(len(reference.sources)), key=lambda index: reference.sources[index].frame or 0)


def _in_file_order(reference: Reference, frames: np.ndarray) -> np.ndarray:
    return frames if reference.sources[0].frame is None else frames[_file_order(reference)]


def _decimal(value: float) -> Any:
    """A number in the 16 characters that a DICOM decimal string has."""
    from pydicom.valuerep import DSfloat

    return DSfloat(value, auto_format=True)


def _sound(uid: Any) -> str:
    """A UID, or "" where it is none (DICOM PS3.5, 9.1)."""
    text = str(uid or "")
    return text if re.fullmatch(r"(?=.{1,64}$)[0-9]+(\.[0-9]+)*", text) else ""


def _uid(*words: str) -> str:
    from pydicom.uid import generate_uid

    return str(generate_uid(entropy_srcs=list(words)))


def _version() -> str:
    try:
        return version("gliaflow")
    except PackageNotFoundError:
        return "unknown"
