"""`gliaflow phantom`: a made-up data set."""

import argparse
import sys
from pathlib import Path

from gliaflow.arguments import Commands
from gliaflow.errors import GliaflowError


def add(commands: Commands) -> None:
    """Tell argparse of the command and its options."""
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
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
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
