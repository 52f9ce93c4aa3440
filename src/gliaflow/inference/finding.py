"""Which release is meant: its folder, or artifacts whose registry says which is current."""

from dataclasses import dataclass
from pathlib import Path

from gliaflow.inference.bundle import NAME, UnusableRelease, read_bundle
from gliaflow.store.digests import digest_file
from gliaflow.store.registry import Registry
from gliaflow.store.shared import open_store


@dataclass(frozen=True)
class Found:
    """A release: what predictions call it, and its folder."""

    name: str
    folder: Path


def find_release(model: str) -> Found:
    """The release in the folder `model`; of artifacts (a folder or s3://…) the current version, or the newest release.

    The newest counts where no version is registered. Raises UnusableRelease.
    """
    folder = Path(model).expanduser()
    if (folder / NAME).exists():
        read_bundle(folder)
        return Found(name_release(folder), folder.resolve())
    if not model.startswith("s3://") and not (folder / "release").is_dir():
        raise UnusableRelease(
            f"A model is a release (a folder with {NAME}), or the artifacts in which there is one; {model} is neither. "
            "`make run` leaves one in artifacts/release/."
        )
    store = open_store(model)
    current = Registry(store).current()
    if current is not None:
        return Found(current.name, store.folder(current.release))
    newest = max(store.manifests("release"), key=lambda manifest: manifest.started, default=None)
    if newest is None:
        raise UnusableRelease(f"There is no release in {model}. Train one: python -m flows train --data DIR.")
    artifact = store.find("release", newest.provenance.key)
    if artifact is None:
        raise UnusableRelease(f"The newest release in {model} is damaged. Run its training again: that mends it.")
    folder = store.folder(artifact)
    return Found(name_release(folder), folder)


def name_release(folder: Path) -> str:
    """What to call a release that no registry names: by the digest of its `model.json`, which names the model files."""
    return f"release {digest_file(folder / NAME)[:12]}"
