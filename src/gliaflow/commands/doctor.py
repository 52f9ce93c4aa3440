"""`gliaflow doctor`: everything that is wrong with a data set."""

import argparse
import sys
import time
from pathlib import Path

from gliaflow.arguments import Commands, share
from gliaflow.errors import GliaflowError


def add(commands: Commands) -> None:
    """Tell argparse of the command and its options."""
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
        type=share,
        default=0.1,
        metavar="SHARE",
        help="share of the files that may be rejected before a run stops (default: %(default)s)",
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
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
