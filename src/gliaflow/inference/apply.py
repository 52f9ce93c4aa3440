"""A released model applied to the images of patients, in a process of its own: masks, overlays and tables into a store.

As a child process: `python -m gliaflow.inference.apply SPEC.json`, with events on standard output.
"""

import json
import sys
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from gliaflow.events import emit
from gliaflow.inference.geometry import restore_mask, write_mask, write_png
from gliaflow.inference.masks import OVERLAY_SCALE
from gliaflow.inference.overlays import draw_overlay
from gliaflow.inference.profile import PROFILE, profile_answers, profile_images
from gliaflow.inference.release import Release, load_release
from gliaflow.ingest.images import Images, prepare_images
from gliaflow.ingest.passing import obtain_lasting
from gliaflow.store.artifacts import Artifact, Store
from gliaflow.store.manifests import Provenance
from gliaflow.store.shared import open_store
from gliaflow.store.tables import read_rows, write_table

LONGEST = 200  # bytes of an image's name in that of its mask: file systems take 255 in all
ANSWERS = {
    "patient": "str",
    "slice": "int64",
    "site": "str",
    "image_path": "str",
    "height": "int64",
    "width": "int64",
    "call": "str",
    "tumor_probability": "float64",
    "tumor_pixels": "int64",
    "mask": "str",
    "overlay": "str",
    "model": "str",
}
"""The columns of `answers`: a row a slice."""


def main(arguments: list[str]) -> None:
    """As a JSON file says: store, release (a folder), model (its name), images (a table), root, patients."""
    spec = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    store, root = open_store(spec["store"]), Path(spec["root"])
    table = read_rows(Path(spec["images"]), "patient", list(spec["patients"]))
    release = load_release(Path(spec["release"]))
    for patient, provenance in spec["patients"].items():
        rows = table[table["patient"] == patient]
        artifact = predict_patient(store, release, spec["model"], root, rows, Provenance(**provenance))
        emit({"event": "predicted", "patient": patient, "key": artifact.key})


def predict_patient(
    store: Store, release: Release, model: str, root: Path, table: pd.DataFrame, provenance: Provenance
) -> Artifact:
    """The prediction of one patient, whose images are the rows of `table` and lie below `root`."""

    def make(folder: Path) -> pd.DataFrame:
        images = prepare_images(root, table, release.bundle.size)
        write_prediction(folder, release, model, images)
        return images.rejected

    return obtain_lasting(store, provenance, make)


def write_prediction(folder: Path, release: Release, model: str, patient: Images) -> None:
    """Predict a patient and leave `masks/`, `overlays/` and the tables answers, profiles and rejected in `folder`.

    `masks/<image name>_mask.png` (uint8, 0 and 255) have height and width of the original image; there is an overlay
    where the mask has a pixel. `answers` has a row a slice, `profiles` one of the patient, or none where nothing could
    be read; both name the `model`.
    """
    for kind in ("masks", "overlays"):
        (folder / kind).mkdir(parents=True)
    predicted = release.predict_volume(patient.images) if len(patient.images) else None
    answers: list[dict[str, Any]] = []
    rows = patient.slices.to_dict("records")
    for number, row in enumerate(rows):
        assert predicted is not None
        mask = restore_mask(predicted.masks[number], row["height"], row["width"])
        stem = PurePosixPath(row["image_path"]).stem
        name = f"{row['slice']:04d}_{stem.encode()[:LONGEST].decode(errors='ignore')}"  # folders may have equal names
        path, overlay = f"masks/{name}_mask.png", None
        write_mask(folder / path, mask)
        if mask.any():
            overlay = f"overlays/{name}.png"
            picture = draw_overlay(patient.images[number], None, predicted.masks[number], scale=OVERLAY_SCALE)
            write_png(folder / overlay, picture)
        answers.append(
            {
                **{key: row[key] for key in ("patient", "slice", "site", "image_path", "height", "width")},
                "call": str(predicted.call[number]),
                "tumor_probability": float(predicted.tumor_probability[number]),
                "tumor_pixels": int(mask.sum()),
                "mask": path,
                "overlay": overlay,
                "model": model,
            }
        )
    profiles: list[dict[str, Any]] = []
    if predicted is not None:
        of_answers = profile_answers(
            predicted.call, int(predicted.masks.sum()), int(patient.slices["brain_pixels"].sum())
        )
        of_images = profile_images(patient.images, release.bundle.familiarity)
        who = {key: rows[0][key] for key in ("patient", "site")}
        profiles.append({**who, "slices": len(rows), "model": model, **of_images, **of_answers})
    write_table(pd.DataFrame(answers, columns=list(ANSWERS)).astype(ANSWERS), folder / "answers.parquet")
    write_table(pd.DataFrame(profiles, columns=list(PROFILE)).astype(PROFILE), folder / "profiles.parquet")
    write_table(patient.rejected, folder / "rejected.parquet")


if __name__ == "__main__":
    main(sys.argv[1:])
