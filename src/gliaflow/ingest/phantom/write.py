"""A phantom data set on disk, in the layout, names and types of kaggle_3m."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile

from gliaflow.ingest.phantom.atlas import PhantomError, load_atlas
from gliaflow.ingest.phantom.clinical import HEADER, draw_row
from gliaflow.ingest.phantom.patient import Patient, draw_patient

MOST_PATIENTS = 999  # their numbers have three digits


def make_phantom(
    folder: Path,
    patients: int = 12,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    *,
    slices: int | None = None,
) -> None:
    """Write a made-up data set: `folder` becomes a root like kaggle_3m, with data.csv and a folder of TIFFs a patient.

    Patient i depends on (seed, i) alone, and equal arguments give equal bytes. Each has `slices` slices, or 20 to 26.
    The folder appears when it is complete. Raises PhantomError if it holds anything already, for a number of patients
    that the names can't hold, and where nilearn, whose templates are the anatomy, is not installed.
    """
    if not 1 <= patients <= MOST_PATIENTS:
        raise PhantomError(f"A phantom has 1 to {MOST_PATIENTS} patients, {patients} were asked for")
    if seed < 0:
        raise PhantomError(f"A seed is a whole number from 0 on, {seed} was given")
    folder = Path(folder).absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise PhantomError(
            f"A phantom is written into a new or an empty folder, {folder} has something in it: name another one"
        )
    atlas = load_atlas()
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    partial.mkdir(parents=True)
    try:
        rows = []
        for number in range(patients):
            patient = draw_patient(atlas, number, seed, slices)
            write_patient(partial, patient)
            rows.append(draw_row(patient.case, number, seed))
            if progress:
                progress(number + 1, patients)
        (partial / "data.csv").write_bytes("".join(f"{row}\n" for row in [HEADER, *sorted(rows)]).encode())
        os.replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_patient(folder: Path, patient: Patient) -> None:
    """Write one patient's slices, numbered from 1, into its own folder below `folder`."""
    home = folder / patient.name
    home.mkdir()
    for number, (image, mask) in enumerate(zip(patient.images, patient.masks, strict=True), start=1):
        write_tiff(home / f"{patient.name}_{number}.tif", image)
        write_tiff(home / f"{patient.name}_{number}_mask.tif", mask)


def write_tiff(path: Path, pixels: np.ndarray) -> None:
    """Write uint8 [H, W] or [H, W, 3] as an uncompressed TIFF that holds nothing else: no software, no time."""
    tifffile.imwrite(
        path, pixels, photometric="minisblack" if pixels.ndim == 2 else "rgb", metadata=None, software=False
    )
