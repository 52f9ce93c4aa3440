"""The record of exports as a person reads it: a line a way to run the network."""

from pathlib import Path

from gliaflow.export.parity import EQUAL_PIXELS, GREATEST_DIFFERENCE
from gliaflow.export.record import FOLDER, Parity, Record
from gliaflow.inference.engines import ENGINES
from gliaflow.report.tables import plural

KINDS = {
    "given": "given",
    "phantom": "made-up (phantom)",
    "drawn": "made-up (drawn; with nilearn they would have anatomy)",
}
HEAD = ("runs in", "numbers", "MB", "slices/s", "ms a slice", "greatest difference", "equal pixels", "Dice", "")


def to_text(record: Record, release: Path) -> str:
    """Lines, the last one ended: what was compared, the table, and what will be used."""
    rows = [
        HEAD,
        (
            "Keras",
            record.keras_precision,
            "",
            *_speed(record.keras.slices_per_second, record.keras.ms_a_slice),
            *[""] * 4,
        ),
    ]
    for candidate in record.candidates:
        size = sum(file.size for file in record.files[candidate.format]) / 1e6
        speed = candidate.speed
        rows.append(
            (
                ENGINES[candidate.format].title,
                candidate.precision,
                f"{size:.1f}",
                *_speed(speed.slices_per_second, speed.ms_a_slice),
                *_parity(candidate.parity),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = [
        "  ".join(
            cell.ljust(width) if column in (0, 1, len(HEAD) - 1) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([_what(record), "", *lines, "", *_use(record, release)]) + "\n"


def _what(record: Record) -> str:
    slices = record.slices
    patients = plural(slices.studies, "patient")
    text = f"Compared with Keras on {plural(slices.slices, f'{KINDS[slices.kind]} slice')} of {patients}."
    if slices.tumor_pixels == 0:
        text += "\nKeras found no tumour in them, so equal masks prove little: name slices with tumours by --slices."
    elif slices.kind != "given":
        text += "\nName real ones by --slices for a proof on what the model is for."
    return text


def _use(record: Record, release: Path) -> list[str]:
    lines = []
    if any(not candidate.parity.passed for candidate in record.candidates):
        lines += [
            f"Failed means that a share of less than {EQUAL_PIXELS:.4f} of the pixels is equal, or that a probability",
            f"differs by more than {GREATEST_DIFFERENCE:g}. Such an export is kept, and never used.",
        ]
    best = next(iter(record.ranked()), None)
    if best is None:
        lines.append("None of them will be used in place of Keras.")
    else:
        times = best.speed.slices_per_second / record.keras.slices_per_second
        lines.append(
            f"{ENGINES[best.format].title} in {best.precision} will be used: {times:.1f} times Keras' slices/s in "
            "batches, and no TensorFlow to load."
        )
    return [*lines, str(release / FOLDER)]


def _speed(per_second: float, milliseconds: float) -> tuple[str, str]:
    return f"{per_second:.0f}", f"{milliseconds:.1f}"


def _parity(parity: Parity) -> tuple[str, str, str, str]:
    share = f"{int(parity.equal_pixels * 1e6) / 1e6:.6f}"  # never rounded up to 1
    return (
        f"{parity.greatest_difference:.1g}"
        if parity.greatest_difference < 0.001
        else f"{parity.greatest_difference:.3f}",
        share,
        f"{int(parity.mask_dice * 1e5) / 1e5:.5f}",
        "passed" if parity.passed else "FAILED",
    )
