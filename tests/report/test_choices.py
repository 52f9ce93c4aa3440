import numpy as np
import pandas as pd

from gliaflow.report.choices import (
    pick_false_tumors,
    pick_grid,
    pick_median,
    pick_samples,
    pick_worst,
    slice_dice,
    wrong_pixels,
)


def predictions(rows: list[tuple[str, int, int, int, int]], part: str = "test") -> pd.DataFrame:
    """Rows of (patient, slice, true, predicted, shared) as a predictions table."""
    frame = pd.DataFrame(rows, columns=["patient", "slice", "true_pixels", "predicted_pixels", "intersection"])
    return frame.assign(
        part=part, mask=(frame["true_pixels"] > 0).astype(int), has_mask=(frame["predicted_pixels"] > 0).astype(int)
    )


def places(frame: pd.DataFrame) -> list[tuple[str, int]]:
    return list(zip(frame["patient"], frame["slice"], strict=True))


def test_slice_dice_is_undefined_where_both_masks_are_empty() -> None:
    frame = predictions([("a", 1, 10, 30, 5), ("a", 2, 0, 0, 0), ("a", 3, 0, 4, 0)])
    np.testing.assert_array_equal(slice_dice(frame), [0.25, np.nan, 0.0])
    np.testing.assert_array_equal(wrong_pixels(frame), [30, 0, 4])


def test_samples_are_the_median_tumor_slices_of_patients_spread_over_tumor_sizes() -> None:
    sizes = {"a": [100, 200, 300], "b": [1, 2, 3, 4], "c": [50, 40, 0], "d": [0, 0, 0]}
    rows = [(patient, i + 1, n, n > 0) for patient, own in sizes.items() for i, n in enumerate(own)]
    labels = pd.DataFrame(rows, columns=["patient", "slice", "tumor_pixels", "has_tumor"])
    assert places(pick_samples(labels)) == [("b", 2), ("c", 2), ("a", 2)]
    assert places(pick_samples(labels, count=2)) == [("b", 2), ("a", 2)]
    assert places(pick_samples(labels[labels["patient"] == "d"])) == []


def test_grid_shows_every_quantile_of_dice_best_first_and_shares_out_the_patients() -> None:
    rows = [("a", i, 100, 100, 100 - i) for i in range(40)] + [("b", i, 100, 100, 60 - i) for i in range(20)]
    grid = pick_grid(predictions(rows), count=10)
    assert len(grid) == 10
    assert grid["slice_dice"].is_monotonic_decreasing
    assert grid["slice_dice"].iloc[0] > 0.93 and grid["slice_dice"].iloc[-1] < 0.47
    assert grid["patient"].value_counts().to_dict() == {"a": 6, "b": 4}  # b's slices are in the last four runs only


def test_grid_takes_turns_between_patients_of_equal_dice() -> None:
    rows = [(patient, i, 10, 10, 5) for patient in "abc" for i in range(4)]
    grid = pick_grid(predictions(rows), count=4)
    assert len(set(places(grid))) == 4
    assert grid["patient"].nunique() == 3


def test_grid_of_few_tumor_slices_goes_on_with_false_tumors() -> None:
    rows = [("a", 1, 10, 10, 5), ("a", 2, 0, 0, 0), ("a", 3, 0, 7, 0), ("b", 4, 0, 9, 0)]
    assert places(pick_grid(predictions(rows))) == [("a", 1), ("b", 4), ("a", 3), ("a", 2)]
    assert places(pick_grid(predictions(rows, part="val"))) == []


def test_worst_patients_come_with_their_slice_of_most_wrong_pixels() -> None:
    frame = predictions(
        [("a", 1, 10, 10, 9), ("a", 2, 10, 10, 2), ("b", 7, 0, 30, 0), ("b", 8, 9, 9, 9), ("c", 1, 5, 5, 5)]
    )
    patients = pd.DataFrame({"patient": ["a", "b", "c"], "part": "test", "dice": [0.5, 0.3, np.nan]})
    worst = pick_worst(patients, frame)
    assert places(worst) == [("b", 7), ("a", 2)]
    assert worst[["slice_true", "slice_predicted", "slice_wrong"]].to_numpy().tolist() == [[0, 30, 30], [10, 10, 16]]
    assert places(pick_worst(patients, frame, count=1)) == [("b", 7)]


def test_middling_patients_come_with_a_slice_of_middle_dice() -> None:
    frame = predictions(
        [("a", 1, 10, 10, 9), ("b", 1, 10, 10, 1), ("b", 2, 10, 10, 5), ("b", 3, 0, 0, 0), ("b", 4, 10, 10, 8)]
        + [("c", 1, 9, 9, 9), ("d", 6, 0, 0, 0), ("d", 7, 0, 0, 0), ("e", 1, 5, 5, 0)]
    )
    patients = pd.DataFrame({"patient": list("abcde"), "part": "test", "dice": [0.9, 0.5, 0.6, 0.4, np.nan]})
    assert places(pick_median(patients, frame, count=2)) == [("c", 1), ("b", 2)]
    assert places(pick_median(patients, frame, count=9)) == [("a", 1), ("c", 1), ("b", 2), ("d", 6)]
    middle = pick_median(patients, frame, count=2)
    assert middle[["slice_true", "slice_predicted", "slice_wrong"]].to_numpy().tolist() == [[9, 9, 0], [10, 10, 10]]
    assert places(pick_median(patients[:0], frame)) == []


def test_false_tumors_show_each_patient_before_any_twice() -> None:
    rows = [("a", 1, 0, 90, 0), ("a", 2, 0, 80, 0), ("b", 1, 0, 5, 0), ("b", 2, 3, 70, 3), ("c", 1, 0, 0, 0)]
    assert places(pick_false_tumors(predictions(rows))) == [("a", 1), ("b", 1), ("a", 2)]
    assert places(pick_false_tumors(predictions(rows), count=2)) == [("a", 1), ("b", 1)]
