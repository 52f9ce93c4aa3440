"""The command `gliaflow`: what works from the wheel alone, without Prefect."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from gliaflow import __version__
from gliaflow.arguments import whole
from gliaflow.errors import GliaflowError

STOPPED = 130  # what shells give for a process that Ctrl-C ended


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one sub-command; gives the exit status: 130 after Ctrl-C, else as the sub-command's help tells."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        sys.stderr.write(f"\ngliaflow {options.command}: stopped\n")
        return STOPPED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gliaflow", description="Brain-MRI slices and tumour masks, from folder to model."
    )
    parser.add_argument("--version", action="version", version=f"gliaflow {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    _add_doctor(commands)
    _add_phantom(commands)
    _add_score(commands)
    return parser


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"a share must be a number between 0 and 1, not {text!r}")
    return share


def _add_doctor(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    about = "tell everything wrong with a data set, and what Gliaflow would do about it"
    command = commands.add_parser(
        "doctor",
        help=about,
        description=about[0].upper() + about[1:] + ". The data set is only read; what is found is printed, and written "
        "to doctor.json and doctor.html.",
        epilog="Exit status: 0 if there is nothing but notes; 1 if files would be left out or something is worth a "
        "look; 2 if a run would stop, or the data set can't be opened.",
    )
    command.add_argument("data", metavar="DIR", help="folder with slices, archive of one, or kaggle:OWNER/NAME")
    command.add_argument(
        "--out",
        type=Path,
        default=Path("doctor"),
        metavar="DIR",
        help="folder for doctor.json and doctor.html, outside the data (default: %(default)s)",
    )
    command.add_argument(
        "--reject-limit",
        type=_share,
        default=0.1,
        metavar="SHARE",
        help="share of the files that may be rejected before a run stops (default: %(default)s)",
    )
    command.set_defaults(run=_doctor)


def _doctor(options: argparse.Namespace) -> int:
    start = time.perf_counter()
    from tqdm import tqdm

    from gliaflow.ingest.doctor.command import PAGE, RECORD, diagnose
    from gliaflow.ingest.doctor.parallel import available_cores
    from gliaflow.ingest.doctor.text import printable, summary_line, to_text

    bars: dict[str, tqdm] = {}

    def advance(what: str, done: int, total: int) -> None:
        if what not in bars:
            bars[what] = tqdm(total=total, unit=f" {what}", leave=False, disable=None)  # no bar in a log file
        bars[what].update(done - bars[what].n)

    try:
        examination = diagnose(
            options.data,
            options.out,
            reject_limit=options.reject_limit,
            workers=available_cores(),
            progress=advance,
        )
    except (GliaflowError, OSError) as error:
        sys.stderr.write(f"gliaflow doctor: {printable(str(error))}\n")
        return 2
    finally:
        for bar in bars.values():
            bar.close()
    summary = summary_line(examination, time.perf_counter() - start)
    written = "\n".join(printable(str(options.out / name)) for name in (PAGE, RECORD))
    text = f"{to_text(examination)}\n{summary}\n{written}\n"
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
    return examination.exit_status


def _add_phantom(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    about = "make up a data set in the layout of kaggle_3m: real anatomy (MNI152), made-up gliomas"
    command = commands.add_parser("phantom", help=about, description=about[0].upper() + about[1:] + ".")
    command.add_argument("folder", metavar="DIR", type=Path, help="the data set's folder; new, or empty")
    command.add_argument(
        "--patients", type=int, default=12, metavar="N", help="how many patients (default: %(default)s)"
    )
    command.add_argument(
        "--seed", type=int, default=0, metavar="N", help="another seed, other patients (default: %(default)s)"
    )
    command.add_argument("--mess", action="store_true", help="add unreadable, doubled, mismatched and other bad files")
    command.set_defaults(run=_phantom)


def _phantom(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from gliaflow.ingest.doctor.text import printable
    from gliaflow.ingest.mess import add_mess
    from gliaflow.ingest.phantom import make_phantom

    try:
        with tqdm(total=options.patients, unit="patient", disable=None) as bar:  # no bar in a log file

            def advance(done: int, _: int) -> None:
                bar.update(done - bar.n)

            make_phantom(options.folder, options.patients, options.seed, progress=advance)
        mess = add_mess(options.folder, options.seed) if options.mess else {}
    except (GliaflowError, OSError) as error:
        sys.stderr.write(f"gliaflow phantom: {printable(str(error))}\n")
        return 1
    sys.stdout.write(f"{options.patients} phantom patients in {options.folder}\n")
    for kind, path in mess.items():
        sys.stdout.write(f"  {kind.replace('_', ' ')}: {path.relative_to(options.folder)}\n")
    return 0


def _add_score(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    about = "score masks of any tool against the true ones: every figure with its n and its interval"
    command = commands.add_parser(
        "score",
        help=about,
        description=about[0].upper() + about[1:] + ". Masks are paired by the patient and slice number in their names; "
        "black is no tumour, any one other value is tumour.",
        epilog="Exit status: 0 if the masks were scored; 2 if they can't be, and then nothing is written.",
    )
    command.add_argument("predictions", metavar="PREDICTIONS", type=Path, help="folder with the masks to score")
    command.add_argument("truth", metavar="TRUTH", type=Path, help="folder with the true masks, or the data set itself")
    command.add_argument("--out", type=Path, metavar="FILE.json", help="write the figures there, too")
    command.add_argument(
        "--probabilities",
        type=Path,
        metavar="DIR",
        help="folder with the probability maps (grey, 8 bits) of the same slices, for AUROC and calibration",
    )
    command.add_argument(
        "--allow-missing",
        action="store_true",
        help="leave masks without a partner out; without this they are an error, and none ever counts as empty",
    )
    command.add_argument(
        "--resamples",
        type=whole(100),
        default=2000,
        metavar="N",
        help="bootstrap resamples behind every interval (default: %(default)s)",
    )
    seed = "of the bootstrap (default: %(default)s)"
    command.add_argument("--seed", type=whole(0), default=0, metavar="N", help=seed)
    command.set_defaults(run=_score)


def _score(options: argparse.Namespace) -> int:
    import json

    from tqdm import tqdm

    from gliaflow.evaluation.rescore import rescore
    from gliaflow.ingest.doctor.text import printable
    from gliaflow.report.listing import to_text
    from gliaflow.store.files import write_whole

    try:
        with tqdm(unit=" slices", leave=False, disable=None) as bar:  # no bar in a log file

            def advance(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            scored = rescore(
                options.predictions,
                options.truth,
                options.probabilities,
                allow_missing=options.allow_missing,
                resamples=options.resamples,
                seed=options.seed,
                progress=advance,
            )
        if options.out:
            content = json.dumps(scored.to_json(), indent=1, ensure_ascii=False, allow_nan=False)
            write_whole(options.out, f"{content}\n".encode())
    except (GliaflowError, OSError) as error:
        sys.stderr.write(f"gliaflow score: {printable(str(error))}\n")
        return 2
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(to_text(scored).encode(encoding, "backslashreplace").decode(encoding))
    return 0
