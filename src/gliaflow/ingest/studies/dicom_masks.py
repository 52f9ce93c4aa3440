"""DICOM-SEG as masks to learn from: each frame is laid on the slice of the series that lies where it does."""

import numpy as np

from gliaflow.ingest.reasons import UnusableFile
from gliaflow.ingest.studies.dicom_files import Header, finite_numbers, read_frames, size_of
from gliaflow.ingest.studies.grids import Grid

OFF = 0.5  # voxels by which a frame may lie beside the slice that it was drawn on


def read_segmentation(header: Header, grid: Grid) -> np.ndarray:
    """The mask uint8 {0, 1} [I, J, K] on `grid` in a segmentation: tumour is what any of its segments covers.

    Of a fractional segmentation, what is covered by half. Raises UnusableFile, also where the segmentation was drawn on
    pixels of another size or place.
    """
    columns, rows, slices = grid.shape
    if size_of(header) != (rows, columns):
        found = f"a segmentation of {size_of(header)} pixels for slices of {(rows, columns)}"
        raise UnusableFile("mask_size_differs", found)
    groups = header.get("PerFrameFunctionalGroupsSequence") or []
    if len(groups) != header.frames:
        raise UnusableFile("bad_geometry", "a segmentation that doesn't tell where its frames lie")
    places = [_place(group, grid) for group in groups]
    frames = read_frames(header)
    greatest = finite_numbers(header.get("MaximumFractionalValue", 1), 1)
    covered = 2 * frames.astype(np.float64) >= (float(greatest[0]) if greatest is not None else 1.0)
    mask = np.zeros(grid.shape, np.uint8)
    for place, frame in zip(places, covered & (frames > 0), strict=True):
        if not 0 <= place < slices:
            raise UnusableFile("no_overlap", "a segmentation with frames outside its series")
        mask[:, :, place] |= frame.T  # (J, I) -> (I, J)
    return mask


def _place(group: dict[str, list[dict[str, object]]], grid: Grid) -> int:
    """The slice of `grid` on which a frame lies."""
    items = group.get("PlanePositionSequence") or [{}]
    position = finite_numbers(items[0].get("ImagePositionPatient"), 3)
    if position is None:
        raise UnusableFile("bad_geometry", "a segmentation that doesn't tell where its frames lie")
    index = np.linalg.solve(grid.affine[:3, :3], position - grid.affine[:3, 3])
    if np.abs(index[:2]).max() > OFF or abs(index[2] - round(index[2])) > OFF:
        raise UnusableFile("mask_size_differs", "a segmentation that was drawn on slices of another place")
    return int(round(index[2]))
