"""Pairing by patient and slice, and what becomes of every file that finds no partner."""

from typing import Any

import pandas as pd
import pytest

import schemas
from gliaflow.ingest.names import parse_name, role_of
from gliaflow.ingest.pair import NothingLeft, Rejection, TooManyRejected, check_usable, pair_slices, rejected_table
from gliaflow.ingest.reasons import REASONS, UnusableFile, UnusableSource


def sha(content: str) -> str:
    return content.encode().hex().ljust(64, "0")


def table_of(files: dict[str, str], problems: dict[str, str] | None = None) -> pd.DataFrame:
    """A file table of path -> content; equal contents have equal digests."""
    problems = problems or {}
    rows: list[dict[str, Any]] = []
    for path in sorted({**files, **problems}):
        name = parse_name(path)
        rows.append(
            {
                "path": path,
                "size": 7,
                "sha256": None if path in problems else sha(files[path]),
                "role": role_of(path) or ("clinical" if path.endswith("data.csv") else "other"),
                "patient": name.patient if name else None,
                "slice": name.slice if name else None,
                "site": name.site if name else None,
                "problem": problems.get(path),
            }
        )
    types = {
        "path": "str",
        "sha256": "str",
        "role": "str",
        "patient": "str",
        "slice": "Int64",
        "site": "str",
        "problem": "str",
    }
    return schemas.validate(pd.DataFrame(rows).astype(types), schemas.FileTable, "file table")


def pair(
    files: dict[str, str], problems: dict[str, str] | None = None
) -> tuple[pd.DataFrame, dict[str, tuple[str, str, str]]]:
    """Slices, and path -> (reason, found, stage) of rejected files; each image and mask must be in one of them."""
    table = table_of(files, problems)
    slices, rejected = pair_slices(table)
    schemas.validate(slices, schemas.SliceTable, "slice table")
    schemas.validate(rejected, schemas.RejectedTable, "rejected table")
    accounted = [*slices["image_path"], *slices["mask_path"], *rejected["path"]]
    data = table[table["role"].isin(["image", "mask"]) | table["problem"].notna()]
    assert sorted(accounted) == sorted(data["path"])
    return slices, {path: (reason, found, stage) for path, reason, found, stage, _ in rejected.to_numpy().tolist()}


def test_pairs_are_by_patient_and_number_not_by_order() -> None:
    kaggle = "TCGA_CS_4941_19960909"
    slices, rejected = pair(
        {
            f"{kaggle}/{kaggle}_10.tif": "i10",
            f"{kaggle}/{kaggle}_10_mask.tif": "m10",
            f"{kaggle}/{kaggle}_2.tif": "i2",
            f"{kaggle}/{kaggle}_2_mask.tif": "m2",
            "masks/p_007.png": "m7",
            "images/p_7.png": "i7",
            "data.csv": "Patient",
            "README.md": "read me",
        }
    )
    assert rejected == {}
    assert slices.to_dict("records")[0] == {
        "patient": kaggle,
        "slice": 2,
        "site": "CS",
        "case": "TCGA_CS_4941",
        "image_path": f"{kaggle}/{kaggle}_2.tif",
        "mask_path": f"{kaggle}/{kaggle}_2_mask.tif",
        "image_sha256": sha("i2"),
        "mask_sha256": sha("m2"),
    }
    assert slices["slice"].tolist() == [2, 10, 7]
    last = slices.iloc[2]
    assert (last["patient"], last["site"], last["image_path"], last["mask_path"]) == (
        "p",
        "unknown",
        "images/p_7.png",
        "masks/p_007.png",
    )
    assert pd.isna(last["case"])


def test_a_file_without_its_partner_is_rejected() -> None:
    slices, rejected = pair({"p_1.png": "i1", "p_2_mask.png": "m2", "p_3.png": "i3", "p_3_mask.png": "m3"})
    assert slices["slice"].tolist() == [3]
    assert rejected == {
        "p_1.png": ("image_without_mask", "no mask of patient p, slice 1", "pair"),
        "p_2_mask.png": ("mask_without_image", "no image of patient p, slice 2", "pair"),
    }


def test_odd_names_are_rejected() -> None:
    slices, rejected = pair({"overview.png": "o", "masks/overview.png": "m"})
    assert len(slices) == 0
    assert {reason for reason, _, _ in rejected.values()} == {"odd_name"}


def test_problems_of_the_scan_reach_the_partner() -> None:
    slices, rejected = pair(
        {"p_1_mask.png": "m1", "p_2.png": "i2"},
        {"p_1.png": "empty_file", "p_2_mask.png": "too_large", "closed/": "no_permission", "data.csv": "unreadable"},
    )
    assert len(slices) == 0
    assert rejected == {
        "p_1.png": ("empty_file", "0 bytes", "scan"),
        "p_1_mask.png": ("partner_unusable", "its image p_1.png can't be used: empty_file", "pair"),
        "p_2.png": ("partner_unusable", "its mask p_2_mask.png can't be used: too_large", "pair"),
        "p_2_mask.png": ("too_large", "7 bytes", "scan"),
        "closed/": ("no_permission", "the system refused to open it", "scan"),
        "data.csv": ("unreadable", "the system could not read it", "scan"),
    }


def test_a_sound_copy_stands_in_for_an_unusable_file() -> None:
    slices, rejected = pair({"a/p_1.png": "i", "a/p_1_mask.png": "m"}, {"p_1.png": "empty_file"})
    assert slices["image_path"].tolist() == ["a/p_1.png"]
    assert set(rejected) == {"p_1.png"}


def test_a_second_copy_of_the_data_set_counts_once() -> None:
    once = {"kaggle_3m/p/p_1.png": "i", "kaggle_3m/p/p_1_mask.png": "m"}
    twice = {f"a-second/{path}": content for path, content in once.items()}
    slices, rejected = pair({**once, **twice})
    assert slices["image_path"].tolist() == ["kaggle_3m/p/p_1.png"]
    assert rejected == {
        "a-second/kaggle_3m/p/p_1.png": ("duplicate_copy", "same as kaggle_3m/p/p_1.png", "pair"),
        "a-second/kaggle_3m/p/p_1_mask.png": ("duplicate_copy", "same as kaggle_3m/p/p_1_mask.png", "pair"),
    }
    assert not pair_slices(table_of({**once, **twice}))[1]["counted"].any()


def test_a_patient_copied_under_another_name_counts_once() -> None:
    files = {"p/1.png": "i1", "p/1_mask.png": "m1", "p/2.png": "i2", "p/2_mask.png": "m2"}
    copy = {path.replace("p/", "b/copy of p/"): content for path, content in files.items()}
    slices, rejected = pair({**copy, **files})
    assert slices["patient"].tolist() == ["p", "p"]
    assert rejected["b/copy of p/2_mask.png"] == ("duplicate_copy", "same as p/2_mask.png", "pair")
    assert len(rejected) == 4


def test_a_patient_copied_under_other_numbers_counts_once() -> None:
    slices, rejected = pair({"p_1.png": "i", "p_1_mask.png": "m", "q_5.png": "i", "q_5_mask.png": "m"})
    assert slices["patient"].tolist() == ["p"]
    assert rejected["q_5.png"] == ("duplicate_copy", "same as p_1.png", "pair")


def test_a_patient_all_of_whose_slices_another_has_too_is_a_copy() -> None:
    files = {"p/1.png": "i", "p/1_mask.png": "m", "b/q/1.png": "i", "b/q/1_mask.png": "m"}
    slices, rejected = pair({**files, "b/q/2.png": "i2", "b/q/2_mask.png": "m"})
    assert slices["patient"].tolist() == ["q", "q"]
    assert rejected["p/1.png"] == ("duplicate_copy", "same as b/q/1.png", "pair")
    slices, rejected = pair({**files, "b/q/2.png": "i2", "b/q/2_mask.png": "m", "p/2.png": "i3", "p/2_mask.png": "m"})
    assert len(slices) == 4 and rejected == {}  # each has a slice of its own


def test_two_different_files_for_a_slice_reject_it() -> None:
    slices, rejected = pair(
        {"a/p_1.png": "one", "b/p_1.png": "two", "p_1_mask.png": "m", "p_2.png": "i", "p_2_mask.png": "m"}
    )
    assert slices["slice"].tolist() == [2]
    assert rejected == {
        "a/p_1.png": ("conflicting_files", "another image of this slice: b/p_1.png", "pair"),
        "b/p_1.png": ("conflicting_files", "another image of this slice: a/p_1.png", "pair"),
        "p_1_mask.png": ("partner_unusable", "there are different images of this slice: a/p_1.png, b/p_1.png", "pair"),
    }


def test_a_copy_of_one_of_two_different_masks_conflicts_too() -> None:
    slices, rejected = pair({"p_1.png": "i", "p_1_mask.png": "m", "p_1_seg.png": "n", "masks/p_1.png": "n"})
    assert len(slices) == 0
    assert sorted(reason for reason, _, _ in rejected.values()) == ["conflicting_files"] * 3 + ["partner_unusable"]
    assert rejected["p_1_seg.png"][1] == "another mask of this slice: p_1_mask.png"


def test_a_mask_with_the_bytes_of_its_image_is_rejected() -> None:
    slices, rejected = pair({"p_1.png": "same", "p_1_mask.png": "same"})
    assert len(slices) == 0
    assert rejected["p_1_mask.png"] == ("mask_is_image", "the same bytes as its image p_1.png", "pair")
    assert rejected["p_1.png"][0] == "mask_is_image"


def rejections(**counts: int) -> pd.DataFrame:
    rows = [(f"{code}_{i}.png", code, "found", "pair") for code, count in counts.items() for i in range(count)]

    return rejected_table(Rejection(*row) for row in rows)


def test_the_limit_is_a_share_of_the_files() -> None:
    rejected = rejections(empty_file=2, odd_name=2, duplicate_copy=100)
    check_usable(rejected, used_slices=18, limit=0.1)  # 4 of 40: exactly the limit
    with pytest.raises(TooManyRejected) as failure:
        check_usable(rejected, used_slices=17, limit=0.1)
    message = str(failure.value)
    assert "4 of 38 data files (10.5%) were rejected, more than the limit of 10.0%" in message
    assert "2 x empty_file (A file must not be empty; e.g. empty_file_0.png)" in message
    assert "2 x odd_name" in message and "raise the limit" in message


def test_nothing_left_says_why() -> None:
    with pytest.raises(
        NothingLeft, match=r"All 3 data files were rejected: 3 x image_without_mask \(Every image needs"
    ):
        check_usable(rejections(image_without_mask=3), used_slices=0, limit=1)
    with pytest.raises(NothingLeft, match="There are no image files"):
        check_usable(rejections(), used_slices=0, limit=1)
    assert issubclass(NothingLeft, UnusableSource) and issubclass(TooManyRejected, UnusableSource)


def test_every_reason_has_a_rule_and_a_remedy() -> None:
    uncounted = {"duplicate_copy", "awaiting_masks", "is_a_mask", "other_sequence", "not_an_image"}
    for code, reason in REASONS.items():
        assert reason.rule.endswith(".") and reason.remedy.endswith("."), code
        assert reason.counted == (code not in uncounted)
    assert str(UnusableFile("too_small", "4 x 4 pixels")) == (
        "An image must have at least 8 rows and 8 columns. Found: 4 x 4 pixels. Export the slice at its own resolution."
    )


def test_patients_without_any_mask_can_wait_for_them() -> None:
    files = {"p_1.png": "1", "p_2.png": "2", "q_1.png": "3", "q_1_mask.png": "4", "q_2.png": "5"}
    slices, rejected = pair_slices(table_of(files), wait=True)
    found = rejected.set_index("path")
    assert slices["patient"].tolist() == ["q"]
    assert found.loc[["p_1.png", "p_2.png"], "reason"].tolist() == ["awaiting_masks"] * 2
    assert not found.loc[["p_1.png", "p_2.png"], "counted"].any()
    assert found.loc["q_2.png", "reason"] == "image_without_mask", "of a patient who has masks one is missing"
    assert set(pair_slices(table_of(files))[1]["reason"]) == {"image_without_mask"}
