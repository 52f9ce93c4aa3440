"""What is known of a release's exports: `exports/exports.json`, beside the exports themselves."""

from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from gliaflow.errors import GliaflowError
from gliaflow.inference.bundle import NAME as BUNDLE
from gliaflow.inference.engines import ENGINES
from gliaflow.store.digests import digest_file

FOLDER = "exports"  # in the folder of the release
NAME = "exports.json"
Format = Literal["openvino", "onnx", "litert", "savedmodel"]
Precision = Literal["float32", "bfloat16"]


class UnusableExport(GliaflowError):
    """An export that is not there, was changed, or did not give the masks of the released model."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Speed(_Frozen):
    """Of one network, without mirroring: slices a second in batches, and milliseconds of a slice by itself."""

    slices_per_second: float
    ms_a_slice: float


class Parity(_Frozen):
    """How far an export agrees with Keras on the same slices, by all members, mirrored where the release says so.

    greatest_difference : of the probabilities of a pixel
    equal_pixels        : share of the pixels whose mask is the same
    mask_dice           : of all masks together, 1 where both are empty
    equal_calls         : share of the slices with the same call ("tumor", "unsure" or "empty")
    """

    greatest_difference: float
    equal_pixels: float
    mask_dice: float
    equal_calls: float
    passed: bool


class File(_Frozen):
    """A file of an export: its path below the folder of the exports, and what its bytes must be."""

    path: str
    size: int
    sha256: str

    @field_validator("path")
    @classmethod
    def _stays_inside(cls, path: str) -> str:
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts or "\\" in path:
            raise ValueError("leads out of the folder")
        return path


class Candidate(_Frozen):
    """A way to run an export: the number format, and what came out."""

    format: Format
    precision: Precision
    parity: Parity
    speed: Speed


class Slices(_Frozen):
    """What the exports were compared on: real slices, or made-up ones, and how many pixels Keras calls tumour."""

    kind: Literal["given", "phantom", "drawn"]
    studies: int
    slices: int
    tumor_pixels: int


class Record(_Frozen):
    """The content of `exports.json`.

    release    : sha256 of the release's model.json, which names the model files and the operating point by which masks
                 were compared
    files      : of each format
    keras      : the speed of the released model by Keras, in the same run, and its precision
    candidates : all that were compared, passed or not
    machine    : what it was measured on
    """

    version: Literal[1] = 1
    release: str
    size: int
    channels: int
    slices: Slices
    keras: Speed
    keras_precision: Precision
    files: dict[Format, tuple[File, ...]]
    candidates: tuple[Candidate, ...]
    versions: dict[str, str]
    machine: dict[str, str]
    made: str

    def ranked(self, *, light: bool = True) -> list[Candidate]:
        """Those that passed, the fastest in batches first; with `light` only those that need no TensorFlow."""
        usable = [c for c in self.candidates if c.parity.passed and (ENGINES[c.format].light or not light)]
        return sorted(usable, key=lambda candidate: -candidate.speed.slices_per_second)


def read_record(release: Path) -> Record | None:
    """What is known of the exports of the release in a folder; None where there are none. Raises `UnusableExport`."""
    path = release / FOLDER / NAME
    try:
        record = Record.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (ValidationError, OSError) as error:
        first = str(error).splitlines()[0]
        raise UnusableExport(f"{path} can't be read ({first}): export again.") from None
    if record.release != digest_file(release / BUNDLE):
        raise UnusableExport(f"{path} is of another release than the {BUNDLE} beside it: export again.")
    return record


def check_files(release: Path, record: Record, format: Format) -> None:
    """Raise `UnusableExport` unless the export consists of the recorded files, byte for byte, and of no others."""
    root = release / FOLDER
    found = {path.relative_to(root).as_posix() for path in (root / format).rglob("*") if not path.is_dir()}
    recorded = {file.path for file in record.files[format]}
    for name in sorted(found ^ recorded):
        what = "is missing" if name in recorded else "does not belong to the export"
        raise UnusableExport(f"{FOLDER}/{name} {what}: export again.")
    for file in record.files[format]:
        if digest_file(root / file.path) != file.sha256:
            raise UnusableExport(f"{FOLDER}/{file.path} was changed since it was compared: export again.")


def entry_of(root: Path, format: Format, member: str) -> Path:
    """The file or folder below `root` that an engine opens, of the member in the file `member` (model.keras)."""
    return root / format / f"{Path(member).stem}{ENGINES[format].entry}"
