"""The slices of one DICOM series in order, with what is odd about them, and their pixels as a scan."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gliaflow.ingest.readers.pixels import check_size
from gliaflow.ingest.reasons import UnusableFile
from gliaflow.ingest.studies.dicom_files import Header, finite_numbers, read_frames, size_of
from gliaflow.ingest.studies.dicom_seg import Plane, Reference
from gliaflow.ingest.studies.grids import Grid
from gliaflow.ingest.studies.scans import Scan, check_slices, check_volume

MOST_SLICES = 10_000
UNEVEN = 0.05  # of the usual distance between slices, by which others may differ unremarked
TOGETHER = 0.01  # mm between slices that lie in one place
PARALLEL = 1e-3  # by which the directions of rows and columns may differ within a series


@dataclass(frozen=True)
class Picture:
    """A slice: its file's header, its frame there, where it lies (None where that isn't told), how it is rescaled."""

    header: Header
    frame: int
    plane: Plane | None
    slope: float
    intercept: float


@dataclass(frozen=True)
class Series:
    """Slices in ascending order along their normal.

    measured : whether the header tells the distances between pixels
    number   : the series' number, for its order among others
    """

    pictures: tuple[Picture, ...]
    grid: Grid
    reference: Reference
    measured: bool
    number: int
    remarks: tuple[str, ...]
    headers: tuple[Header, ...]


def arrange(headers: Sequence[Header]) -> Series:
    """A series of the files of one SeriesInstanceUID; raises UnusableFile where they make no volume."""
    remarks: list[str] = []
    ordered = sorted(headers, key=lambda header: (_instance(header), header.file.name))
    sizes = {size_of(header) for header in headers}
    if len(sizes) > 1:
        raise UnusableFile("bad_geometry", "slices of several sizes in one series")
    ((rows, columns),) = sizes
    check_size(rows, columns)
    if (count := sum(header.frames for header in headers)) > MOST_SLICES:
        raise UnusableFile("too_many_pixels", f"{count} slices in one series, more than {MOST_SLICES}")
    check_volume((count, rows, columns), 2)
    if len(headers) > 1 and any(header.several for header in headers):
        raise UnusableFile("several_files", "a series of files that each may hold several slices")
    pictures = [picture for header in ordered for picture in _pictures(header)]
    placed = [picture.plane for picture in pictures if picture.plane is not None]
    measured = len(placed) == len(pictures) and all(plane.measured for plane in placed)
    if len(placed) == len(pictures):
        if any(np.abs(np.subtract(plane.axes, placed[0].axes)).max() > PARALLEL for plane in placed):
            raise UnusableFile("bad_geometry", "slices of several directions in one series, as in a localiser")
        pictures = _in_order(pictures, remarks)
    else:
        remarks.append("Headers don't tell where slices lie: taken in the order of their numbers.")
        pictures = _stacked(pictures)
    if not measured:
        remarks.append("Headers don't tell how large pixels are: areas and volumes can't be given.")
    planes = tuple(picture.plane for picture in pictures if picture.plane is not None)
    grid = Grid((columns, rows, len(pictures)), _affine(planes, remarks))
    reference = Reference.of(
        [(picture.header.data, picture.frame if picture.header.several else None) for picture in pictures],
        planes,
        abs(_distance(planes)),
    )
    number = finite_numbers(ordered[0].get("SeriesNumber"), 1)
    return Series(
        tuple(pictures), grid, reference, measured, int(number[0]) if number is not None else 0, tuple(remarks),
        tuple(ordered),
    )  # fmt: skip


def read_scan(series: Series) -> Scan:
    """The pixels of a series; raises UnusableFile."""
    check_slices(series.grid)
    scales = {(picture.slope, picture.intercept) for picture in series.pictures}
    frames: dict[int, np.ndarray] = {}
    stack: list[np.ndarray] = []
    for picture in series.pictures:
        if id(picture.header) not in frames:
            frames = {id(picture.header): read_frames(picture.header)}
        pixels = frames[id(picture.header)][picture.frame]
        stack.append(pixels if len(scales) == 1 else (pixels * picture.slope + picture.intercept).astype(np.float32))
    slope, intercept = next(iter(scales)) if len(scales) == 1 else (1.0, 0.0)
    voxels = np.stack(stack).transpose(2, 1, 0)  # (K, J, I) -> (I, J, K)
    return Scan(voxels, series.grid, slope, intercept)


def _pictures(header: Header) -> list[Picture]:
    """The pictures of a file, in its order."""
    shared = _first(header.data, "SharedFunctionalGroupsSequence")
    each = header.get("PerFrameFunctionalGroupsSequence") or []
    if header.frames > 1 and len(each) != header.frames:
        return [Picture(header, frame, None, *_scale(header.data, None, None)) for frame in range(header.frames)]
    own = list(each) if each else [None] * header.frames
    return [
        Picture(header, frame, _plane(header.data, group, shared), *_scale(header.data, group, shared))
        for frame, group in enumerate(own[: header.frames])
    ]


def _plane(data: Any, group: Any, shared: Any) -> Plane | None:
    position = finite_numbers(_value(data, group, shared, "PlanePositionSequence", "ImagePositionPatient"), 3)
    axes = finite_numbers(_value(data, group, shared, "PlaneOrientationSequence", "ImageOrientationPatient"), 6)
    sides = finite_numbers(_value(data, group, shared, "PixelMeasuresSequence", "PixelSpacing"), 2)
    if position is None or axes is None or np.linalg.norm(np.cross(axes[:3], axes[3:])) < 0.9:
        return None
    measured = sides is not None and bool((sides > 0).all())
    thickness = finite_numbers(_value(data, group, shared, "PixelMeasuresSequence", "SliceThickness"), 1)
    between = finite_numbers(_value(data, group, shared, "PixelMeasuresSequence", "SpacingBetweenSlices"), 1)
    depth = next((float(found[0]) for found in (between, thickness) if found is not None and found[0] > 0), 1.0)
    assert sides is not None or not measured
    rows, columns = (float(sides[0]), float(sides[1])) if sides is not None and measured else (1.0, 1.0)
    return Plane(tuple(map(float, position)), tuple(map(float, axes)), (rows, columns), depth, measured)


def _scale(data: Any, group: Any, shared: Any) -> tuple[float, float]:
    slope = finite_numbers(_value(data, group, shared, "PixelValueTransformationSequence", "RescaleSlope"), 1)
    intercept = finite_numbers(_value(data, group, shared, "PixelValueTransformationSequence", "RescaleIntercept"), 1)
    return (
        float(slope[0]) if slope is not None and slope[0] != 0 else 1.0,
        float(intercept[0]) if intercept is not None else 0.0,
    )


def _value(data: Any, group: Any, shared: Any, sequence: str, keyword: str) -> Any:
    """A value of a frame's own functional groups, else of the shared ones, else of the header itself."""
    for groups in (group, shared):
        item = _first(groups, sequence) if groups is not None else None
        if item is not None and item.get(keyword) is not None:
            return item.get(keyword)
    return data.get(keyword)


def _first(data: Any, sequence: str) -> Any:
    items = data.get(sequence)
    return items[0] if items else None


def _instance(header: Header) -> float:
    number = finite_numbers(header.get("InstanceNumber"), 1)
    return float(number[0]) if number is not None else 0.0


def _in_order(pictures: list[Picture], remarks: list[str]) -> list[Picture]:
    """Pictures along their normal, one a place."""
    heights = [_height(picture) for picture in pictures]
    order = sorted(range(len(pictures)), key=lambda index: heights[index])  # stable: of one place the first number
    kept: list[int] = []
    for index in order:
        if not kept or heights[index] - heights[kept[-1]] > TOGETHER:
            kept.append(index)
    if len(kept) < len(order):
        if any(picture.header.several for picture in pictures):
            raise UnusableFile("several_pages", "several pictures of one place in one file")
        remarks.append(f"{len(order) - len(kept)} slices lie in the place of others, and were not used.")
    steps = np.diff([heights[index] for index in kept])
    if len(steps) and np.abs(steps - np.median(steps)).max() > UNEVEN * np.median(steps):
        remarks.append(
            f"Slices are {steps.min():.2f} to {steps.max():.2f} mm apart: some may be missing. Volumes are reckoned "
            f"with {np.median(steps):.2f} mm."
        )
    return [pictures[index] for index in kept]


def _height(picture: Picture) -> float:
    assert picture.plane is not None
    axes = picture.plane.axes
    return float(np.dot(np.cross(axes[:3], axes[3:]), picture.plane.position))


def _stacked(pictures: list[Picture]) -> list[Picture]:
    """Pictures that don't tell where they lie: axial, one above the other."""
    return [
        Picture(
            picture.header, picture.frame, Plane((0.0, 0.0, float(number)), (1.0, 0, 0, 0, 1.0, 0), (1.0, 1.0), 1.0),
            picture.slope, picture.intercept,
        )
        for number, picture in enumerate(pictures)
    ]  # fmt: skip


def _distance(planes: Sequence[Plane]) -> float:
    """The usual distance between slices in mm."""
    if len(planes) == 1:
        return planes[0].depth
    normal = np.cross(planes[0].axes[:3], planes[0].axes[3:])
    return float(np.median(np.diff([np.dot(normal, plane.position) for plane in planes])))


def _affine(planes: Sequence[Plane], remarks: list[str]) -> np.ndarray:
    """Indices (column, row, slice) to millimetres, float64 [4, 4] (DICOM PS3.3, C.7.6.2.1.1)."""
    first, last = planes[0], planes[-1]
    normal = np.cross(first.axes[:3], first.axes[3:])
    step = np.subtract(last.position, first.position) / max(1, len(planes) - 1)
    length = np.linalg.norm(step)
    usual = _distance(planes)
    affine = np.eye(4)
    affine[:3, 0] = np.multiply(first.axes[:3], first.sides[1])
    affine[:3, 1] = np.multiply(first.axes[3:], first.sides[0])
    affine[:3, 2] = normal * usual if length == 0 else step / length * usual
    affine[:3, 3] = first.position
    if Counter(round(plane.sides[0], 4) for plane in planes).most_common(1)[0][1] < len(planes):
        remarks.append("Pixels are not of one size in all slices.")
    return affine
