"""Learning curves as TensorBoard reads them, written without TensorBoard (TensorFlow's own writer needs that package).

A log is a TFRecord file: length, its masked CRC-32C, an Event message, its masked CRC-32C, and so on.
"""

import struct
import time
from pathlib import Path
from typing import Any

TRAIN, VALIDATION = "train", "validation"  # the folders that Keras' own callback writes


class Board:
    """Writes the rows of a training's history below `folder`, one point a row and figure, at once."""

    def __init__(self, folder: Path) -> None:
        self.paths = {run: folder / run / "events.out.tfevents.0000000000.gliaflow" for run in (TRAIN, VALIDATION)}
        for path in self.paths.values():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_record(_event(0, b"\x1a" + _sized(b"brain.Event:2"))))  # field 3, file_version

    def add(self, row: dict[str, Any]) -> None:
        """Add an epoch: `val_loss` becomes `epoch_loss` of the run "validation", `loss` that of the run "train"."""
        for name, value in row.items():
            if name != "epoch":
                run = VALIDATION if name.startswith("val_") else TRAIN
                tag = f"epoch_{name.removeprefix('val_')}".encode()
                scalar = b"\x0a" + _sized(tag) + b"\x15" + struct.pack("<f", value)
                summary = b"\x0a" + _sized(scalar)  # Summary.value; in it field 1, tag, and field 2, simple_value
                with open(self.paths[run], "ab") as file:
                    file.write(_record(_event(row["epoch"], b"\x2a" + _sized(summary))))  # field 5, summary


def _event(step: int, field: bytes) -> bytes:
    wall_time = struct.pack("<d", time.time())
    return b"\x09" + wall_time + b"\x10" + _varint(step) + field  # fields 1, 2 and the given one


def _record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + _masked_crc(length) + data + _masked_crc(data)


def _sized(data: bytes) -> bytes:
    return _varint(len(data)) + data


def _varint(n: int) -> bytes:
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes([*out, n])


def _masked_crc(data: bytes) -> bytes:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)  # Castagnoli's polynomial, reflected
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
