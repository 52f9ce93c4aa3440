"""One phantom patient: a head, its glioma, and the images and outlines a hospital would have of it."""

from dataclasses import dataclass

import numpy as np

from gliaflow.ingest.phantom.anatomy import paint
from gliaflow.ingest.phantom.atlas import Atlas
from gliaflow.ingest.phantom.lesions import make_room, seed_foci
from gliaflow.ingest.phantom.pose import draw_pose
from gliaflow.ingest.phantom.scanner import FLAIR, POST, PRE, acquire, draw_contrasts

SITES = ("CS", "DU", "FG", "HT")


@dataclass(frozen=True)
class Patient:
    """`name`: as the folder is called; `case`: its key in data.csv; slices from bottom to top.

    `images`: uint8 [S, 256, 256, 3], pre-contrast, FLAIR, post-contrast. `masks`: uint8 {0, 255} [S, 256, 256].
    """

    name: str
    case: str
    images: np.ndarray
    masks: np.ndarray


def draw_patient(atlas: Atlas, number: int, seed: int, slices: int | None = None) -> Patient:
    """Patient `number` (0, 1, …) of the phantom `seed`: a function of these alone. Without `slices` it has 20 to 26."""
    rng = np.random.default_rng([seed, number])
    count = int(rng.integers(20, 27))
    date = f"{rng.integers(1994, 2005)}{rng.integers(1, 13):02d}{rng.integers(1, 29):02d}"
    pose = draw_pose(rng, slices or count)
    foci = seed_foci(rng, pose, atlas)
    signal, lesion = paint(rng, atlas, pose, make_room(rng, pose, foci), foci, draw_contrasts(rng))
    images = acquire(rng, pose, signal)
    lost = (
        number + seed
    ) % 12  # one patient of twelve has no pre-contrast, another no post-contrast images: FLAIR stands in
    for position, sequence in ((4, PRE), (9, POST)):
        if lost == position:
            images[..., sequence] = images[..., FLAIR]
    case = f"TCGA_{SITES[number % len(SITES)]}_P{number + 1:03d}"
    return Patient(f"{case}_{date}", case, images, np.where(lesion.mask, np.uint8(255), np.uint8(0)))
