"""The four protocols: what is whole stays whole, every part gets its share, and nothing hangs on the order of rows."""

import numpy as np
import pandas as pd
import pytest

from gliaflow.splits.protocols import LEAKY, PROTOCOLS, UnusableSplit, short_digests, split_slices

SITES = {"CS": 9, "DU": 23, "EZ": 1, "FG": 9, "HT": 18}


def make_labels(sites: dict[str, int], slices: int = 4, seed: int = 0) -> pd.DataFrame:
    """Patients with tumour on the inner slices: burdens over two orders of magnitude, a tenth of them none."""
    rng = np.random.default_rng(seed)
    rows = []
    for site, patients in sites.items():
        for number in range(patients):
            burden = 0 if rng.random() < 0.1 else int(10 ** rng.uniform(1, 3))
            for slice_ in range(1, slices + 1):
                tumor = burden if 1 < slice_ < slices else 0
                rows.append((f"TCGA_{site}_{number:04d}", slice_, site, tumor, 10_000, tumor > 0))
    return pd.DataFrame(rows, columns=["patient", "slice", "site", "tumor_pixels", "brain_pixels", "has_tumor"])


@pytest.fixture(scope="module")
def labels() -> pd.DataFrame:
    return make_labels(SITES)


def part_of_patient(parts: pd.DataFrame) -> "pd.Series[str]":
    assert (parts.groupby("patient")["part"].nunique() == 1).all()
    return parts.groupby("patient")["part"].first()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_slice_once_whatever_the_order_of_rows(labels: pd.DataFrame, protocol: str) -> None:
    parts = split_slices(labels, protocol, seed=3, fold=1)
    shuffled = split_slices(labels.sample(frac=1, random_state=1), protocol, seed=3, fold=1)
    pd.testing.assert_frame_equal(parts, shuffled)
    expected = labels[labels["has_tumor"]] if protocol == "slice" else labels
    pd.testing.assert_frame_equal(parts[["patient", "slice"]], expected[["patient", "slice"]].reset_index(drop=True))
    assert list(parts.columns) == ["patient", "slice", "part", "fold"]
    assert (str(parts["part"].dtype), str(parts["fold"].dtype)) == ("str", "Int64")
    assert set(parts["part"]) == {"train", "val", "test"}
    assert parts["fold"].isna().all() == (protocol in ("patient", "slice"))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_patients_are_whole_unless_the_protocol_is_named_leaky(labels: pd.DataFrame, protocol: str) -> None:
    parts = split_slices(labels, protocol)
    assert (parts.groupby("patient")["part"].nunique().max() > 1) == (protocol in LEAKY)


@pytest.mark.parametrize("protocol", ["patient", "crossval", "slice"])
def test_another_seed_gives_another_split(labels: pd.DataFrame, protocol: str) -> None:
    splits = {tuple(split_slices(labels, protocol, seed=seed)["part"]) for seed in range(10)}
    assert len(splits) == 10


@pytest.mark.parametrize(("patients", "val", "test"), [(3, 1, 1), (10, 2, 2), (60, 9, 9), (110, 17, 17)])
def test_sizes_round_and_never_reach_zero(patients: int, val: int, test: int) -> None:
    parts = part_of_patient(split_slices(make_labels({"CS": patients - 1, "HT": 1})))
    counts = parts.value_counts()
    assert (counts["val"], counts["test"], counts["train"]) == (val, test, patients - val - test)


def test_parts_get_their_share_of_sites_and_burden(labels: pd.DataFrame) -> None:
    burden = labels.groupby("patient")["tumor_pixels"].sum()
    site = labels.groupby("patient")["site"].first()
    dealt, drawn = [], []
    for seed in range(40):
        parts = part_of_patient(split_slices(labels, seed=seed))
        for part, share in (("val", 9 / 60), ("test", 9 / 60)):
            counts = site[parts == part].value_counts().reindex(list(SITES), fill_value=0)
            for name, members in SITES.items():
                assert abs(counts[name] - share * members) < 1.5, (seed, part, name)
            dealt.append(burden.rank()[parts == part].mean())
            drawn.append(burden.rank().sample(9, random_state=len(drawn)).mean())
    assert np.std(dealt) < 0.6 * np.std(drawn)  # far closer to the cohort than a plain draw
    assert abs(np.mean(dealt) - 30.5) < 1.0  # and without bias


def test_every_patient_can_come_to_any_part(labels: pd.DataFrame) -> None:
    tested = pd.concat(
        [part_of_patient(split_slices(labels, seed=seed)) == "test" for seed in range(100)], axis=1
    ).mean(axis=1)
    assert tested.min() > 0.02 and tested.max() < 0.35  # expected: 0.15 each


def test_crossval_tests_every_patient_once(labels: pd.DataFrame) -> None:
    splits = [split_slices(labels, "crossval", folds=5, fold=fold, seed=2) for fold in range(5)]
    tested = [set(parts.loc[parts["part"] == "test", "patient"]) for parts in splits]
    assert sorted(patient for patients in tested for patient in patients) == sorted(labels["patient"].unique())
    assert [len(patients) for patients in tested] == [12] * 5
    for fold, parts in enumerate(splits):
        assert ((parts["fold"] == fold) == (parts["part"] == "test")).all()
        pd.testing.assert_series_equal(parts["fold"], splits[0]["fold"])  # the folds do not hang on the fold chosen
        assert (part_of_patient(parts) == "val").sum() == 7  # 15 % of the 48 others
    assert len({tuple(parts["part"]) for parts in splits}) == 5


def test_crossval_deals_sites_and_burden_evenly(labels: pd.DataFrame) -> None:
    one = split_slices(labels, "crossval", folds=5).groupby("patient")["fold"].first()
    facts = labels.groupby("patient").agg(site=("site", "first"), tumor=("tumor_pixels", "sum")).assign(fold=one)
    counts = facts.groupby(["site", "fold"]).size().unstack(fill_value=0)
    assert (counts.max(axis=1) - counts.min(axis=1) <= 1).all()
    means = [
        facts.assign(
            fold=split_slices(labels, "crossval", seed=seed).groupby("patient")["fold"].first(),
            rank=facts["tumor"].rank(),
        )
        .groupby("fold")["rank"]
        .mean()
        for seed in range(20)
    ]
    assert pd.concat(means, axis=1).std().mean() < 3.5  # dealt by lot it is 5
    assert (pd.concat(means, axis=1).mean(axis=1) - 30.5).abs().max() < 2.0


def test_sizes_of_folds_differ_by_one_at_most() -> None:
    folds = split_slices(make_labels({"CS": 8, "HT": 3}), "crossval", folds=4).groupby("patient")["fold"].first()
    assert sorted(folds.value_counts()) == [2, 3, 3, 3]


def test_site_leaves_one_institution_out(labels: pd.DataFrame) -> None:
    for fold, site in enumerate(sorted(SITES)):
        parts = split_slices(labels, "site", fold=fold).merge(labels)
        assert set(parts.loc[parts["part"] == "test", "site"]) == {site}
        assert not (parts.loc[parts["part"] != "test", "site"] == site).any()
        assert dict(parts.groupby("site")["fold"].first()) == {
            name: number for number, name in enumerate(sorted(SITES))
        }
        others = 60 - SITES[site]
        assert parts.loc[parts["part"] == "val", "patient"].nunique() == int(0.15 * others + 0.5)


def test_slice_is_the_notebooks_split_of_positive_slices(labels: pd.DataFrame) -> None:
    from sklearn.model_selection import train_test_split

    parts = split_slices(labels, "slice", seed=5)
    positive = labels[labels["has_tumor"]].reset_index(drop=True)
    train, rest = train_test_split(positive, test_size=0.15, random_state=5)
    test, val = train_test_split(rest, test_size=0.5, random_state=5)
    for part, rows in (("train", train), ("val", val), ("test", test)):
        expected = rows[["patient", "slice"]].sort_values(["patient", "slice"], ignore_index=True)
        pd.testing.assert_frame_equal(
            parts.loc[parts["part"] == part, ["patient", "slice"]].reset_index(drop=True), expected
        )
    assert LEAKY == ("slice",)


def test_patients_without_a_brain_pixel_are_dealt_too() -> None:
    black = make_labels({"CS": 4}).assign(brain_pixels=0, tumor_pixels=0, has_tumor=False)
    assert part_of_patient(split_slices(black)).value_counts().to_dict() == {"train": 2, "val": 1, "test": 1}


@pytest.mark.parametrize(
    ("sites", "arguments", "message"),
    [
        ({"CS": 9}, {"protocol": "patients"}, "one of patient, crossval, site, slice; received 'patients'"),
        ({"CS": 2}, {}, "needs at least 3 patients.*there are 2: TCGA_CS_0000, TCGA_CS_0001. Add patients"),
        ({}, {}, "there are 0: none"),
        (
            {"CS": 4},
            {"val_fraction": 0.5, "test_fraction": 0.5},
            r"4 patients leave none to train on \(val 2, test 2\)",
        ),
        ({"CS": 4}, {"val_fraction": 0.0}, "val_fraction must lie between 0 and 1, both excluded; received 0.0"),
        ({"CS": 4}, {"test_fraction": 1.0}, "test_fraction must lie between 0 and 1"),
        ({"CS": 4}, {"protocol": "crossval", "folds": 5}, "between 2 and the number of patients, 4; received 5"),
        ({"CS": 4}, {"protocol": "crossval", "folds": 1}, "received 1"),
        ({"CS": 9}, {"protocol": "crossval", "fold": 5}, "between 0 and 4, as there are 5 folds; received 5"),
        ({"CS": 9}, {"protocol": "crossval", "fold": -1}, "received -1"),
        ({"CS": 9}, {"protocol": "site"}, "needs at least 2; all 9 patients are of 'CS'. Use the protocol 'patient'"),
        ({"CS": 4, "HT": 2}, {"protocol": "site", "fold": 2}, "between 0 and 1, as there are 2 folds; received 2"),
        ({"CS": 4, "HT": 1}, {"protocol": "site"}, "1 of 5 patients remain.*none is left to train on"),
        ({"CS": 3}, {"protocol": "slice"}, "at least 7 slices with tumour; there are 6"),
    ],
)
def test_what_cannot_be_split_is_said(sites: dict[str, int], arguments: dict[str, object], message: str) -> None:
    labels = make_labels(sites, seed=1)
    with pytest.raises(UnusableSplit, match=message):
        split_slices(labels, **arguments)  # type: ignore[arg-type]


def test_seven_positive_slices_are_enough_for_the_notebook() -> None:
    labels = make_labels({"CS": 7}, slices=3, seed=8)
    assert labels["has_tumor"].sum() == 7
    assert split_slices(labels, "slice")["part"].value_counts().to_dict() == {"train": 5, "val": 1, "test": 1}


def test_frozen_patients_stay_the_test_part_as_the_data_grow(labels: pd.DataFrame) -> None:
    first = split_slices(labels)
    frozen = sorted(first.loc[first["part"] == "test", "patient"].unique())
    more = labels[labels["patient"] == labels["patient"].iloc[0]]
    grown = pd.concat([labels, *(more.assign(patient=f"new{n}") for n in range(10))], ignore_index=True)
    for seed in range(3):
        part = part_of_patient(split_slices(grown, seed=seed, frozen=[*frozen, "gone"]))
        assert sorted(part.index[part == "test"]) == frozen
        assert (part == "val").sum() == int(0.15 * (len(part) - len(frozen)) + 0.5)
        assert (part == "train").sum() == len(part) - len(frozen) - (part == "val").sum()


def test_frozen_patients_that_are_not_there_and_protocols_without_test_patients_are_refused(
    labels: pd.DataFrame,
) -> None:
    with pytest.raises(UnusableSplit, match=r"None of the 1 test patients that are frozen is among the \d+ patients"):
        split_slices(labels, frozen=["x"])
    for protocol in ("crossval", "site", "slice"):
        with pytest.raises(UnusableSplit, match=f"frozen under the protocol 'patient'.*received '{protocol}'"):
            split_slices(labels, protocol, frozen=[labels["patient"].iloc[0]])


def test_the_data_by_which_patients_were_frozen_are_split_as_they_were(labels: pd.DataFrame) -> None:
    """So that the same model is found again, and not trained anew by another val part."""
    first = split_slices(labels, seed=4)
    frozen = sorted(first.loc[first["part"] == "test", "patient"].unique())
    pd.testing.assert_frame_equal(split_slices(labels, seed=4, frozen=frozen), first)


def test_examinations_of_one_person_stay_in_one_part(labels: pd.DataFrame) -> None:
    again = labels[labels["site"] == "DU"]
    cases = pd.concat([labels, again.assign(patient=again["patient"] + "_later")], ignore_index=True)
    cases["case"] = cases["patient"].str.removesuffix("_later")
    cases.loc[cases["site"] == "CS", "case"] = None  # of names that tell no case the patient is the person
    for protocol in ("patient", "crossval"):
        part = part_of_patient(split_slices(cases, protocol, seed=1))
        later = part[part.index.str.endswith("_later")]
        assert len(later) == 23
        assert (part[later.index.str.removesuffix("_later")].to_numpy() == later.to_numpy()).all()
    frozen = ["TCGA_DU_0003"]
    part = part_of_patient(split_slices(cases, frozen=frozen))
    assert sorted(part.index[part == "test"]) == ["TCGA_DU_0003", "TCGA_DU_0003_later"]


def test_a_frozen_patient_under_another_name_is_not_trained_on(labels: pd.DataFrame) -> None:
    digests = [f"{number:064x}"[::-1] for number in range(len(labels))]
    known = labels.assign(image_sha256=pd.Series(digests, dtype="str"))
    frozen = known[known["patient"] == "TCGA_DU_0003"]
    images = short_digests(frozen)
    assert len(images) == 4
    split_slices(known, frozen=["TCGA_DU_0003"], frozen_images=images)
    renamed = known.assign(patient=known["patient"].replace("TCGA_DU_0003", "COPY"))
    with pytest.raises(UnusableSplit, match=r"1 patients have some, such as COPY slice 1\. Take the copy away"):
        split_slices(renamed, frozen=["TCGA_DU_0003", "TCGA_DU_0004"], frozen_images=images)
    black = frozen.assign(brain_pixels=0)
    assert short_digests(black) == [], "a black image may be anybody's"
