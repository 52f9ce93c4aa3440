"""Answers as JSON objects with pictures in them, as `/api/predict` sends them."""

import base64
from typing import Any

import cv2
import numpy as np

from gliaflow.inference.answers import Answer
from gliaflow.inference.overlays import FLAIR


def encode_answer(answer: Answer, model: str) -> dict[str, Any]:
    """A study's object: calls, figures, pictures of FLAIR and mask for every slice, and the masks as files.

    `model` is what made them, for mask files that say so.
    """
    study, pixels, area = answer.study, answer.tumor_pixels, answer.area_mm2
    slices = []
    for number, (name, mask) in enumerate(zip(study.slices, answer.masks, strict=True)):
        height, width = mask.shape
        slices.append(
            {
                "name": name,
                "height": height,
                "width": width,
                "call": str(answer.calls[number]),
                "tumor_probability": _rounded(answer.tumor_probability[number]),
                "tumor_pixels": int(pixels[number]),
                "area_mm2": None if area is None else _rounded(area[number]),
                "image": _picture(study.images[number][:, :, FLAIR]),
                "mask": _picture(mask * np.uint8(255)) if pixels[number] else None,
            }
        )
    volume = answer.volume_ml
    files = study.form.encode(answer.masks, model)
    return {
        "name": study.name,
        "kind": study.form.kind,
        "call": answer.call,
        "tumor_probability": _rounded(answer.tumor_probability.max()),
        "tumor_slices": int(np.count_nonzero(pixels)),
        "tumor_pixels": int(pixels.sum()),
        "volume_ml": None if volume is None else _rounded(volume),
        "spacing_mm": None if study.spacing is None else [float(side) for side in study.spacing],
        "warnings": list(answer.warnings),
        "remarks": list(study.remarks),
        "slices": slices,
        "mask_files": [
            {"name": file.name, "type": file.media_type, "content": base64.b64encode(file.content).decode("ascii")}
            for file in files
        ],
    }


def _picture(grey: np.ndarray) -> str:
    """A grey picture uint8 [H, W] as a PNG in a data: address."""
    ok, content = cv2.imencode(".png", np.ascontiguousarray(grey), [cv2.IMWRITE_PNG_COMPRESSION, 3])
    assert ok, "OpenCV encodes every uint8 picture"
    return f"data:image/png;base64,{base64.b64encode(content.tobytes()).decode('ascii')}"


def _rounded(value: float) -> float:
    """To six digits: more is not known, and is slow to read."""
    return float(f"{value:.6g}")
