"""`gliaflow export`: a release in formats that run without Keras, each with the proof that it gives the same masks."""

import argparse
import sys
from pathlib import Path

from gliaflow.arguments import Commands, whole

FORMATS = ("openvino", "onnx", "litert", "savedmodel")


def add(commands: Commands) -> None:
    """Tell argparse of the command and its options."""
    about = "write a model in formats that run faster or elsewhere, and prove that they give the same masks"
    command = commands.add_parser(
        "export",
        help=about,
        description=about[0].upper() + about[1:] + ". The exports lie in MODEL/exports, in place of earlier ones; each "
        "takes raw slices, uint8. What passed is used by the commands that predict, the fastest first.",
        epilog="Exit status: 0 if every format gave the same masks; 1 if one did not, or could not be written; 2 if "
        "nothing could be exported.",
    )
    command.add_argument(
        "model", metavar="MODEL", help="a release, or artifacts: of these the current model, or the newest release"
    )
    command.add_argument(
        "--to",
        type=formats,
        default=["openvino", "onnx"],
        metavar="FORMATS",
        help=f"of {', '.join(FORMATS)}, with commas between (default: openvino,onnx)",
    )
    command.add_argument(
        "--slices",
        action="append",
        default=[],
        metavar="FOLDER",
        help="real slices to compare on: whatever can be predicted, masks beside them are passed over (default: "
        "made-up ones)",
    )
    command.add_argument(
        "--most",
        type=whole(1),
        default=256,
        metavar="N",
        help="slices to compare on, in whole patients (default: %(default)s)",
    )
    command.add_argument(
        "--out", type=Path, metavar="DIR", help="copy the release to this new folder and export there, not in MODEL"
    )
    command.set_defaults(run=run)


def formats(text: str) -> list[str]:
    """A type of option: names of formats with commas between."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in FORMATS]
    if unknown or not names:
        raise argparse.ArgumentTypeError(f"formats are {', '.join(FORMATS)}; received {text!r}")
    return names


def run(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from gliaflow.errors import GliaflowError
    from gliaflow.export.command import export_copy, export_in_child
    from gliaflow.export.listing import to_text
    from gliaflow.inference.finding import find_release
    from gliaflow.ingest.doctor.text import printable

    try:
        folder = find_release(options.model).folder
        with tqdm(total=1, unit="step", leave=False, disable=None, bar_format="{desc}") as bar:  # none in a log file

            def tell(doing: str) -> None:
                bar.set_description_str(doing)

            how = options.to, options.slices, options.most, tell
            exported = export_copy(folder, options.out, *how) if options.out else export_in_child(folder, *how)
    except (GliaflowError, OSError) as error:
        sys.stderr.write(f"gliaflow export: {printable(str(error))}\n")
        return 2
    for message in exported.refused.values():
        sys.stderr.write(f"gliaflow export: {printable(message)}\n")
    if exported.record is None:
        return 2
    text = to_text(exported.record, options.out or folder)
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
    return exported.exit_status
