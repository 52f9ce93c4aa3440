"""Make the samples of the web page, slices and a volume of phantom patients: python benchmarks/samples.py

They go to src/gliaflow/web/page/samples with their list, the same bytes every time. The heads are those of
`gliaflow phantom`: the MNI152 templates that nilearn brings, with made-up gliomas; the templates' licence asks that
the notice in LICENSE.txt beside the samples stays with them. Needs nilearn and nibabel.
"""

import gzip
import json
import sys
from pathlib import Path

import cv2
import nibabel
import numpy as np
import tifffile

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from gliaflow.ingest.phantom.atlas import Atlas, load_atlas  # noqa: E402
from gliaflow.ingest.phantom.patient import Patient, draw_patient  # noqa: E402

FOLDER = ROOT / "src" / "gliaflow" / "web" / "page" / "samples"
SMALL = FOLDER / "small"  # pictures to choose by
SMALL_PIXELS = 128
SEED = 2026  # no patients of these were drawn to train or to measure anything
FLAIR = 1
VOLUME_PIXELS = 112  # along each side of a slice: a third of the bytes that 256 take
VOLUME_SPACING = (2.0, 2.0, 6.5)  # mm, x, y, z: about that of the head that is drawn


def main() -> None:
    atlas = load_atlas()
    SMALL.mkdir(parents=True, exist_ok=True)
    tumor = _slice(atlas, 1, 13)
    tifffile.imwrite(
        FOLDER / "tumor.tif",
        tumor,
        photometric="rgb",
        compression="zlib",
        predictor=True,
        metadata=None,
        software=False,
    )
    _write_small("tumor", tumor)
    _write_png("small-tumor", _slice(atlas, 3, 10))
    _write_png("no-tumor", _slice(atlas, 1, 19))
    _write_png("edge-of-a-tumor", _slice(atlas, 0, 20))
    _write_png("flair-only", _slice(atlas, 2, 11)[:, :, FLAIR])
    head = _patient(atlas, 4)
    (FOLDER / "head.nii.gz").write_bytes(_volume(head))
    _write_small("head", head.images[4])
    samples = [
        {"name": "tumor.tif", "about": "A clear tumour"},
        {"name": "small-tumor.png", "about": "A small tumour"},
        {"name": "edge-of-a-tumor.png", "about": "The very edge of a tumour"},
        {"name": "no-tumor.png", "about": "No tumour"},
        {"name": "flair-only.png", "about": "FLAIR alone, in grey"},
        {"name": "head.nii.gz", "about": "A whole head of 21 slices"},
    ]
    (FOLDER / "samples.json").write_text(json.dumps(samples, indent=1) + "\n")


def _patient(atlas: Atlas, number: int) -> Patient:
    return draw_patient(atlas, number, SEED)


def _slice(atlas: Atlas, number: int, position: int) -> np.ndarray:
    """Slice `position` (from 0) of a patient, uint8 [256, 256, 3]."""
    return _patient(atlas, number).images[position]


def _write_png(stem: str, pixels: np.ndarray) -> None:
    bgr = pixels[:, :, ::-1] if pixels.ndim == 3 else pixels
    ok, content = cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    assert ok, "OpenCV encodes every uint8 picture"
    (FOLDER / f"{stem}.png").write_bytes(content.tobytes())
    _write_small(stem, pixels)


def _write_small(stem: str, pixels: np.ndarray) -> None:
    grey = pixels[:, :, FLAIR] if pixels.ndim == 3 else pixels
    grey = cv2.resize(grey, (SMALL_PIXELS, SMALL_PIXELS), interpolation=cv2.INTER_AREA)
    ok, content = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, 80])
    assert ok, "OpenCV encodes every uint8 picture"
    (SMALL / f"{stem}.jpg").write_bytes(content.tobytes())


def _volume(patient: Patient) -> bytes:
    """The FLAIR images of a head as a packed NIfTI: columns run to the left, rows backwards, slices upwards."""
    size = (VOLUME_PIXELS, VOLUME_PIXELS)
    slices = [cv2.resize(image[:, :, FLAIR], size, interpolation=cv2.INTER_AREA) for image in patient.images]
    x, y, z = VOLUME_SPACING
    affine = np.diag([-x, -y, z, 1.0])
    affine[:3, 3] = x * VOLUME_PIXELS / 2, y * VOLUME_PIXELS / 2, -z * len(slices) / 2
    voxels = np.stack(slices, axis=-1).swapaxes(0, 1)  # [rows, columns, slices] -> [columns, rows, slices]
    volume = nibabel.Nifti1Image(voxels, affine)
    volume.header.set_xyzt_units("mm")
    return gzip.compress(volume.to_bytes(), mtime=0)


if __name__ == "__main__":
    main()
