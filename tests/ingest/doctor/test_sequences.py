"""Missing sequences and swapped channels."""

from collections.abc import Callable

import pandas as pd

from gliaflow.ingest.doctor.sequences import black_sequences, channel_order, missing_sequences

Labels = Callable[..., pd.DataFrame]


def test_complete_sequences_have_no_findings(labels: Labels) -> None:
    assert missing_sequences(labels()) == []


def test_a_missing_sequence_is_a_note(labels: Labels) -> None:
    missing = {("P0", number): "pre,post" for number in range(1, 9)} | {("P2", n): "post" for n in range(1, 9)}
    (found,) = missing_sequences(labels(missing=missing))
    assert (found.code, found.severity, found.count) == ("sequence_missing", "note", 2)
    assert [(case.patient, case.found) for case in found.cases] == [
        ("P0", "FLAIR in place of pre-contrast and post-contrast"),
        ("P2", "FLAIR in place of post-contrast"),
    ]


def test_nearly_empty_slices_tell_nothing(labels: Labels) -> None:
    missing = {("P0", number): "post" for number in range(1, 8)}
    (found,) = missing_sequences(labels(missing=missing, deviation={("P0", 8): 0.0}))
    assert found.code == "sequence_missing"


def test_a_sequence_missing_in_part_is_a_warning(labels: Labels) -> None:
    (found,) = missing_sequences(labels(missing={("P1", 5): "pre", ("P1", 6): "pre"}))
    assert (found.code, found.severity, found.count) == ("sequence_missing_in_part", "warning", 1)
    assert (found.cases[0].slice, found.cases[0].found) == (5, "pre-contrast is a copy of FLAIR in 2 of 8 slices")


def test_a_black_sequence(labels: Labels) -> None:
    heads = {("P1", 6): 30_000}
    for short, name in (("pre", "pre-contrast"), ("flair", "FLAIR"), ("post", "post-contrast")):
        black = {f"mean_{short}": {("P1", number): 0.0 for number in range(1, 9)}}
        (found,) = black_sequences(labels(head_pixels=heads, **black))
        assert (found.code, found.severity, found.count) == ("sequence_black", "warning", 1)
        case = found.cases[0]
        assert (case.patient, case.slice, case.found) == ("P1", 6, f"black: {name} in 8 of 8 slices")


def test_slices_that_a_sequence_did_not_reach_are_fewer_than_half(labels: Labels) -> None:
    assert black_sequences(labels(mean_post={("P1", number): 0.0 for number in (1, 2, 8)})) == []
    (found,) = black_sequences(labels(mean_post={("P1", number): 0.0 for number in (1, 2, 7, 8)}))
    assert [case.found for case in found.cases] == ["black: post-contrast in 4 of 8 slices"]


def test_black_images_are_black_in_every_sequence(labels: Labels) -> None:
    black = {("P2", number): 0.0 for number in range(1, 8)}
    (found,) = black_sequences(labels(mean_pre=black, mean_flair=black, mean_post={**black, ("P2", 8): 0.0}))
    assert [case.found for case in found.cases] == [
        "black: pre-contrast in 7, FLAIR in 7, post-contrast in 8 of 8 slices"
    ]


def test_channels_in_order_have_no_finding() -> None:
    assert channel_order({"P0": 0.2, "P1": -0.04, "P2": float("nan")}, {}) == []


def test_a_swapped_patient() -> None:
    (found,) = channel_order({"P0": 0.2, "P1": -0.3, "P2": 0.1}, {"P1": 7})
    assert (found.code, found.severity) == ("channel_order", "warning")
    assert [(case.patient, case.slice, case.found) for case in found.cases] == [
        ("P1", 7, "FLAIR correlates more with the third channel, by 0.30")
    ]


def test_a_swapped_data_set_is_told_as_one() -> None:
    (found,) = channel_order({"P0": -0.2, "P1": -0.3, "P2": 0.1}, {})
    assert (found.code, found.count) == ("channel_order_of_all", 2)
    (few,) = channel_order({"P0": -0.2}, {})
    assert few.code == "channel_order"
