"""What is wrong with other people's folders, added to a phantom on purpose: one small maker a kind."""

import os
import re
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile

from gliaflow.ingest.phantom import PhantomError
from gliaflow.ingest.phantom.write import write_tiff

PHANTOM_PATIENT = re.compile(r"TCGA_[A-Z]{2}_P\d{3}_\d{8}")  # no real case starts with a P
DOUBLE = "lgg-mri-segmentation"  # the folder that holds the second copy in the archive that Kaggle delivers
BOMB_SIDE, BOMB_ROWS = 30_000, 300  # pixels along each side, rows a strip


def add_mess(folder: Path, seed: int = 0) -> dict[str, Path]:
    """Add each kind of MESSES once to a phantom; gives the path of each. No file that was there is changed.

    Raises PhantomError unless all that `folder` holds are the patients of a phantom: real data is never touched.
    """
    folder = Path(folder)
    _patients(folder)
    if (folder / DOUBLE).exists():
        raise PhantomError(f"Mess is added once, {folder} has {DOUBLE} already: make a new phantom")
    return {kind: make(folder, np.random.default_rng([seed, *kind.encode()])) for kind, make in MESSES.items()}


def _patients(folder: Path) -> list[Path]:
    """The phantom's patient folders, sorted. Raises PhantomError if there are none, or others beside them."""
    homes = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    homes = [home for home in homes if home.name != DOUBLE]
    strange = [home.name for home in homes if not PHANTOM_PATIENT.fullmatch(home.name)]
    if strange or not homes:
        found = f"the folder {strange[0]}, which is none" if strange else "no patient"
        raise PhantomError(
            f"Mess is added to phantom patients alone, {folder} holds {found}: make a phantom of its own"
        )
    return homes


def _numbered(home: Path, number: int | str, mask: bool = False) -> Path:
    """The path of a patient's image, or mask, of slice `number`."""
    return home / f"{home.name}_{number}{'_mask' if mask else ''}.tif"


def _slices(home: Path) -> int:
    """The greatest slice number of a patient, of images or masks."""
    numbers = (re.fullmatch(rf"{home.name}_(\d+)(_mask)?\.tif", path.name) for path in home.iterdir())
    return max(int(found[1]) for found in numbers if found)


def _next_pair(folder: Path, rng: np.random.Generator) -> tuple[Path, Path]:
    """A pair (image, mask), yet to be spoilt, after the last slice of some patient: a copy of the first."""
    homes = _patients(folder)
    home = homes[rng.integers(len(homes))]
    last = _slices(home)
    image, mask = _numbered(home, last + 1), _numbered(home, last + 1, mask=True)
    shutil.copyfile(_numbered(home, 1), image)
    shutil.copyfile(_numbered(home, 1, mask=True), mask)
    return image, mask


def unreadable(folder: Path, rng: np.random.Generator) -> Path:
    """An image of random bytes."""
    image, _ = _next_pair(folder, rng)
    image.write_bytes(rng.bytes(4096))
    return image


def truncated(folder: Path, rng: np.random.Generator) -> Path:
    """An image that ends after a third of its bytes, as a broken download does."""
    image, _ = _next_pair(folder, rng)
    image.write_bytes(image.read_bytes()[: image.stat().st_size // 3])
    return image


def empty(folder: Path, rng: np.random.Generator) -> Path:
    """An image of zero bytes."""
    image, _ = _next_pair(folder, rng)
    image.write_bytes(b"")
    return image


def mask_of_another_size(folder: Path, rng: np.random.Generator) -> Path:
    """A mask of half its image's size."""
    _, mask = _next_pair(folder, rng)
    write_tiff(mask, tifffile.imread(mask)[::2, ::2])
    return mask


def two_channels(folder: Path, rng: np.random.Generator) -> Path:
    """An image of two channels."""
    image, _ = _next_pair(folder, rng)
    pixels = tifffile.imread(image)[..., :2]
    tifffile.imwrite(
        image, pixels, photometric="minisblack", planarconfig="contig", extrasamples=[0], metadata=None, software=False
    )
    return image


def grey_mask(folder: Path, rng: np.random.Generator) -> Path:
    """A mask of many values, as a probability map or an image in the mask's place has."""
    image, mask = _next_pair(folder, rng)
    write_tiff(mask, tifffile.imread(image)[..., 1])
    return mask


def image_without_mask(folder: Path, rng: np.random.Generator) -> Path:
    """An image that has no mask."""
    image, mask = _next_pair(folder, rng)
    mask.unlink()
    return image


def mask_without_image(folder: Path, rng: np.random.Generator) -> Path:
    """A mask that has no image."""
    image, mask = _next_pair(folder, rng)
    image.unlink()
    return mask


def two_files_for_one_slice(folder: Path, rng: np.random.Generator) -> Path:
    """A second image of slice 1 to 9, its number written with a leading zero, of other content than the first."""
    homes = _patients(folder)
    home = homes[rng.integers(len(homes))]
    number = int(rng.integers(1, min(_slices(home), 9) + 1))
    second = _numbered(home, f"0{number}")
    write_tiff(second, tifffile.imread(_numbered(home, number))[:, ::-1])
    return second


def doubled(folder: Path, rng: np.random.Generator) -> Path:
    """A second, identical copy of one patient and data.csv, nested as in the archive that Kaggle delivers."""
    homes = _patients(folder)
    home = homes[rng.integers(len(homes))]
    copy = folder / DOUBLE / "kaggle_3m"
    copy.mkdir(parents=True)
    shutil.copytree(home, copy / home.name, symlinks=True, ignore=_unreadable)
    shutil.copyfile(folder / "data.csv", copy / "data.csv")
    return copy / home.name


def _unreadable(directory: str, names: list[str]) -> list[str]:
    return [name for name in names if not os.access(os.path.join(directory, name), os.R_OK)]


def odd_name(folder: Path, rng: np.random.Generator) -> Path:
    """An image whose name tells neither patient nor slice."""
    image, mask = _next_pair(folder, rng)
    mask.unlink()
    return image.rename(image.with_name("IMG final(2).tif"))


def symlink_loop(folder: Path, rng: np.random.Generator) -> Path:
    """A link in a patient's folder that leads back to the root."""
    homes = _patients(folder)
    link = homes[rng.integers(len(homes))] / "again"
    link.symlink_to(os.pardir, target_is_directory=True)
    return link


def no_permission(folder: Path, rng: np.random.Generator) -> Path:
    """An image that nobody but the administrator may read."""
    image, _ = _next_pair(folder, rng)
    image.chmod(0)
    return image


def decompression_bomb(folder: Path, rng: np.random.Generator) -> Path:
    """A sound TIFF of some kilobytes that unpacks to 30000 x 30000 pixels: 100 strips that are all the same bytes."""
    image, _ = _next_pair(folder, rng)
    strip = zlib.compress(bytes(BOMB_SIDE * BOMB_ROWS), 9)
    strips = BOMB_SIDE // BOMB_ROWS
    lists = 8  # where the strips' offsets begin; their sizes and the strip itself follow
    data = struct.pack(f"<{strips}I", *[lists + 8 * strips] * strips) + struct.pack(
        f"<{strips}I", *[len(strip)] * strips
    )
    data += strip + b"\0" * (len(strip) % 2)
    tags = [  # (tag, type: 3 = uint16, 4 = uint32, count, value or offset); TIFF 6.0, section 8
        (256, 4, 1, BOMB_SIDE),  # width
        (257, 4, 1, BOMB_SIDE),  # length
        (258, 3, 1, 8),  # bits a sample
        (259, 3, 1, 8),  # deflate
        (262, 3, 1, 1),  # black is zero
        (273, 4, strips, lists),
        (277, 3, 1, 1),  # samples a pixel
        (278, 4, 1, BOMB_ROWS),
        (279, 4, strips, lists + 4 * strips),
    ]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    image.write_bytes(struct.pack("<2sHI", b"II", 42, lists + len(data)) + data + directory)
    return image


def finder_file(folder: Path, rng: np.random.Generator) -> Path:
    """What the Mac's Finder leaves."""
    homes = _patients(folder)
    return _write(homes[rng.integers(len(homes))] / ".DS_Store", b"\0\0\0\1Bud1" + bytes(64))


def explorer_file(folder: Path, rng: np.random.Generator) -> Path:
    """What the Explorer of Windows leaves."""
    homes = _patients(folder)
    return _write(homes[rng.integers(len(homes))] / "Thumbs.db", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(64))


def note(folder: Path, rng: np.random.Generator) -> Path:
    """What a colleague leaves."""
    return _write(folder / "notes.txt", b"P003: second reader disagrees, ask again\n")


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


MESSES: dict[str, Callable[[Path, np.random.Generator], Path]] = {
    maker.__name__: maker
    for maker in (
        doubled,  # these two first, while all that they copy is sound
        two_files_for_one_slice,
        unreadable,
        truncated,
        empty,
        mask_of_another_size,
        two_channels,
        grey_mask,
        image_without_mask,
        mask_without_image,
        odd_name,
        symlink_loop,
        no_permission,
        decompression_bomb,
        finder_file,
        explorer_file,
        note,
    )
}
