"""Made-up files to try, beside the page: `samples/samples.json` lists them, and no other file is given out."""

import json
from pathlib import Path

SAMPLES, INDEX = "samples", "samples.json"


def list_samples(page: Path) -> list[dict[str, str]]:
    """name and about of each sample; none where the page has none."""
    try:
        listed = json.loads((page / SAMPLES / INDEX).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    return [{key: sample[key] for key in ("name", "about")} for sample in listed]


def sample_path(page: Path, name: str) -> Path | None:
    """The file of a sample that is listed under `name`, or None."""
    return next((page / SAMPLES / sample["name"] for sample in list_samples(page) if sample["name"] == name), None)
