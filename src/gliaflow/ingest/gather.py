"""Images alone, by patient and slice, whether or not there are masks: what a model is to predict."""

from collections import defaultdict
from typing import Any

import pandas as pd

from gliaflow.ingest.names import parse_name
from gliaflow.ingest.pair import (
    NO_NUMBER,
    NothingLeft,
    Rejection,
    choose_file,
    in_words,
    rejected_table,
    without_copied_patients,
)

IMAGE_COLUMNS = {"patient": "str", "slice": "int64", "site": "str", "image_path": "str", "image_sha256": "str"}


def gather_images(files: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The images of a file table, one a patient and slice; returns (image table, rejected table).

    Masks are passed over. Of identical copies, of an image or of a whole patient, the one nearest the data root is
    used, and two different images of one slice reject that slice. Raises `NothingLeft` where there is no image that can
    be used.
    """
    rejections: list[Rejection] = []
    found: defaultdict[tuple[str, int], list[Any]] = defaultdict(list)
    rows: list[Any] = list(files[files["role"] == "image"].itertuples(index=False))
    for file in rows:
        if pd.notna(file.problem):
            rejections.append(Rejection(file.path, file.problem, in_words(file), "scan"))
        elif pd.isna(file.patient):
            rejections.append(Rejection(file.path, "odd_name", NO_NUMBER, "pair"))
        if pd.notna(file.patient):
            found[file.patient, int(file.slice)].append(file)
    images = []
    for (patient, number), candidates in sorted(found.items()):
        image, refused, _ = choose_file("image", candidates)
        rejections += refused
        if image is not None:
            name = parse_name(image.path)
            site = (name.site if name else None) or "unknown"
            images.append((patient, number, site, image.path, image.sha256))
    if not images:
        raise NothingLeft("No image can be predicted: there is none with a slice number in its name. Name a folder.")
    table = pd.DataFrame(images, columns=list(IMAGE_COLUMNS)).astype(IMAGE_COLUMNS)
    table, copied = without_copied_patients(table, ["image"])
    return table, rejected_table([*rejections, *copied])
