"""The command `gliaflow`: what works from the wheel alone, without Prefect."""

import argparse
import sys
from collections.abc import Sequence

from gliaflow.commands import doctor, export, phantom, predict, score, serve
from gliaflow.version import __version__

COMMANDS = (doctor, export, phantom, predict, score, serve)
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
    for command in COMMANDS:
        command.add(commands)
    return parser
