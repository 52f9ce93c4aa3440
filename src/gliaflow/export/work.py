"""Exporting a release, from its model files to the record of which exports gave the same masks, and how fast.

As a child process: `python -m gliaflow.export.work SPEC.json`, with events on standard output. TensorFlow and the
converters print a lot, and what was measured beside them would be measured wrongly in a process that does other work.
"""

import json
import os
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from gliaflow.events import Report, emit
from gliaflow.export.parity import Seen, compare, see
from gliaflow.export.record import FOLDER, NAME, Candidate, Format, Precision, Record, Slices, entry_of
from gliaflow.export.slices import make_slices, read_slices
from gliaflow.export.speed import measure
from gliaflow.export.writing import write_formats
from gliaflow.inference.bundle import NAME as BUNDLE
from gliaflow.inference.bundle import Bundle, read_bundle
from gliaflow.inference.engines import Network, UnsuitedMachine, open_network
from gliaflow.inference.predictor import BATCH
from gliaflow.inference.release import Release, load_release
from gliaflow.model.neighbours import reach_of, stack_neighbours
from gliaflow.store.digests import digest_file, library_versions
from gliaflow.store.files import write_whole

MEASURED = 2 * BATCH  # slices of a round of measuring
PRECISIONS: dict[Format, tuple[Precision, ...]] = {
    "openvino": ("float32", "bfloat16"),
    "onnx": ("float32",),
    "litert": ("float32",),
    "savedmodel": ("float32",),
}
"""Number formats in which one and the same export is tried."""
LIBRARIES = ["keras", "numpy"]
OPTIONAL = ["tensorflow-cpu/tensorflow", "openvino", "onnxruntime", "onnx", "tf2onnx", "ai-edge-litert"]


def export_release(
    release: Path, formats: Sequence[Format], given: Sequence[str], most: int, draft: Path, report: Report
) -> Record | None:
    """Export the release in a folder, replacing what was exported before; None where no format could be written.

    given : folders or files of slices to compare on; made-up slices where there are none
    most : slices to compare on, about
    draft : an empty folder on the same disk, where the exports grow; whoever made it removes what is left

    Events: slices {kind, studies, slices}; written {format, size} or refused {format, message}; reference {precision};
    compared {format, precision, parity, done, total} or unsuited {format, precision, message}.
    """
    bundle = read_bundle(release)
    files = write_formats(release, bundle, formats, draft, report)
    if not files:
        return None
    kind, studies = ("given", read_slices(given, bundle.size, most)) if given else make_slices(bundle.size, most)
    report({"event": "slices", "kind": kind, "studies": len(studies), "slices": sum(map(len, studies))})
    keras = load_release(release)
    reference = [see(keras, images) for images in studies]
    slices = Slices(
        kind=kind,
        studies=len(studies),
        slices=sum(map(len, studies)),
        tumor_pixels=sum(int(np.count_nonzero(seen.masks)) for seen in reference),
    )
    first = keras.members[0].network
    precision = "bfloat16" if "bfloat16" in first.name else "float32"
    report({"event": "reference", "precision": precision, "tumor_pixels": slices.tumor_pixels})
    opened = _open_all(bundle, draft, list(files), first, report)
    compared = _compare_all(bundle, opened, studies, reference, report)
    speeds = measure(
        {"keras": first, **{f"{f} {p}": nets[0] for (f, p), nets in opened.items()}},
        _pictures(studies, first.channels),
    )
    record = Record(
        release=digest_file(release / BUNDLE),
        size=bundle.size,
        channels=first.channels,
        slices=slices,
        keras=speeds["keras"],
        keras_precision=precision,
        files=files,
        candidates=tuple(
            Candidate(format=f, precision=p, parity=parity, speed=speeds[f"{f} {p}"])
            for (f, p), parity in compared.items()
        ),
        versions=_versions(),
        machine=_machine(),
        made=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    write_whole(draft / NAME, f"{record.model_dump_json(indent=1)}\n".encode())
    _publish(draft, release / FOLDER)
    return record


def _open_all(
    bundle: Bundle, root: Path, formats: Sequence[Format], first: Network, report: Report
) -> dict[tuple[Format, Precision], list[Network]]:
    """Every export in every number format that runs here, one network a member."""
    opened: dict[tuple[Format, Precision], list[Network]] = {}
    for format in formats:
        for precision in PRECISIONS[format]:
            try:
                opened[format, precision] = [
                    open_network(format, entry_of(root, format, member.file), precision, bundle.size, first.channels)
                    for member in bundle.members
                ]
            except UnsuitedMachine as error:
                report({"event": "unsuited", "format": format, "precision": precision, "message": str(error)})
    return opened


def _compare_all(
    bundle: Bundle,
    opened: dict[tuple[Format, Precision], list[Network]],
    studies: Sequence[np.ndarray],
    reference: Sequence[Seen],
    report: Report,
) -> dict[tuple[Format, Precision], Any]:
    compared = {}
    for number, ((format, precision), networks) in enumerate(opened.items(), start=1):
        release = Release(bundle, networks)
        parity = compare(reference, (see(release, images) for images in studies))
        compared[format, precision] = parity
        report({"event": "compared", "format": format, "precision": precision, "done": number, "total": len(opened)})
    return compared


def _pictures(studies: Sequence[np.ndarray], channels: int) -> np.ndarray:
    """Slices as a network takes them, uint8 [N, H, W, channels], repeated where there are few."""
    reach = reach_of(channels)
    pictures = [stack_neighbours(images, row, reach) for images in studies for row in range(len(images))]
    return np.stack([pictures[number % len(pictures)] for number in range(MEASURED)])


def _publish(draft: Path, target: Path) -> None:
    """Put the new exports in the place of the old, which are gone for the moment between: Keras is used then."""
    os.chmod(draft, 0o755)  # a temporary folder is its owner's alone
    old = target.with_name(f"{draft.name}.old")
    if target.exists():
        os.replace(target, old)
    os.replace(draft, target)
    shutil.rmtree(old, ignore_errors=True)


def _versions() -> dict[str, str]:
    import importlib.metadata

    versions = library_versions(LIBRARIES)
    for name in OPTIONAL:
        try:
            versions |= library_versions([name])
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _machine() -> dict[str, str]:
    from gliaflow.export.formats import describe_machine

    return describe_machine()


def main(arguments: list[str]) -> None:
    """As a JSON file says: release (a folder), formats, slices (what to read, or nothing), most."""
    os.environ["KERAS_BACKEND"] = "tensorflow"  # which Keras' exporters need; read when Keras is imported, below
    spec = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    export_release(Path(spec["release"]), spec["formats"], spec["slices"], spec["most"], Path(spec["draft"]), emit)


if __name__ == "__main__":
    main(sys.argv[1:])
