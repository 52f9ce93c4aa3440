"""Where data comes from: a folder, an archive as it was downloaded, a Kaggle data set, or a bucket."""

import os
import re
from pathlib import Path

from gliaflow.ingest.archives import Limits, unpack_once
from gliaflow.ingest.mirror import mirror_bucket
from gliaflow.ingest.reasons import UnusableSource as UnusableSource

_KAGGLE = re.compile(r"\w[\w.-]*/\w[\w.-]*(/versions/[0-9]+)?")


class EmptySource(UnusableSource):
    """A folder in which there is nothing."""


def open_source(data: str, unpacked: Path, limits: Limits | None = None) -> Path:
    """The folder that `data` names: a folder, a .zip or .tar archive, `kaggle:OWNER/NAME`, or s3://bucket/prefix.

    An archive (plain, gz, bz2, xz) is told by its content and unpacked once, as `unpacked/<sha256 of the archive>`; a
    copy of a bucket is kept there. Raises UnusableSource.
    """
    if data.startswith("kaggle:"):
        return _not_empty(_download(data.removeprefix("kaggle:")))
    if data.startswith("s3://"):
        return _not_empty(mirror_bucket(data, unpacked, limits or Limits()))
    if re.match(r"[a-z0-9+]+://", data):
        raise UnusableSource(
            f"Data is a folder, an archive, kaggle:OWNER/NAME or s3://bucket/prefix, not another address: {data}. "
            "Download it and name the file."
        )
    path = Path(data).expanduser()
    try:
        if path.is_dir():
            return _not_empty(path)
        if path.is_file():
            return _not_empty(unpack_once(path, unpacked, limits or Limits()))
    except PermissionError as error:
        raise UnusableSource(f"{data} may not be read ({error}). Grant read permission and run again.") from error
    if path.is_symlink():
        raise UnusableSource(f"{data} is a link that leads nowhere. Restore what it names, or name another folder.")
    if path.exists():
        raise UnusableSource(f"{data} is neither folder nor file. Name a folder with slices, or an archive of one.")
    raise UnusableSource(f"There is no {data}. Name a folder with slices, an archive of one, or kaggle:OWNER/NAME.")


def source_name(data: str) -> str:
    """What to call `data` on a page: the name of the folder or archive without where it lies, or the Kaggle handle."""
    return data if data.startswith("kaggle:") else Path(data).expanduser().absolute().name


def _not_empty(folder: Path) -> Path:
    with os.scandir(folder) as entries:
        if not any(entries):
            raise EmptySource(f"The folder {folder} is empty. Name the folder that holds images and masks.")
    return folder


def _download(handle: str) -> Path:
    """Fetch a data set through kagglehub, which keeps it in its own cache."""
    if not _KAGGLE.fullmatch(handle):
        raise UnusableSource(f"A Kaggle data set is named kaggle:OWNER/NAME, not kaggle:{handle}.")
    try:
        import kagglehub
    except ImportError as error:
        raise UnusableSource(
            "Kaggle data sets come through kagglehub, which is not installed: pip install 'gliaflow[kaggle]'. "
            f"Or download {handle} by hand and name the archive."
        ) from error
    try:
        folder = Path(kagglehub.dataset_download(handle))
    except Exception as error:  # kagglehub raises its own, requests' and the operating system's errors
        raise UnusableSource(
            f"Kaggle did not deliver {handle}: {type(error).__name__}: {error}. Check the name, the network and your "
            "Kaggle credentials; or download it by hand and name the archive."
        ) from error
    if not folder.is_dir():
        raise UnusableSource(f"Kaggle delivered {handle} as {folder}, which is no folder. Name the archive it holds.")
    return folder
