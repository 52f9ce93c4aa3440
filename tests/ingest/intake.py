"""The way in, from folder to volumes, told in words and digests; as a script, by somebody who may write nowhere."""

import hashlib
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

import schemas
from gliaflow.ingest.clinical import gather_clinical
from gliaflow.ingest.pair import pair_slices
from gliaflow.ingest.prepare import prepare_volume
from gliaflow.ingest.scan import scan_folder

NOBODY = 65534
SIZE = 32


@dataclass
class Intake:
    """What became of a folder: `slices` maps "patient number" to a digest of pixels and facts."""

    data: list[str]  # images and masks
    used: list[str]
    rejected: dict[str, list[str]]  # path -> reason, found, stage
    slices: dict[str, str]
    clinical: str | None


def take_in(root: Path) -> Intake:
    """Scan, pair, read the clinical table and prepare every patient; each table keeps to its schema."""
    files = schemas.validate(scan_folder(root), schemas.FileTable, "file table")
    slices, rejected = pair_slices(files)
    schemas.validate(slices, schemas.SliceTable, "slice table")
    clinical, faults = gather_clinical(root, files)
    tables, used, digests = [rejected, faults], [], {}
    for patient, rows in slices.groupby("patient"):
        volume = prepare_volume(root, rows, SIZE)
        schemas.validate(volume.facts, schemas.FactTable, "facts")
        tables.append(volume.rejected)
        paths = rows.set_index("slice")
        for image, mask, facts in zip(volume.images, volume.masks, volume.facts.to_dict("records"), strict=True):
            known = json.dumps({name: value for name, value in facts.items() if name != "index"}).encode()
            digests[f"{patient} {facts['slice']}"] = hashlib.sha256(
                image.tobytes() + mask.tobytes() + known
            ).hexdigest()
            row = paths.loc[facts["slice"]]
            used += [row["image_path"], row["mask_path"]]
    every = schemas.validate(pd.concat(tables, ignore_index=True), schemas.RejectedTable, "rejected table")
    return Intake(
        data=sorted(files.loc[files["role"].isin(["image", "mask"]), "path"]),
        used=sorted(used),
        rejected={row.path: [row.reason, row.found, row.stage] for row in every.itertuples()},
        slices=digests,
        clinical=None if clinical is None else clinical.to_json(),
    )


if __name__ == "__main__":
    if os.geteuid() == 0:
        take_in(Path(sys.argv[1]))  # so that all modules are loaded: they may lie where others may not look
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    sys.stdout.write(json.dumps(asdict(take_in(Path(sys.argv[1])))))
