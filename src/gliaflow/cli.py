"""The command `gliaflow`: what works from the wheel alone, without Prefect."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gliaflow import __version__
from gliaflow.errors import GliaflowError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one sub-command; gives the exit status, 1 after a plain message on stderr when the input doesn't allow it."""
    options = _parser().parse_args(arguments)
    return int(options.run(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gliaflow", description="Brain-MRI slices and tumour masks, from folder to model."
    )
    parser.add_argument("--version", action="version", version=f"gliaflow {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_phantom(commands)
    return parser


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

    from gliaflow.ingest.mess import add_mess
    from gliaflow.ingest.phantom import make_phantom

    try:
        with tqdm(total=options.patients, unit="patient", disable=None) as bar:  # no bar in a log file

            def advance(done: int, _: int) -> None:
                bar.update(done - bar.n)

            make_phantom(options.folder, options.patients, options.seed, progress=advance)
        mess = add_mess(options.folder, options.seed) if options.mess else {}
    except (GliaflowError, OSError) as error:
        sys.stderr.write(f"gliaflow phantom: {error}\n")
        return 1
    sys.stdout.write(f"{options.patients} phantom patients in {options.folder}\n")
    for kind, path in mess.items():
        sys.stdout.write(f"  {kind.replace('_', ' ')}: {path.relative_to(options.folder)}\n")
    return 0
