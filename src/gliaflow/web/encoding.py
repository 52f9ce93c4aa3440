"""Answers as JSON objects with pictures in them, as `/api/predict` sends them."""

import base64
import csv
from collections.abc import Sequence
from io import StringIO
from typing import Any

import cv2
import numpy as np

from gliaflow.inference.answers import Answer, slice_rows, study_row
from gliaflow.inference.overlays import FLAIR

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # with which a spreadsheet takes a cell for more than text


def encode_answer(answer: Answer, model: str) -> dict[str, Any]:
    """A study's object: calls, figures, pictures of FLAIR and mask for every slice, and the masks as files.

    `model` is what made them, for mask files that say so.
    """
    row, study = study_row(answer), answer.study
    slices = []
    for number, (told, mask) in enumerate(zip(slice_rows(answer), answer.masks, strict=True)):
        height, width = mask.shape
        slices.append(
            {
                "name": told["slice"],
                "height": height,
                "width": width,
                "call": told["call"],
                "tumor_probability": _rounded(told["tumor_probability"]),
                "tumor_pixels": told["tumor_pixels"],
                "area_mm2": _rounded(told["area_mm2"]),
                "image": _picture(study.images[number][:, :, FLAIR]),
                "mask": _picture(mask * np.uint8(255)) if told["tumor_pixels"] else None,
            }
        )
    files = study.form.encode(answer.masks, model)
    return {
        "name": study.name,
        "kind": study.form.kind,
        "call": row["call"],
        "tumor_probability": _rounded(row["tumor_probability"]),
        "tumor_slices": row["tumor_slices"],
        "tumor_pixels": row["tumor_pixels"],
        "volume_ml": _rounded(row["volume_ml"]),
        "spacing_mm": None if study.spacing is None else [float(side) for side in study.spacing],
        "warnings": list(answer.warnings),
        "remarks": list(study.remarks),
        "slices": slices,
        "mask_files": [
            {"name": file.name, "type": file.media_type, "content": base64.b64encode(file.content).decode("ascii")}
            for file in files
        ],
    }


def encode_table(studies: Sequence[dict[str, Any]], model: str) -> str:
    """A CSV table of encoded studies, a row a slice; text that a spreadsheet would take for a formula is quoted."""
    out = StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(("study", "slice", "call", "tumor_probability", "tumor_pixels", "area_mm2", "model", "warnings"))
    for study in studies:
        for told in study["slices"]:
            cells = (
                study["name"], told["name"], told["call"], told["tumor_probability"], told["tumor_pixels"],
                told["area_mm2"], model, " ".join(study["warnings"]),
            )  # fmt: skip
            table.writerow([f"'{cell}" if str(cell).startswith(FORMULA) else cell for cell in cells])
    return out.getvalue()


def _picture(grey: np.ndarray) -> str:
    """A grey picture uint8 [H, W] as a PNG in a data: address."""
    ok, content = cv2.imencode(".png", np.ascontiguousarray(grey), [cv2.IMWRITE_PNG_COMPRESSION, 3])
    assert ok, "OpenCV encodes every uint8 picture"
    return f"data:image/png;base64,{base64.b64encode(content.tobytes()).decode('ascii')}"


def _rounded(value: float | None) -> float | None:
    """To six digits: more is not known, and is slow to read."""
    return None if value is None else float(f"{value:.6g}")
