"""Odd folders: copies, links, pipes, closed doors, and what systems and colleagues leave behind."""

import os
import shutil
import stat
from pathlib import Path

import numpy as np

from gliaflow.ingest.mess.patients import DOUBLE, RENAMED, draw_patient, next_pair, put

COPIED_BYTES = 1 << 20  # larger files are left out of copies


def doubled(folder: Path, rng: np.random.Generator) -> Path:
    """A second, identical copy of one patient and data.csv, nested as in the archive that Kaggle delivers."""
    home = draw_patient(folder, rng)
    copy = folder / DOUBLE / "kaggle_3m"
    copy.mkdir(parents=True)
    shutil.copytree(home, copy / home.name, symlinks=True, ignore=_not_copied)
    shutil.copyfile(folder / "data.csv", copy / "data.csv")
    return copy / home.name


def renamed_patient(folder: Path, rng: np.random.Generator) -> Path:
    """A copy of one patient under the name of another, who isn't there."""
    home = draw_patient(folder, rng)
    name = f"TCGA_{home.name[5:7]}_P999_{home.name[-8:]}"
    copy = folder / RENAMED / name
    copy.mkdir(parents=True)
    for number in range(1, 1 + sum(1 for path in home.glob(f"{home.name}_*_mask.tif"))):
        for ending in (f"{number}.tif", f"{number}_mask.tif"):
            source = home / f"{home.name}_{ending}"
            if source.is_file() and not _not_copied(str(home), [source.name]):
                shutil.copyfile(source, copy / f"{name}_{ending}")
    return copy


def _not_copied(directory: str, names: list[str]) -> list[str]:
    """What can't be copied: what may not be read, pipes and devices, and files that are mostly a hole."""
    left_out = []
    for name in names:
        path = os.path.join(directory, name)
        status = os.lstat(path)
        plain = stat.S_ISREG(status.st_mode) and status.st_size <= COPIED_BYTES
        known = plain or stat.S_ISDIR(status.st_mode) or stat.S_ISLNK(status.st_mode)
        if not known or not stat.S_ISLNK(status.st_mode) and not os.access(path, os.R_OK):
            left_out.append(name)
    return left_out


def copied_pair(folder: Path, rng: np.random.Generator) -> Path:
    """The same pair twice: beside the others, and in a folder called backup."""
    image, mask = next_pair(folder, rng)
    backup = image.parent / "backup"
    backup.mkdir(exist_ok=True)
    shutil.copyfile(mask, backup / mask.name)
    return Path(shutil.copyfile(image, backup / image.name))


def symlink_loop(folder: Path, rng: np.random.Generator) -> Path:
    """A link in a patient's folder that leads back to the root."""
    link = draw_patient(folder, rng) / "again"
    link.symlink_to(os.pardir, target_is_directory=True)
    return link


def link_to_itself(folder: Path, rng: np.random.Generator) -> Path:
    """An image that is a link to itself."""
    image, _ = next_pair(folder, rng)
    image.unlink()
    image.symlink_to(image.name)
    return image


def broken_link(folder: Path, rng: np.random.Generator) -> Path:
    """An image that is a link to what was moved away."""
    image, _ = next_pair(folder, rng)
    image.unlink()
    image.symlink_to("moved.tif")
    return image


def linked_pair(folder: Path, rng: np.random.Generator) -> Path:
    """A pair of links to files that are kept elsewhere, under names that say nothing."""
    image, mask = next_pair(folder, rng)
    for path in (image, mask):
        store = path.parent / "store"
        store.mkdir(exist_ok=True)
        path.rename(store / f"{path.stem}.bin")
        path.symlink_to(f"store/{path.stem}.bin")
    return image


def pipe(folder: Path, rng: np.random.Generator) -> Path:
    """A pipe in an image's place: who opens it waits for ever."""
    image, _ = next_pair(folder, rng)
    image.unlink()
    os.mkfifo(image)
    return image


def folder_called_tif(folder: Path, rng: np.random.Generator) -> Path:
    """A folder that is called as an image is, with that image in it."""
    image, mask = next_pair(folder, rng)
    content = image.read_bytes()
    image.unlink()
    put(image / image.name, content)
    mask.rename(image / mask.name)
    return image


def closed_folder(folder: Path, rng: np.random.Generator) -> Path:
    """A folder that nobody but the administrator may look into, with a pair in it."""
    image, mask = next_pair(folder, rng)
    closed = image.parent / "closed"
    closed.mkdir()
    mask.rename(closed / mask.name)
    image.rename(closed / image.name)
    closed.chmod(0)
    return closed


def a_hundred_folders_deep(folder: Path, rng: np.random.Generator) -> Path:
    """A pair at the end of a hundred folders, one in the other."""
    image, mask = next_pair(folder, rng)
    deep = image.parent.joinpath(*["deep"] * 100)
    deep.mkdir(parents=True)
    mask.rename(deep / mask.name)
    return image.rename(deep / image.name)


def finder_file(folder: Path, rng: np.random.Generator) -> Path:
    """What the Mac's Finder leaves."""
    return put(draw_patient(folder, rng) / ".DS_Store", b"\0\0\0\1Bud1" + bytes(64))


def explorer_file(folder: Path, rng: np.random.Generator) -> Path:
    """What the Explorer of Windows leaves."""
    return put(draw_patient(folder, rng) / "Thumbs.db", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(64))


def note(folder: Path, rng: np.random.Generator) -> Path:
    """What a colleague leaves."""
    return put(folder / "notes.txt", b"P003: second reader disagrees, ask again\n")


MAKERS = (
    doubled,
    renamed_patient,
    copied_pair,
    symlink_loop,
    link_to_itself,
    broken_link,
    linked_pair,
    pipe,
    folder_called_tif,
    closed_folder,
    a_hundred_folders_deep,
    finder_file,
    explorer_file,
    note,
)
