"""What is wrong with other people's folders, added to a phantom on purpose: one small maker a kind.

A maker takes the phantom's folder and a random generator, adds its mess beside what is there, and gives the path of
it. The modules sort the makers by theme.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from gliaflow.ingest.mess import bombs, damaged, folders, images, masks, names, tables
from gliaflow.ingest.mess.patients import DOUBLE, patients_of
from gliaflow.ingest.phantom import PhantomError

Maker = Callable[[Path, np.random.Generator], Path]

THEMES: dict[str, tuple[Maker, ...]] = {
    "folders, links and copies": folders.MAKERS,  # first, while all that they copy is sound
    "files that can't be read": damaged.MAKERS,
    "bombs": bombs.MAKERS,
    "images": images.MAKERS,
    "masks": masks.MAKERS,
    "names and pairing": names.MAKERS,
    "the clinical table": tables.MAKERS,
}
KINDS: dict[str, Maker] = {maker.__name__: maker for makers in THEMES.values() for maker in makers}

# Left out of a phantom's mess, which a run must get through: with all kinds it would reject more than its limit.
SPARED = frozenset(
    {
        *("web_page", "gif_as_tiff", "webp_as_tiff", "dicom_as_tiff", "nifti_as_tiff"),  # as zip_as_tiff
        *("truncated_png", "truncated_jpeg", "damaged_lzw", "endless_pages", "offsets_beyond_the_end"),
        *("zstd_as_tiff", "gigapixel_header", "strip_bomb", "png_bomb", "too_large"),
        *("five_channels", "cmyk", "infinite", "complex_numbers", "thin", "inverted_mask"),
        *("negative_mask", "mask_of_two_labels", "transposed_mask", "link_to_itself", "name_of_a_copy", "huge_number"),
        *("no_number", "composed_and_decomposed", "closed_folder"),
        *("undecodable_name", "newline_in_name"),  # these can't be printed as one line
        *("duplicate_patient", "unknown_patient", "missing_column", "huge_table"),  # the true table would go unused
    }
)
MESSES: dict[str, Maker] = {kind: maker for kind, maker in KINDS.items() if kind not in SPARED}


def add_mess(folder: Path, seed: int = 0) -> dict[str, Path]:
    """Add each kind of MESSES once to a phantom; gives the path of each. No file that was there is changed.

    Raises PhantomError unless all that `folder` holds are the patients of a phantom: real data is never touched.
    """
    folder = Path(folder)
    patients_of(folder)
    if (folder / DOUBLE).exists():
        raise PhantomError(f"Mess is added once, {folder} has {DOUBLE} already: make a new phantom")
    return {kind: make(folder, generator_of(kind, seed)) for kind, make in MESSES.items()}


def generator_of(kind: str, seed: int = 0) -> np.random.Generator:
    """The random numbers of a kind: the same for equal seeds, whatever else is made."""
    return np.random.default_rng([seed, *kind.encode()])
