"""Answers as tables: a row a slice and a row a study, and CSV of them that spreadsheets can open safely."""

import csv
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

import numpy as np

from gliaflow.inference.answers import Answer

HAS_TUMOR = {"tumor": "yes", "unsure": "unsure", "empty": "no"}
"""What tables say in place of a call."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet takes text that begins with one of these for a formula


def slice_rows(answer: Answer, model: str, engine: str) -> list[dict[str, Any]]:
    """The table of an answer, a row a slice; areas are in pixels of the original image, and in mm² where known."""
    made_by = {"model": model, "engine": engine}
    pixels, area, volume = answer.tumor_pixels, answer.area_mm2, answer.slice_ml
    return [
        {
            "image": name,
            "study": answer.study.name,
            "has_tumor": HAS_TUMOR[str(answer.calls[number])],
            "tumor_probability": round(float(answer.tumor_probability[number]), 6),
            "tumor_pixels": int(pixels[number]),
            "area_mm2": None if area is None else round(float(area[number]), 3),
            "volume_ml": None if volume is None else round(float(volume[number]), 6),
            **made_by,
            "warnings": _words(answer),
        }
        for number, name in enumerate(answer.study.slices)
    ]


def study_row(answer: Answer, model: str, engine: str) -> dict[str, Any]:
    """The row of a study in the table of studies; its tumor_probability is the greatest of its slices."""
    made_by = {"model": model, "engine": engine}
    pixels, volume = answer.tumor_pixels, answer.volume_ml
    return {
        "study": answer.study.name,
        "slices": len(answer.masks),
        "has_tumor": HAS_TUMOR[answer.call],
        "tumor_probability": round(float(answer.tumor_probability.max()), 6),
        "tumor_slices": int(np.count_nonzero(pixels)),
        "tumor_pixels": int(pixels.sum()),
        "volume_ml": None if volume is None else round(volume, 6),
        **made_by,
        "warnings": _words(answer),
    }


def _words(answer: Answer) -> str:
    return " ".join([*answer.warnings, *answer.study.remarks])


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows with the same columns as CSV; None is left empty, and text that looks like a formula is quoted."""
    out = StringIO()
    if rows:
        table = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return out.getvalue()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
