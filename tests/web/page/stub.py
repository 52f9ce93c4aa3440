"""A server for the page alone, with answers that a released model gave once: `python tests/web/page/stub.py [PORT]`.

It knows the page's samples by what is on them, whatever format they come in. `answers/` holds the masks, and the calls
and probabilities, that a model trained on a phantom gave for them; the masks of a volume are below one another. What a
server may do besides (be busy, fail, ask for a token, take its time, warn) is set from outside.
"""

import base64
import contextlib
import gzip
import json
import mimetypes
import sys
import time
from collections import deque
from email import message_from_bytes
from email.policy import HTTP
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import cv2
import nibabel
import numpy as np

import gliaflow
from gliaflow.ingest.readers import read_image, tiff
from gliaflow.ingest.reasons import UnusableFile
from gliaflow.ingest.studies.pictures import Pictures

PAGE = Path(gliaflow.__file__).parent / "web" / "page"
SAMPLES = PAGE / "samples"
ANSWERS = Path(__file__).with_name("answers")
NIFTI = b"\x1f\x8b"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
MODEL = {"name": "release ac3f38f3a293", "engine": "OpenVINO, bfloat16"}
CARD = """# Model card: a network

It **finds** tumour.

- `p >= 0.5`

| Figure | Value |
|---|---:|
| Dice | 0.942 |
"""
LIMITS = {"file_bytes": 29 << 20, "total_bytes": 60 << 20, "files": 50, "pixels": 10**8, "seconds": 120}
FORMATS = ["TIFF", "PNG", "JPEG", "BMP", "NIfTI", "DICOM", "zip"]


class Stub(ThreadingHTTPServer):
    """The server. `planned`: responses (status, headers, body) that the next predictions get instead of an answer;
    `token`: what must be brought; `pause`: seconds between two lines of progress; `warnings`, `remarks`: of every
    study; `received`: names and bytes of the files that came last; `cut`: end the stream before the answer;
    `niivue`: whether it says that NiiVue is there; `together`: make one study of all pictures.
    """

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.address = f"http://127.0.0.1:{self.server_port}/"
        self.reset()

    def reset(self) -> None:
        self.planned: deque[tuple[int, dict[str, str], dict[str, Any]]] = deque()
        self.token: str | None = None
        self.pause = 0.0
        self.warnings: list[str] = []
        self.remarks: list[str] = []
        self.received: list[tuple[str, bytes]] = []
        self.cut = False
        self.niivue = False
        self.together = False


class Handler(BaseHTTPRequestHandler):
    server: Stub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        name = path.rpartition("/")[2]
        if path == "/":
            self.give_file(PAGE / "index.html")
        elif path.startswith("/static/"):
            self.give_file(PAGE / path.removeprefix("/static/"))
        elif path == "/api/model":
            told = {**MODEL, "card": CARD, "size": 256, "limits": LIMITS, "formats": FORMATS}
            self.give(200, told | {"token_needed": self.server.token is not None, "niivue": self.server.niivue})
        elif path == "/api/samples":
            self.give(200, json.loads((SAMPLES / "samples.json").read_text()))
        elif path.startswith("/api/samples/"):
            self.give_file(SAMPLES / name)
        else:
            self.give(404, {"message": "Nothing is here."})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.token and self.headers["Authorization"] != f"Bearer {self.server.token}":
            self.give(401, {"message": "A token is needed."}, {"WWW-Authenticate": "Bearer"})
        elif self.server.planned:
            status, headers, content = self.server.planned.popleft()
            self.give(status, content, headers)
        else:
            self.server.received = files = files_of(self.headers["Content-Type"], body)
            content = answer(files, self.server.warnings, self.server.remarks)
            if self.server.together:
                content["studies"] = [joined(content["studies"])]
            self.stream(content)

    def stream(self, content: dict[str, Any]) -> None:
        self.begin(200, "application/x-ndjson", {})
        slices = sum(len(study["slices"]) for study in content["studies"])
        for done in range(slices + 1):
            self.line({"event": "progress", "stage": "predicting", "done": done, "total": slices})
            time.sleep(self.server.pause)
        if not self.server.cut:
            self.line({"event": "answer", **content})

    def line(self, event: dict[str, Any]) -> None:
        self.wfile.write(json.dumps(event).encode() + b"\n")
        self.wfile.flush()

    def give(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        self.begin(status, "application/json", headers or {})
        self.wfile.write(json.dumps(content).encode())

    def give_file(self, path: Path) -> None:
        if not path.is_file() or PAGE not in path.resolve().parents:
            self.give(404, {"message": "Nothing is here."})
            return
        self.begin(200, mimetypes.guess_type(path.name)[0] or "application/octet-stream", {})
        if self.command == "GET":
            self.wfile.write(path.read_bytes())

    def begin(self, status: int, media_type: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": media_type, "Content-Security-Policy": POLICY, **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # the page went away, or somebody cancelled
            super().handle()

    def log_message(self, *_: Any) -> None:
        pass


def files_of(content_type: str, body: bytes) -> list[tuple[str, bytes]]:
    """The files of a form: their names and bytes."""
    form = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body, policy=HTTP)
    return [(part.get_filename() or "", part.get_payload(decode=True) or b"") for part in form.iter_parts()]


def answer(files: list[tuple[str, bytes]], warnings: list[str], remarks: list[str]) -> dict[str, Any]:
    """What the server says of these files, each a study of its own."""
    studies, refused = [], []
    for name, content in files:
        try:
            study = volume_answer(name, content) if content.startswith(NIFTI) else picture_answer(name, content)
        except UnusableFile as fault:
            refused.append({"name": name, "reason": fault.reason, "message": str(fault)})
        else:
            studies.append(study | {"warnings": warnings, "remarks": remarks})
    rows = [(study["name"], told["name"], told["call"]) for study in studies for told in study["slices"]]
    table = "".join(f"{','.join(row)}\n" for row in [("study", "slice", "call"), *rows])
    model = {**MODEL, "training": "8 patients"}
    return {"model": model, "seconds": 0.42, "studies": studies, "refused": refused, "table": table}


def picture_answer(name: str, content: bytes) -> dict[str, Any]:
    flair = read_image(content)[:, :, 1]
    known = min((n for n in calls() if n != "head.nii.gz"), key=lambda n: difference(flair, sample(n)))
    mask = mask_of(known)[: flair.shape[0]]
    suffix = ".tif" if tiff.matches(content) else ".bmp" if content.startswith(b"BM") else ".png"
    files = Pictures((name,), (suffix,)).encode([mask // 255], "")
    study = study_of(PurePosixPath(name).stem, "picture", [flair], [mask], calls()[known], None, [name])
    return study | {"mask_files": [encoded(file.name, file.media_type, file.content) for file in files]}


def volume_answer(name: str, content: bytes) -> dict[str, Any]:
    volume = nibabel.Nifti1Image.from_bytes(gzip.decompress(content))
    voxels = np.asarray(volume.dataobj).swapaxes(0, 1)  # [columns, rows, slices] -> [rows, columns, slices]
    masks = mask_of("head.nii.gz").reshape(voxels.shape[2], *voxels.shape[:2])
    x, y, z = (float(side) for side in volume.header.get_zooms())
    names = [f"slice {number + 1}" for number in range(len(masks))]
    stem = name.removesuffix(".nii.gz")
    study = study_of(
        stem, "nifti", list(np.moveaxis(voxels, 2, 0)), list(masks), calls()["head.nii.gz"], (z, y, x), names
    )
    made = nibabel.Nifti1Image((np.moveaxis(masks, 0, 2).swapaxes(0, 1) // 255), volume.affine)
    packed = gzip.compress(made.to_bytes(), mtime=0)
    return study | {"mask_files": [encoded(f"{stem}_mask.nii.gz", "application/gzip", packed)]}


def study_of(
    name: str,
    kind: str,
    images: list[np.ndarray],
    masks: list[np.ndarray],
    told: dict[str, Any],
    spacing: tuple[float, float, float] | None,
    names: list[str],
) -> dict[str, Any]:
    pixels = [int(np.count_nonzero(mask)) for mask in masks]
    area = None if spacing is None else [count * spacing[1] * spacing[2] for count in pixels]
    slices = [
        {
            "name": names[n],
            "height": images[n].shape[0],
            "width": images[n].shape[1],
            "call": told["calls"][n],
            "tumor_probability": told["tumor_probability"][n],
            "tumor_pixels": pixels[n],
            "area_mm2": None if area is None else area[n],
            "image": picture(images[n]),
            "mask": picture(masks[n]) if pixels[n] else None,
        }
        for n in range(len(images))
    ]
    call = next((call for call in ("tumor", "unsure") if call in told["calls"]), "empty")
    return {
        "name": name,
        "kind": kind,
        "call": call,
        "tumor_probability": max(told["tumor_probability"]),
        "tumor_slices": sum(count > 0 for count in pixels),
        "tumor_pixels": sum(pixels),
        "volume_ml": None if area is None or spacing is None else sum(area) * spacing[0] / 1000,
        "spacing_mm": spacing,
        "slices": slices,
    }


def joined(studies: list[dict[str, Any]]) -> dict[str, Any]:
    """One study, "patient", of the slices of all."""
    calls = [study["call"] for study in studies]
    return studies[0] | {
        "name": "patient",
        "call": next((call for call in ("tumor", "unsure") if call in calls), "empty"),
        "tumor_probability": max(study["tumor_probability"] for study in studies),
        "tumor_slices": sum(study["tumor_slices"] for study in studies),
        "tumor_pixels": sum(study["tumor_pixels"] for study in studies),
        "slices": [told for study in studies for told in study["slices"]],
        "mask_files": [file for study in studies for file in study["mask_files"]],
    }


@cache
def calls() -> dict[str, dict[str, Any]]:
    return dict(json.loads((ANSWERS / "answers.json").read_text()))


@cache
def sample(name: str) -> np.ndarray:
    """FLAIR of a sample slice, uint8 [H, W]."""
    return read_image(SAMPLES / name)[:, :, 1]


def mask_of(name: str) -> np.ndarray:
    """The mask of a sample, uint8 {0, 255} [H, W], or [slices * H, W]."""
    mask = cv2.imread(str(ANSWERS / f"{name.split('.')[0]}.png"), cv2.IMREAD_GRAYSCALE)
    assert mask is not None
    return mask


def difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(float) - b).mean()) if a.shape == b.shape else np.inf


def picture(grey: np.ndarray) -> str:
    ok, content = cv2.imencode(".png", np.ascontiguousarray(grey))
    assert ok
    return f"data:image/png;base64,{base64.b64encode(content.tobytes()).decode()}"


def encoded(name: str, media_type: str, content: bytes) -> dict[str, str]:
    return {"name": name, "type": media_type, "content": base64.b64encode(content).decode()}


if __name__ == "__main__":
    stub = Stub(int(sys.argv[1]) if len(sys.argv) > 1 else 8000)
    sys.stdout.write(f"{stub.address}\n")
    stub.serve_forever()
