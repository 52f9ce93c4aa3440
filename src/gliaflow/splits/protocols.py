"""Which slices are trained on, chosen by and tested on: four protocols that keep patients whole, or say they don't."""

from collections.abc import Callable, Collection, Sequence

import numpy as np
import pandas as pd

from gliaflow.errors import GliaflowError

PROTOCOLS = ("patient", "crossval", "site", "slice")
LEAKY = ("slice",)  # protocols that put slices of one patient on both sides
PARTS = ("train", "val", "test")

NOTEBOOK_HELD_OUT = 0.15  # of the positive slices; half of it becomes test, half val
NOTEBOOK_FEWEST = 7  # positive slices that leave one for each part
SHORT = 16  # hexadecimal digits of a digest that tell images apart
JITTER = 3.0  # ranks by which a patient's burden may be misjudged, so that another seed gives another split


class UnusableSplit(GliaflowError):
    """The patients at hand cannot be split as asked."""


def split_slices(
    labels: pd.DataFrame,
    protocol: str = "patient",
    *,
    seed: int = 0,
    folds: int = 5,
    fold: int = 0,
    val_fraction: float = 0.15,
    test_fraction: float = 0.15,
    frozen: Collection[str] = (),
    frozen_images: Collection[str] = (),
) -> pd.DataFrame:
    """Give every slice a part; the result depends on `labels` (not on the order of its rows) and the arguments alone.

    Parameters
    ----------
    labels : DataFrame
        Labelled slice table: patient, slice, site, tumor_pixels, brain_pixels, has_tumor; with `frozen_images` also
        image_sha256. Where it has `case`, patients of one case are one person, and stay in one part.
    protocol : str
        `patient`: parts of round(fraction * patients), at least one patient each, alike in sites and tumour burden.
        `crossval`: `folds` folds of patients dealt likewise; `fold` is test, `val_fraction` of the others val.
        `site`: one institution is test, the `fold`-th in alphabetical order; the others as in `crossval`.
        `slice`: the classic notebook's random 85/7.5/7.5 over slices with tumour. It leaks: see LEAKY.
    frozen : collection of str
        Under `patient`: the persons to test (see `persons_of`), instead of a share of all, so that models trained as
        the data grow are tested on the same ones. Those that are not in `labels` are passed over.
    frozen_images : collection of str
        Short digests of their images (`short_digests`): nobody else may have one.

    Returns
    -------
    DataFrame
        patient, slice, part (train, val or test), fold (Int64: in which fold the patient is tested; missing under
        `patient` and `slice`), sorted by patient and slice.

    Raises
    ------
    UnusableSplit
        When there are too few patients, sites or slices, or an argument is out of range.
    """
    if protocol not in PROTOCOLS:
        raise UnusableSplit(f"A protocol is one of {', '.join(PROTOCOLS)}; received {protocol!r}.")
    slices = labels.sort_values(["patient", "slice"], ignore_index=True)
    if frozen and protocol != "patient":
        raise UnusableSplit(
            "Test patients are frozen under the protocol 'patient', where a model has one test part of whole patients; "
            f"received {protocol!r}. Use that one."
        )
    if protocol == "slice":
        return _split_positive_slices(slices, seed)
    person = persons_of(slices)
    patients = _rate_patients(slices.assign(patient=person))
    if len(patients) < 3:
        raise UnusableSplit(
            f"The protocol {protocol!r} needs at least 3 patients, one each to train on, to choose by and to test on; "
            f"there are {len(patients)}: {', '.join(patients.index) or 'none'}. Add patients."
        )
    _check_share("val_fraction", val_fraction)
    tested = pd.Series(pd.NA, index=patients.index, dtype="Int64")
    if protocol == "patient":
        _check_share("test_fraction", test_fraction)
        sizes = [_share(val_fraction, len(patients)), _share(test_fraction, len(patients))]
        if sum(sizes) >= len(patients):
            raise UnusableSplit(
                f"val_fraction {val_fraction} and test_fraction {test_fraction} of {len(patients)} patients leave none "
                f"to train on (val {sizes[0]}, test {sizes[1]}). Lower them."
            )
        dealt = _deal(patients, [len(patients) - sum(sizes), *sizes], np.random.default_rng(seed))
        parts = dealt.map(dict(enumerate(PARTS)).get)
        if frozen:
            _check_frozen(patients, frozen)
            _check_images(slices[~person.isin(frozen)], frozen_images)
            is_test = patients.index.isin(frozen)
            if (is_test != (parts == "test")).any():  # else the data are those by which they were frozen: as it was
                parts = _parts_around(patients, is_test, val_fraction, [seed], "With the frozen patients")
    else:
        tested = _fold_patients(patients, folds, seed) if protocol == "crossval" else _fold_sites(patients)
        parts = _parts_of_fold(patients, tested, fold, val_fraction, seed)
    return slices[["patient", "slice"]].assign(
        part=person.map(parts).astype("str"), fold=person.map(tested).astype("Int64")
    )


def persons_of(labels: pd.DataFrame) -> "pd.Series[str]":
    """Whose slice each row is: the case where its name tells one, else the patient."""
    return labels["case"].fillna(labels["patient"]) if "case" in labels else labels["patient"]


def short_digests(labels: pd.DataFrame) -> list[str]:
    """Of each image that is not black, the first 16 digits of its SHA-256, sorted."""
    return sorted(labels.loc[labels["brain_pixels"] > 0, "image_sha256"].str[:SHORT].unique())


def _check_images(others: pd.DataFrame, frozen_images: Collection[str]) -> None:
    if not frozen_images:
        return
    held = others[others["image_sha256"].str[:SHORT].isin(frozen_images)]
    if len(held):
        row = held.iloc[0]
        raise UnusableSplit(
            "Nobody but a frozen test patient may have its images: a model must not be trained on what it is judged "
            f"by. {held['patient'].nunique()} patients have some, such as {row['patient']} slice {row['slice']}. Take "
            "the copy away, or give the patient its old name."
        )


def _check_frozen(patients: pd.DataFrame, frozen: Collection[str]) -> None:
    if not patients.index.isin(frozen).any():
        raise UnusableSplit(
            f"None of the {len(frozen)} test patients that are frozen is among the {len(patients)} patients of the "
            f"data, such as {min(frozen)}. Keep them in the folder: a new model is judged by them."
        )


def _rate_patients(slices: pd.DataFrame) -> pd.DataFrame:
    """One row a patient, by name: its site and its burden, the share of brain pixels that are tumour."""
    patients = slices.groupby("patient", sort=True).agg(
        site=("site", "first"), tumor=("tumor_pixels", "sum"), brain=("brain_pixels", "sum")
    )
    return patients.assign(burden=patients["tumor"] / patients["brain"].clip(lower=1))


def _share(fraction: float, patients: int) -> int:
    return max(1, int(fraction * patients + 0.5))


def _check_share(name: str, fraction: float) -> None:
    if not 0 < fraction < 1:
        raise UnusableSplit(f"{name} must lie between 0 and 1, both excluded; received {fraction}.")


def _deal(patients: pd.DataFrame, sizes: Sequence[int], rng: np.random.Generator) -> "pd.Series[int]":
    """Deal patients to hands of the given sizes; each hand gets its share of every site and every level of burden.

    Patients are laid out by site and, within it, by the rank of their burden (jittered), every second site downwards,
    so that neighbours are alike. From a random start each patient goes to the hand that lags most behind its share.
    """
    layout: list[str] = []
    for turn, (_, members) in enumerate(patients.groupby("site", sort=True)):
        rank = members["burden"].rank(method="first").to_numpy() + rng.uniform(0, JITTER, len(members))
        layout += list(members.index[np.argsort(rank if turn % 2 == 0 else -rank, kind="stable")])
    layout = layout[(start := int(rng.integers(len(layout)))) :] + layout[:start]
    quota = np.array(sizes, float)
    dealt = np.zeros(len(sizes))
    hands = np.empty(len(layout), np.int64)
    for position in range(len(layout)):
        lag = np.where(dealt < quota, quota * (position + 1) / len(layout) - dealt, -np.inf)
        hands[position] = np.argmax(np.round(lag, 9))  # rounded: the same choice among equals on every machine
        dealt[hands[position]] += 1
    return pd.Series(hands, index=layout).reindex(patients.index)


def _fold_patients(patients: pd.DataFrame, folds: int, seed: int) -> "pd.Series[int]":
    if not 2 <= folds <= len(patients):
        raise UnusableSplit(
            f"folds must lie between 2 and the number of patients, {len(patients)}; received {folds}. "
            "Lower it, or add patients."
        )
    sizes = [len(patients) // folds + (number < len(patients) % folds) for number in range(folds)]
    return _deal(patients, sizes, np.random.default_rng(seed))


def _fold_sites(patients: pd.DataFrame) -> "pd.Series[int]":
    sites = sorted(patients["site"].unique())
    if len(sites) < 2:
        raise UnusableSplit(
            f"The protocol 'site' leaves one institution out, so it needs at least 2; all {len(patients)} patients are "
            f"of {sites[0]!r}. Use the protocol 'patient' or 'crossval'."
        )
    return patients["site"].map({site: number for number, site in enumerate(sites)})


def _parts_of_fold(
    patients: pd.DataFrame, tested: "pd.Series[int]", fold: int, val_fraction: float, seed: int
) -> "pd.Series[str]":
    """Each patient's part when `fold` is the test."""
    folds = int(tested.max()) + 1
    if not 0 <= fold < folds:
        raise UnusableSplit(f"fold must lie between 0 and {folds - 1}, as there are {folds} folds; received {fold}.")
    return _parts_around(patients, (tested == fold).to_numpy(), val_fraction, [seed, fold], f"With fold {fold}")


def _parts_around(
    patients: pd.DataFrame, is_test: np.ndarray, val_fraction: float, seed: Sequence[int], about: str
) -> "pd.Series[str]":
    """Each patient's part when it is given which are test: val is dealt from the others."""
    rest = patients[~is_test]
    size = _share(val_fraction, len(rest))
    if size >= len(rest):
        raise UnusableSplit(
            f"{about} as test, {len(rest)} of {len(patients)} patients remain, and val takes {size} of them "
            f"(val_fraction {val_fraction}): none is left to train on. Lower it, choose another test part, or add "
            "patients."
        )
    dealt = _deal(rest, [len(rest) - size, size], np.random.default_rng(seed))
    name: Callable[[int], str] = PARTS.__getitem__
    return dealt.map(name).reindex(patients.index, fill_value="test")


def _split_positive_slices(slices: pd.DataFrame, seed: int) -> pd.DataFrame:
    positive = slices.loc[slices["has_tumor"], ["patient", "slice"]].reset_index(drop=True)
    if len(positive) < NOTEBOOK_FEWEST:
        raise UnusableSplit(
            f"The protocol 'slice' needs at least {NOTEBOOK_FEWEST} slices with tumour; there are {len(positive)}. "
            "Add patients, or use the protocol 'patient'."
        )
    from sklearn.model_selection import train_test_split  # most of a second, which the other protocols need not wait

    _, held_out = train_test_split(np.arange(len(positive)), test_size=NOTEBOOK_HELD_OUT, random_state=seed)
    test, val = train_test_split(held_out, test_size=0.5, random_state=seed)
    part = np.full(len(positive), "train", dtype="<U5")
    part[test], part[val] = "test", "val"
    return positive.assign(
        part=pd.Series(part, dtype="str"), fold=pd.Series(pd.NA, index=positive.index, dtype="Int64")
    )
