"""The TensorBoard log, read back by TensorFlow's own reader, which checks lengths and sums."""

from pathlib import Path

import pytest

from gliaflow.model.board import Board

ROWS = [
    {"epoch": 1, "loss": 0.5, "dice": 0.25, "val_loss": 0.75, "val_dice": 0.125, "learning_rate": 1e-3},
    {"epoch": 300, "loss": 0.25, "dice": 0.5, "val_loss": float("nan"), "val_dice": 0.0, "learning_rate": 1e-4},
]


def read(folder: Path) -> list[tuple[int, str, float]]:
    tensorflow = pytest.importorskip("tensorflow")
    from tensorflow.core.util import event_pb2

    (path,) = folder.glob("*tfevents*")
    events = [event_pb2.Event.FromString(r) for r in tensorflow.data.TFRecordDataset(str(path)).as_numpy_iterator()]
    assert events[0].file_version == "brain.Event:2"
    assert all(event.wall_time > 1.6e9 for event in events)
    return [(event.step, value.tag, value.simple_value) for event in events for value in event.summary.value]


def test_tensorflow_reads_what_was_written(tmp_path: Path) -> None:
    board = Board(tmp_path)
    for row in ROWS:
        board.add(row)
    train = read(tmp_path / "train")
    assert [(step, tag) for step, tag, _ in train] == [
        (step, tag) for step in (1, 300) for tag in ("epoch_loss", "epoch_dice", "epoch_learning_rate")
    ]
    assert [value for *_, value in train] == pytest.approx([0.5, 0.25, 1e-3, 0.25, 0.5, 1e-4])
    validation = read(tmp_path / "validation")
    assert validation[:2] == [(1, "epoch_loss", 0.75), (1, "epoch_dice", 0.125)]
    assert validation[2][2] != validation[2][2]


def test_a_new_board_starts_anew(tmp_path: Path) -> None:
    Board(tmp_path).add(ROWS[0])
    Board(tmp_path).add(ROWS[1])
    assert {step for step, *_ in read(tmp_path / "train")} == {300}
