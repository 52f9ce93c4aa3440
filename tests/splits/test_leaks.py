"""The leak audit finds what was planted, nothing else, and says it in words."""

import time
from collections.abc import Callable

import cv2
import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from gliaflow.splits.leaks import COLUMNS, LeakFound, audit_leaks, check_leaks, extract_details
from gliaflow.splits.protocols import split_slices

Cohort = tuple[pd.DataFrame, Callable[[list[tuple[str, int]]], np.ndarray]]


def draw_slice(rng: np.random.Generator) -> np.ndarray:
    """A 256 x 256 picture with structure on the scale of a head and of its gyri, uint8."""
    shape = (256, 256)
    coarse, fine = (gaussian_filter(rng.standard_normal(shape), sd) for sd in (30, 7))
    return np.clip(90 + 30 * coarse / coarse.std() + 25 * fine / fine.std(), 0, 255).astype(np.uint8)


def hash_thumbnail(thumbnail: np.ndarray) -> str:
    low = cv2.dct(thumbnail.astype(np.float32))[:8, :8].ravel()
    return f"{int(''.join('1' if bit else '0' for bit in low > np.median(low)), 2):016x}"


def make_cohort(pictures: dict[tuple[str, int], np.ndarray]) -> Cohort:
    """Labels of the pictures (256 x 256) by patient and slice, and the callable that hands out their thumbnails."""
    small = {key: cv2.resize(picture, (32, 32), interpolation=cv2.INTER_AREA) for key, picture in pictures.items()}
    rows = [
        {
            "patient": patient,
            "slice": number,
            "site": patient[:2],
            "tumor_pixels": 50,
            "has_tumor": True,
            "brain_pixels": int((picture > 0).sum()),
            "image_sha256": str(hash(picture.tobytes())),
            "phash": hash_thumbnail(small[patient, number]),
        }
        for (patient, number), picture in pictures.items()
    ]
    return pd.DataFrame(rows), lambda wanted: np.stack([small[key] for key in wanted])


@pytest.fixture
def pictures() -> dict[tuple[str, int], np.ndarray]:
    rng = np.random.default_rng(0)
    return {(patient, number): draw_slice(rng) for patient in ("A", "B", "C", "D") for number in (1, 2, 3)}


def place(labels: pd.DataFrame, **parts: str) -> pd.DataFrame:
    """A split that puts whole patients in parts: place(labels, A="train", B="test")."""
    return labels[["patient", "slice"]].assign(part=labels["patient"].map(parts).astype("str"))


WHOLE = {"A": "train", "B": "train", "C": "val", "D": "test"}


def test_different_patients_are_no_leak(pictures: dict[tuple[str, int], np.ndarray]) -> None:
    labels, thumbnails = make_cohort(pictures)
    leaks = audit_leaks(place(labels, **WHOLE), labels, thumbnails)
    assert leaks.empty
    assert list(leaks.columns) == COLUMNS
    assert leaks.dtypes.astype(str).to_dict() == {
        **dict.fromkeys(COLUMNS, "str"), "slice_a": "Int64", "slice_b": "Int64", "similarity": "float64"
    }  # fmt: skip
    assert check_leaks(leaks, "patient") == "No patient and no equal or alike slice stands in two parts."


def test_planted_copies_are_found_and_nothing_else(pictures: dict[tuple[str, int], np.ndarray]) -> None:
    rng = np.random.default_rng(1)
    pictures["D", 2] = pictures["A", 3].copy()
    pictures["C", 1] = np.clip(pictures["B", 2] * 0.8 + rng.normal(0, 5, (256, 256)), 0, 255).astype(np.uint8)
    pictures["D", 3] = np.roll(pictures["C", 3], (1, 1), (0, 1))
    pictures["B", 1] = pictures["A", 1].copy()  # on the same side: no leak
    labels, thumbnails = make_cohort(pictures)
    leaks = audit_leaks(place(labels, **WHOLE), labels, thumbnails)
    assert leaks[COLUMNS[:-1]].values.tolist() == [
        ["exact", "train", "A", 3, "test", "D", 2],
        ["near", "train", "B", 2, "val", "C", 1],
        ["near", "val", "C", 3, "test", "D", 3],
    ]
    assert leaks["similarity"].iloc[0] == 1.0
    assert leaks["similarity"].iloc[1:].between(0.9, 0.999).all()
    shuffled = audit_leaks(
        place(labels, **WHOLE).sample(frac=1, random_state=0), labels.sample(frac=1, random_state=1), thumbnails
    )
    pd.testing.assert_frame_equal(shuffled, leaks)


def test_the_earlier_part_always_comes_first(pictures: dict[tuple[str, int], np.ndarray]) -> None:
    for number in (1, 2, 3):
        pictures["A", number] = np.roll(pictures["D", number], (1, 1), (0, 1))
        pictures["C", number] = np.roll(pictures["B", number], (1, 1), (0, 1))
    labels, thumbnails = make_cohort(pictures)
    hashes = labels.set_index(["patient", "slice"])["phash"]
    assert {hashes["A", number] < hashes["D", number] for number in (1, 2, 3)} == {True, False}
    leaks = audit_leaks(place(labels, **WHOLE), labels, thumbnails)
    assert leaks[COLUMNS[1:-1]].values.tolist() == [
        *(["train", "A", number, "test", "D", number] for number in (1, 2, 3)),
        *(["train", "B", number, "val", "C", number] for number in (1, 2, 3)),
    ]


def test_thumbnails_may_carry_all_sequences(pictures: dict[tuple[str, int], np.ndarray]) -> None:
    pictures["D", 2] = np.roll(pictures["A", 3], 1)
    labels, thumbnails = make_cohort(pictures)
    noise = np.random.default_rng(0).integers(0, 255, (32, 32)).astype(np.uint8)

    def coloured(wanted: list[tuple[str, int]]) -> np.ndarray:
        return np.stack([np.stack([noise, one, noise], axis=-1) for one in thumbnails(wanted)])

    plain = audit_leaks(place(labels, **WHOLE), labels, thumbnails)
    assert len(plain) == 1
    pd.testing.assert_frame_equal(audit_leaks(place(labels, **WHOLE), labels, coloured), plain)


def test_equal_hashes_of_different_pictures_are_no_leak(pictures: dict[tuple[str, int], np.ndarray]) -> None:
    labels, thumbnails = make_cohort(pictures)
    labels = labels.assign(phash="00ff00ff00ff00ff")
    assert audit_leaks(place(labels, **WHOLE), labels, thumbnails).empty


@pytest.mark.parametrize("level", [0, 1, 3])
def test_black_and_nearly_black_slices_are_no_leak(pictures: dict[tuple[str, int], np.ndarray], level: int) -> None:
    dark = np.zeros((256, 256), np.uint8)
    dark[:128] = level
    for patient in "ABCD":
        pictures[patient, 4] = dark.copy()
    labels, thumbnails = make_cohort(pictures)
    assert labels["image_sha256"].value_counts().max() == 4
    assert audit_leaks(place(labels, **WHOLE), labels, thumbnails).empty


def test_a_patient_in_two_parts_is_told_once_a_pair_of_parts(pictures: dict[tuple[str, int], np.ndarray]) -> None:
    labels, thumbnails = make_cohort(pictures)
    parts = place(labels, **WHOLE)
    parts.loc[(parts["patient"] == "A") & (parts["slice"] == 2), "part"] = "val"
    parts.loc[(parts["patient"] == "A") & (parts["slice"] == 3), "part"] = "test"
    parts.loc[(parts["patient"] == "D") & (parts["slice"] == 3), "part"] = "val"
    leaks = audit_leaks(parts, labels, thumbnails)
    assert leaks[["kind", "part_a", "patient_a", "part_b", "patient_b", "similarity"]].values.tolist() == [
        ["patient", "train", "A", "val", "A", 1.0],
        ["patient", "train", "A", "test", "A", 1.0],
        ["patient", "val", "A", "test", "A", 1.0],
        ["patient", "val", "D", "test", "D", 1.0],
    ]
    assert leaks[["slice_a", "slice_b"]].isna().all(axis=None)


def test_alike_neighbours_of_a_parted_patient_are_near_duplicates(
    pictures: dict[tuple[str, int], np.ndarray],
) -> None:
    pictures["A", 2] = cv2.GaussianBlur(pictures["A", 1], (0, 0), 1.5)
    labels, thumbnails = make_cohort(pictures)
    parts = place(labels, **WHOLE)
    parts.loc[(parts["patient"] == "A") & (parts["slice"] == 2), "part"] = "test"
    leaks = audit_leaks(parts, labels, thumbnails)
    assert leaks[COLUMNS[:-1]].query("kind == 'near'").values.tolist() == [["near", "train", "A", 1, "test", "A", 2]]


def test_each_of_many_equal_files_is_named_but_not_each_pair(pictures: dict[tuple[str, int], np.ndarray]) -> None:
    for number in range(10, 50):
        pictures["A", number] = pictures["A", 1]
        pictures["D", number] = pictures["A", 1]
    labels, thumbnails = make_cohort(pictures)
    leaks = audit_leaks(place(labels, **WHOLE), labels, thumbnails)
    assert set(leaks["kind"]) == {"exact"}
    assert len(leaks) == 41
    assert set(leaks["slice_a"]) == {1, *range(10, 50)} and set(leaks["slice_b"]) == set(range(10, 50))


def test_a_split_of_other_slices_is_refused(pictures: dict[tuple[str, int], np.ndarray]) -> None:
    labels, thumbnails = make_cohort(pictures)
    with pytest.raises(ValueError, match="must be in the labelled table; D slice 3 is not"):
        audit_leaks(place(labels, **WHOLE), labels.iloc[:-1], thumbnails)


def test_twenty_thousand_equal_hashes_do_not_blow_up() -> None:
    rng = np.random.default_rng(0)
    n, equal = 100_000, 20_000
    hashes = rng.integers(0, 2**64, n, dtype=np.uint64)
    hashes[:equal] = 0
    labels = pd.DataFrame(
        {
            "patient": [f"P{number // 100:04d}" for number in rng.permutation(n)],
            "slice": np.arange(n),
            "image_sha256": [f"{number:064x}" for number in range(n)],
            "phash": [f"{value:016x}" for value in hashes],
            "brain_pixels": 1000,
        }
    )
    part = pd.Series(rng.choice(["train", "val", "test"], 1000, p=[0.7, 0.15, 0.15]))
    parts = labels[["patient", "slice"]].assign(part=part[labels["patient"].str[1:].astype(int)].to_numpy())
    asked = 0

    def thumbnails(wanted: list[tuple[str, int]]) -> np.ndarray:
        nonlocal asked
        asked += len(wanted)
        noise = np.random.default_rng(asked).integers(0, 256, (len(wanted), 32, 32)).astype(np.uint8)
        black = np.array([number % 2 == 0 for _, number in wanted])
        return np.where(black[:, None, None], np.uint8(0), noise)

    start = time.perf_counter()
    assert audit_leaks(parts, labels, thumbnails).empty
    assert time.perf_counter() - start < 30  # 2 s measured
    assert asked <= equal + 100  # each suspect is read once


@pytest.mark.parametrize("protocol", ["patient", "crossval", "site"])
def test_leaks_stop_the_run_in_plain_words(protocol: str) -> None:
    near = [["near", "train", "A", number, "test", "B", number + 1, 0.95 + number / 1000] for number in range(3)]
    exact = [["exact", "val", f"C{number}", 7, "test", "D", 9, 1.0] for number in range(6)]
    leaks = pd.DataFrame(exact + near, columns=COLUMNS)
    with pytest.raises(LeakFound) as error:
        check_leaks(leaks, protocol)
    lines = str(error.value).splitlines()
    assert lines[0] == (
        f"Under the protocol '{protocol}' nothing may stand in two parts at once, but the audit found "
        "0 patients, 6 pairs of equal and 3 pairs of alike slices:"
    )
    assert lines[1] == "- C0 (val) and D (test): 1 pair of equal slices, such as 7 and 9"
    assert lines[6] == "- and 2 more pairs of patients"
    assert lines[7].startswith("The two of a pair are probably one person") and "keep one of them" in lines[7]
    with pytest.raises(
        LeakFound, match=r"- A \(train\) and B \(test\): 3 pairs of alike slices, similarity up to 0.952"
    ):
        check_leaks(leaks[leaks["kind"] == "near"], protocol)
    shared = pd.DataFrame([["patient", "train", "A", pd.NA, "test", "A", pd.NA, 1.0]], columns=COLUMNS)
    with pytest.raises(LeakFound, match="1 patient, 0 pairs of equal.*\n- A is in both train and test"):
        check_leaks(shared, protocol)


def test_the_notebooks_protocol_says_what_leaks(pictures: dict[tuple[str, int], np.ndarray]) -> None:
    labels, thumbnails = make_cohort(pictures)
    parts = split_slices(labels, "slice")
    sentence = check_leaks(audit_leaks(parts, labels, thumbnails), "slice")
    shared = (parts.groupby("patient")["part"].nunique() > 1).sum()
    assert shared > 1
    assert sentence.startswith(f"The protocol 'slice' leaks, as it is known to: {shared} patients, 0 pairs of equal")
    assert sentence.endswith("0 pairs of alike slices stand in two parts at once, so the figures flatter the model.")


def test_details_correlate_like_numpy() -> None:
    rng = np.random.default_rng(0)
    thumbnails = rng.integers(0, 256, (2, 32, 32)).astype(np.uint8)
    a, b = (one.astype(float) - gaussian_filter(one.astype(float), 1.5, mode="mirror") for one in thumbnails)
    first, second = extract_details(thumbnails)
    assert first @ second == pytest.approx(np.corrcoef(a.ravel(), b.ravel())[0, 1], abs=1e-5)
    assert first @ first == pytest.approx(1, abs=1e-5)
