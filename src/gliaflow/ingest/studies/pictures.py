"""Slices in files of their own (TIFF, PNG, JPEG, BMP), a patient's together where names tell patient and number."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath

import cv2
import numpy as np
import tifffile

from gliaflow.ingest.names import parse_name, role_of
from gliaflow.ingest.readers import raster, read_image, tiff
from gliaflow.ingest.reasons import UnusableFile
from gliaflow.ingest.studies.files import File, read_file
from gliaflow.ingest.studies.study import Kind, MaskFile, Refusal, Study

TYPES = {".tif": "image/tiff", ".bmp": "image/bmp", ".png": "image/png"}


@dataclass(frozen=True)
class Pictures:
    """The form of a study of pictures: the name of each (posix), and the suffix that its mask has."""

    names: tuple[str, ...]
    suffixes: tuple[str, ...]

    @property
    def kind(self) -> Kind:
        return "picture"

    def encode(self, masks: Sequence[np.ndarray], model: str) -> tuple[MaskFile, ...]:
        """A grey picture of 0 and 255 for each mask: TIFF of TIFF, BMP of BMP, else PNG (JPEG would blur it)."""
        files = []
        for name, suffix, mask in zip(self.names, self.suffixes, masks, strict=True):
            stem = PurePosixPath(name).with_suffix("")
            files.append(MaskFile(f"{stem}_mask{suffix}", TYPES[suffix], _encode(mask * np.uint8(255), suffix)))
        return tuple(files)


def group_pictures(files: Sequence[File]) -> list[list[File]]:
    """Files of one patient together, in the order of their numbers; a file whose name tells no number is by itself."""
    patients: defaultdict[str, list[tuple[int, File]]] = defaultdict(list)
    alone: list[list[File]] = []
    for file in files:
        name = parse_name(file.name)
        if name is None:
            alone.append([file])
        else:
            patients[name.patient].append((name.slice, file))
    together = [
        [file for _, file in sorted(found, key=lambda row: (row[0], row[1].name))] for found in patients.values()
    ]
    return sorted([*together, *alone], key=lambda group: group[0].name)


def read_pictures(group: Sequence[File]) -> Iterator[Study | Refusal]:
    """One study of a group of pictures, and a refusal for each that can't be used; masks (by name) are refused too."""
    images: list[np.ndarray] = []
    used: list[File] = []
    suffixes: list[str] = []
    for file in group:
        try:
            if role_of(file.name) == "mask":
                raise UnusableFile("is_a_mask", "a mask, by its name")
            content = read_file(file)
            image = read_image(content)
        except UnusableFile as fault:
            yield Refusal(file.name, fault.reason, str(fault))
            continue
        images.append(image)
        used.append(file)
        suffixes.append(".tif" if tiff.matches(content) else ".bmp" if content.startswith(raster.BMP) else ".png")
    if images:
        names = tuple(file.name for file in used)
        yield Study(_name_of(used), tuple(images), names, names, Pictures(names, tuple(suffixes)))


def _name_of(group: Sequence[File]) -> str:
    """The patient's name where there are several pictures, else the picture's."""
    name = parse_name(group[0].name) if len(group) > 1 else None
    return name.patient if name else group[0].stem


def _encode(picture: np.ndarray, suffix: str) -> bytes:
    if suffix == ".tif":
        buffer = BytesIO()
        tifffile.imwrite(buffer, picture, compression="zlib", metadata=None)
        return buffer.getvalue()
    ok, content = cv2.imencode(suffix, picture)
    assert ok, "OpenCV encodes every uint8 picture"
    return content.tobytes()
