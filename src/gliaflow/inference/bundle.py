"""What a user takes away: a folder with the model files, and in `model.json` all that it takes to use them rightly."""

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gliaflow.errors import GliaflowError
from gliaflow.evaluation.detection import Detection
from gliaflow.inference.familiarity import Familiarity
from gliaflow.inference.properties import CHANNELS
from gliaflow.store.digests import digest_file

NAME = "model.json"
FORMAT = 1
_PLAIN = re.compile(r"[\w-]+\.keras")  # a name that leads nowhere else


class UnusableRelease(GliaflowError):
    """A release folder that is incomplete, altered, or of a kind that this version doesn't know."""


@dataclass(frozen=True)
class Member:
    """A model file beside `model.json`, and what its bytes must be."""

    file: str
    sha256: str


@dataclass(frozen=True)
class Bundle:
    """The content of `model.json`.

    members    : one model, or the k models of a cross-validation, whose probabilities are averaged
    size       : height and width in pixels of the slices that they take
    threshold  : 1..255; a pixel is tumour where round(255 * probability) >= `threshold`
    min_pixels : predicted components of fewer pixels are dropped
    mirror     : whether probabilities are averaged over a slice and its mirror image
    detection  : which slices hold tumour
    familiarity: which volumes are like the training patients'
    recipe     : how the members were trained
    """

    members: tuple[Member, ...]
    size: int
    threshold: int
    min_pixels: int
    mirror: bool
    detection: Detection
    familiarity: Familiarity
    recipe: Mapping[str, Any]


def copy_members(folder: Path, models: Sequence[Path]) -> tuple[Member, ...]:
    """Copy `.keras` files into `folder`: one as `model.keras`, several as `fold-0.keras`, `fold-1.keras`, …"""
    names = ["model.keras"] if len(models) == 1 else [f"fold-{number}.keras" for number in range(len(models))]
    for name, model in zip(names, models, strict=True):
        shutil.copyfile(model, folder / name)
    return tuple(Member(name, digest_file(folder / name)) for name in names)


def write_bundle(folder: Path, bundle: Bundle) -> None:
    """Write `model.json`; equal bundles give equal bytes."""
    content = {"format": FORMAT, "channels": CHANNELS, **asdict(bundle)}
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / NAME).write_text(text + "\n", encoding="utf-8")


def read_bundle(folder: Path) -> Bundle:
    """Read `model.json` of a release; raises `UnusableRelease`. The model files are compared when they are loaded."""
    try:
        content = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UnusableRelease(
            f"A release is a folder with {NAME} and the model files that it names; there is no {NAME} in {folder}."
        ) from None
    except ValueError as error:  # no UTF-8, or no JSON
        raise UnusableRelease(f"{folder / NAME} can't be read: {error}. Take the release anew.") from None
    known = isinstance(content, dict) and content.get("format") == FORMAT
    if not known or content.get("channels") != list(CHANNELS):
        raise UnusableRelease(
            f"{folder / NAME} is of a kind that this version of Gliaflow doesn't know (it knows format {FORMAT}). Use "
            "the version that wrote it, or release the model again."
        )
    try:
        members = tuple(Member(**member) for member in content["members"])
        if not members or not all(_PLAIN.fullmatch(member.file) for member in members):
            raise ValueError("members")
        return Bundle(
            members=members,
            size=int(content["size"]),
            threshold=int(content["threshold"]),
            min_pixels=int(content["min_pixels"]),
            mirror=bool(content["mirror"]),
            detection=Detection(**content["detection"]),
            familiarity=Familiarity.of(content["familiarity"]),
            recipe=content["recipe"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UnusableRelease(
            f"{folder / NAME} was altered: {error} is not as written. Take the release anew."
        ) from None
