"""Models as `.keras` files: equal weights give equal bytes, and only safe mode and the right digest let one in."""

import hashlib
import json
import os
import zipfile
from pathlib import Path

import keras

from gliaflow.errors import GliaflowError
from gliaflow.model import layers  # noqa: F401  registers the layers that a saved model names

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip can hold


class UnusableModel(GliaflowError):
    """A model file that is missing, of another kind, damaged, or not the one that was meant."""


def save_model(model: keras.Model, path: Path) -> str:
    """Write `model` as `.keras`, without dates, and return the file's sha256; it appears whole or not at all."""
    assert path.suffix == ".keras", path
    draft = path.with_name(f".{path.name}.{os.getpid()}.keras")
    model.save(draft, include_optimizer=False)
    try:
        with zipfile.ZipFile(draft) as archive:
            members = {name: archive.read(name) for name in sorted(archive.namelist())}
        metadata = json.loads(members["metadata.json"])
        del metadata["date_saved"]
        members["metadata.json"] = json.dumps(metadata, sort_keys=True).encode()
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED) as archive:
            for name, content in members.items():
                archive.writestr(zipfile.ZipInfo(name, EPOCH), content)
        digest = digest_file(draft)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    return digest


def load_model(path: Path, digest: str | None = None) -> keras.Model:
    """The model in a `.keras` file, not compiled; if `digest` is given, only if the file's sha256 is that one.

    Raises `UnusableModel` for a file that is missing, damaged, not `.keras`, of another digest, or that would run code.
    """
    path = Path(path)
    if path.suffix != ".keras":
        raise UnusableModel(
            f"Models are loaded from .keras files alone, which run no code of their own; received {path}."
        )
    if not path.is_file():
        raise UnusableModel(f"There is no model file {path}; train one, or name another.")
    if digest is not None and (found := digest_file(path)) != digest:
        raise UnusableModel(
            f"The model {path} is not the one that was recorded: its sha256 is {found[:16]}…, expected {digest[:16]}…. "
            "Train again, or restore the file."
        )
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises whatever the damaged part makes of it
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UnusableModel(
            f"The model {path} cannot be loaded: {first[:300]} Either it is damaged, or it is no Gliaflow model."
        ) from error


def digest_file(path: Path) -> str:
    """sha256 of a file's bytes, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
