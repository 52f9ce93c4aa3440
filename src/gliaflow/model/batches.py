"""Training slices out of memory-mapped volumes, as batches whose content follows from (seed, epoch, number) alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gliaflow.errors import GliaflowError
from gliaflow.model.augmentation import augment
from gliaflow.model.neighbours import stack_neighbours
from gliaflow.model.recipes import Recipe
from gliaflow.store.arrays import Arrays
from gliaflow.store.tables import read_table


class UnusableTrainingData(GliaflowError):
    """Volumes and split table do not fit one another, or hold nothing to train on."""


@dataclass(frozen=True)
class Slices:
    """Some slices of some volumes, sorted by patient and slice; pixels are read when asked for.

    images, masks : a memory-mapped array a patient, uint8 [S, H, W, 3] and uint8 {0, 1} [S, H, W]
    volume, row : int64 [N], whose array (by number in `patients`) and which row of it each slice lies in
    tumor : bool [N], whether its mask has any pixel
    neighbours : slices on either side that `image` stacks to a slice, whatever part they are in
    """

    patients: list[str]
    images: Mapping[str, np.ndarray]
    masks: Mapping[str, np.ndarray]
    volume: np.ndarray
    row: np.ndarray
    tumor: np.ndarray
    neighbours: int = 0

    def __len__(self) -> int:
        return len(self.row)

    @property
    def size(self) -> int:
        """Side length of the square images, in pixels."""
        return int(self.images[self.patients[0]].shape[1])

    def image(self, i: int) -> np.ndarray:
        """Slice i with its neighbours, uint8 [H, W, 3 * (2 * neighbours + 1)]."""
        return stack_neighbours(self.images[self.patients[self.volume[i]]], int(self.row[i]), self.neighbours)

    def mask(self, i: int) -> np.ndarray:
        return np.asarray(self.masks[self.patients[self.volume[i]]][self.row[i]])


def open_slices(volumes: dict[str, Path], parts: pd.DataFrame, part: str, neighbours: int = 0) -> Slices:
    """The slices that `parts` (patient, slice, part) counts to `part`, from the volume folders (patient -> folder).

    Raises `UnusableTrainingData` when a patient has no folder or a slice no row in its volume.
    """
    wanted = parts[parts["part"] == part].sort_values(["patient", "slice"])
    patients: list[str] = []
    number, rows, tumor = [], [], []
    for patient in map(str, wanted["patient"].unique()):
        of_patient = wanted[wanted["patient"] == patient]
        if patient not in volumes:
            raise UnusableTrainingData(
                f"The split names patient {patient}, who has no prepared volume; prepare and split again."
            )
        folder = Path(volumes[patient])
        facts = read_table(folder / "facts.parquet").set_index("slice")
        strange = sorted(set(of_patient["slice"]) - set(facts.index))
        if strange:
            raise UnusableTrainingData(
                f"The split names slices {strange[:5]} of patient {patient}, which are not in the volume {folder}; "
                "split again."
            )
        index = facts.loc[of_patient["slice"], "index"].to_numpy(np.int64)
        number.append(np.full(len(index), len(patients), np.int64))
        rows.append(index)
        tumor.append(facts.loc[of_patient["slice"], "tumor_pixels"].to_numpy(np.int64) > 0)
        patients.append(patient)
    join = [np.concatenate([np.zeros(0, np.int64), *arrays]) for arrays in (number, rows, tumor)]
    images, masks = (Arrays({p: Path(volumes[p]) / name for p in patients}) for name in ("images.npy", "masks.npy"))
    return Slices(patients, images, masks, join[0], join[1], join[2].astype(bool), neighbours)


class TrainingBatches:
    """One epoch's batches: images uint8 [N, H, W, C] and masks uint8 {0, 1} [N, H, W, 1].

    Batch i of epoch e is the same for the same seed, whenever and from whichever thread it is asked for.
    """

    def __init__(self, slices: Slices, recipe: Recipe, *, seed: int, epoch: int) -> None:
        self.slices, self.recipe, self.seed, self.epoch = slices, recipe, seed, epoch
        rng = np.random.default_rng([seed, epoch])
        passes = [draw_order(slices.tumor, recipe.empty_ratio, rng) for _ in range(recipe.passes)]
        self.order = np.concatenate(passes)

    def __len__(self) -> int:
        return -(-len(self.order) // self.recipe.batch_size)

    def __getitem__(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        places = range(i * self.recipe.batch_size, min((i + 1) * self.recipe.batch_size, len(self.order)))
        images, masks = zip(*map(self._draw, places), strict=True)
        return np.stack(images), np.stack(masks)[..., None]

    def _draw(self, place: int) -> tuple[np.ndarray, np.ndarray]:
        """The slice at this place of the epoch's order, varied by random numbers of its own."""
        i = int(self.order[place])
        image, mask = self.slices.image(i), self.slices.mask(i)
        rng = np.random.default_rng([self.seed, self.epoch, place])
        if self.recipe.augmentation is not None:
            return augment(image, mask, self.recipe.augmentation, rng, self.recipe.crop)
        if self.recipe.crop is not None:
            top, left = rng.integers(0, self.slices.size - self.recipe.crop + 1, 2)
            inside = np.s_[top : top + self.recipe.crop, left : left + self.recipe.crop]
            return image[inside], mask[inside]
        return image, mask


def draw_order(tumor: np.ndarray, empty_ratio: float | None, rng: np.random.Generator) -> np.ndarray:
    """Positions of a pass's slices, shuffled: all with tumour and, drawn from `rng`, the others.

    Of these there are `empty_ratio` times as many as slices with tumour, or as many as there are; None takes all.
    """
    with_tumor, without = np.flatnonzero(tumor), np.flatnonzero(~tumor)
    if empty_ratio is not None:
        kept = min(len(without), round(empty_ratio * len(with_tumor)))
        without = rng.choice(without, kept, replace=False)
    return rng.permutation(np.concatenate([with_tumor, without]))


def plain_batches(slices: Slices, batch_size: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """All slices as they are: (images, masks, number of each slice's patient), for scoring.

    They come in one fixed, shuffled order: in that of the volumes whole batches would have no tumour, and a loss that
    pools a batch could not be compared with that of training.
    """
    order = np.random.default_rng(0).permutation(len(slices))
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        images, masks = [slices.image(i) for i in chosen], [slices.mask(i) for i in chosen]
        yield np.stack(images), np.stack(masks)[..., None], slices.volume[chosen]
