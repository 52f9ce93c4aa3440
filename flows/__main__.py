"""`python -m flows train|why|gc …`: start a run, look back at one, clear what past ones left."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from flows.options import add_options, read_options
from flows.upkeep import add_commands
from gliaflow.errors import GliaflowError
from gliaflow.store.failures import in_words, require_room

ROOM = 16_000_000  # bytes that Prefect's database needs to begin with
PREFECT = {  # set unless the caller has
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "gliaflow",  # our lines reach the dashboard
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # the terminal shows our lines alone
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",  # a first start makes a database; the default is 20
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command in `arguments` (the process's own by default); returns its exit status."""
    options = make_parser().parse_args(arguments)
    return int(options.run(options))


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands; each sets `run`, a function of the options that gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m flows", description="Gliaflow's runs.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    train = commands.add_parser(
        "train",
        help="from a folder of slices and masks to a trained, scored model and its report",
        description="Scan, pair, prepare, label, split, train, evaluate, predict and report, in one resumable run.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add_options(train)
    train.set_defaults(run=lambda options: run_train(_parameters(train, options)))
    add_commands(commands)
    return parser


def _parameters(parser: argparse.ArgumentParser, options: argparse.Namespace) -> dict[str, Any]:
    try:
        return read_options(options)
    except ValidationError as error:
        parser.error("; ".join(f"--{wrong['loc'][0]}: {wrong['msg']}".replace("_", "-") for wrong in error.errors()))


def run_train(parameters: dict[str, Any]) -> int:
    """Run the flow `train` and name its report; expected failures are told in a sentence, without a traceback."""
    for name, value in PREFECT.items():
        os.environ.setdefault(name, value)
    log_to_terminal()
    home = Path(os.environ.get("PREFECT_HOME") or Path.home() / ".prefect")
    try:
        with in_words(home, "Prefect's own state", "PREFECT_HOME"):  # on a full disk its server fails in many ways
            require_room(home, ROOM)
            from flows.train import train  # imports Prefect, which reads its settings now

            report = train(**parameters)
    except GliaflowError as error:
        sys.stderr.write(f"\nThe run stopped: {error}\n")
        return 1
    sys.stdout.write(f"Report: {report}\n")
    return 0


def log_to_terminal() -> None:
    """Show our own log lines, one a stage, plainly on standard error."""
    logger = logging.getLogger("gliaflow")
    logger.setLevel(logging.INFO)
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s  %(message)s", datefmt="%H:%M:%S"))
    logger.addHandler(handler)


if __name__ == "__main__":
    sys.exit(main())
