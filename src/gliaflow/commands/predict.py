"""`gliaflow predict`: masks and answers for images of any kind."""

import argparse
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from gliaflow.arguments import Commands
from gliaflow.errors import GliaflowError

if TYPE_CHECKING:
    from gliaflow.inference.answers import Answer

QUIETLY = frozenset({"unknown_format", "is_a_mask", "other_sequence", "not_an_image"})  # may well lie in a folder
ENGINES = ("fastest", "keras", "openvino", "onnx", "litert", "savedmodel")
NAME_WIDTH = 44
FOOTER = "Research use only. Not a medical device."


def add(commands: Commands) -> None:
    """Tell argparse of the command and its options."""
    about = "draw masks of tumour, and tell which slices have any"
    command = commands.add_parser(
        "predict",
        help=about,
        description=about[0].upper() + about[1:] + ". Slices (TIFF, PNG, JPEG, BMP), NIfTI volumes, DICOM series, "
        "folders and archives are told apart by their content. Masks have the geometry and the format of the images.",
        epilog="Exit status: 0 if all was predicted; 1 if something was left out; 2 if nothing was predicted. "
        + FOOTER,
    )
    command.add_argument(
        "model", metavar="MODEL", help="a release, or artifacts: of these the current model, or the newest release"
    )
    command.add_argument("inputs", metavar="INPUT", nargs="+", help="image, volume, series, folder or archive")
    command.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for masks, overlays and tables, outside the inputs and without earlier ones",
    )
    command.add_argument(
        "--engine",
        choices=ENGINES,
        default="fastest",
        help="what runs the network; fastest: of what `gliaflow export` left and found equal (default: %(default)s)",
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Predict; 0, 1 or 2, as the help tells."""
    from tempfile import TemporaryDirectory

    from gliaflow.ingest.doctor.text import printable

    try:
        with TemporaryDirectory(prefix="gliaflow-") as unpacked:
            return _predict(options, Path(unpacked))
    except (GliaflowError, OSError) as error:
        sys.stderr.write(f"gliaflow predict: {printable(str(error))}\n")
        return 2


def _predict(options: argparse.Namespace, unpacked: Path) -> int:
    from tqdm import tqdm

    from gliaflow.inference.loading import Model
    from gliaflow.inference.outputs import MASKS, OVERLAYS, SLICES, STUDIES, Outputs, claim_folder
    from gliaflow.inference.predicting import predict_files
    from gliaflow.ingest.doctor.text import printable
    from gliaflow.ingest.reasons import UnusableSource
    from gliaflow.ingest.studies.files import check_outside, list_files
    from gliaflow.ingest.studies.study import Refusal
    from gliaflow.report.tables import plural

    check_outside(options.out, options.inputs)
    claim_folder(options.out)
    files = list_files(options.inputs, unpacked)
    model = Model(options.model, options.engine)
    _tell(f"{model.name}, run by {model.engine}")
    for remark in model.release.remarks:
        _tell(printable(remark))
    if options.engine == "fastest" and model.engine.startswith("Keras"):
        _tell(f"Faster once exported, and without TensorFlow: gliaflow export {printable(options.model)}")
    outputs = Outputs(options.out, model.name, model.engine)
    named = {file.name for file in files if file.named}
    counts: Counter[str] = Counter()
    clock = time.perf_counter()
    with tqdm(total=len(files), unit="file", leave=False, disable=None) as bar:  # no bar in a log file
        for found in predict_files(model.release, files, outputs):
            if isinstance(found, Refusal):
                bar.update()
                passed_over = found.reason in QUIETLY and found.name not in named
                counts["passed over" if passed_over else "refused"] += 1
                if not passed_over:
                    _tell(f"{printable(found.name)}  left out: {printable(found.message)}")
            else:
                bar.update(len(found.study.files))
                counts[found.call] += 1
                counts["slices"] += len(found.masks)
                _tell(line_of(found))
    seconds = time.perf_counter() - clock
    studies = len(outputs.studies)
    if not studies:
        raise UnusableSource(
            f"Nothing was predicted: there is no image that can be used in {plural(len(files), 'file')}, with "
            f"{counts['passed over']} masks or other kinds of files. Name slices, volumes or a folder."
        )
    outputs.close()
    said = [f"{counts['tumor']} with tumour", f"{counts['empty']} without", f"{counts['unsure']} unsure"]
    said += [f"{plural(counts['refused'], 'file')} left out"] * bool(counts["refused"])
    said += [f"{plural(counts['passed over'], 'other file')} passed over"] * bool(counts["passed over"])
    speed = f"{plural(counts['slices'], 'slice')} in {seconds:.1f} s, {counts['slices'] / seconds:.1f} a second"
    _tell(f"\n{plural(studies, 'study', 'studies')}: {', '.join(said)}. {speed}.")
    _tell("\n".join(printable(str(options.out / name)) for name in (STUDIES, SLICES, MASKS, OVERLAYS)))
    _tell(FOOTER)
    return 1 if counts["refused"] else 0


def line_of(answer: "Answer") -> str:
    """A study in a line: its name, how many slices, what is said of it, and a word where it is unlike training."""
    from gliaflow.ingest.doctor.text import printable
    from gliaflow.report.tables import plural

    name = printable(answer.study.name)
    if len(name) > NAME_WIDTH:
        name = f"{name[: NAME_WIDTH - 1]}…"
    pixels, slices = answer.tumor_pixels, len(answer.masks)
    marked, volume = int((pixels > 0).sum()), answer.volume_ml
    said = {"tumor": "tumour", "unsure": "unsure", "empty": "NO TUMOR"}[answer.call]
    said += f" ({answer.tumor_probability.max():.2f})"
    if marked:
        where = f" on {marked} of {plural(slices, 'slice')}" if slices > 1 else ""
        said += f": {plural(int(pixels.sum()), 'pixel')}{where}"
        said += f", {volume:.1f} mL" if volume is not None else ""
        said += " are marked all the same" if answer.call == "empty" else ""
    said += "  ! unlike the training data" if answer.warnings else ""
    return f"{name:<{NAME_WIDTH}}  {plural(slices, 'slice'):>10}  {said}"


def _tell(line: str) -> None:
    """Write a line above the progress bar."""
    from tqdm import tqdm

    encoding = sys.stdout.encoding or "utf-8"
    tqdm.write(line.encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()
