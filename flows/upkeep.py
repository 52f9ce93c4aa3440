"""`python -m flows why` and `gc`: look back at past runs, and clear what they left."""

import argparse
import sys
from collections.abc import Callable, Iterable
from typing import Any

from tqdm import tqdm

from flows.options import ARTIFACTS
from gliaflow.errors import GliaflowError
from gliaflow.store.explain import explain_run
from gliaflow.store.failures import in_words
from gliaflow.store.gc import Plan, plan_removal, remove
from gliaflow.store.shared import open_store
from tasks.console import Progress

MOST_LISTED = 12  # folders that `gc` names; the rest are counted


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands `why` and `gc`; each sets `run`, a function of the options that gives the exit status."""
    why = add_command(commands, "why", "why a stage ran or was reused: what differs, old beside new", _why)
    why.add_argument("name", metavar="RUN", nargs="?", default="last", help="The run's name, or last.")
    why.add_argument("stage", metavar="STAGE", nargs="?", help="One stage, with everything that differs.")
    clear = add_command(commands, "gc", "remove what no kept run refers to; shows first what that would free", _gc)
    clear.add_argument(
        "--keep", type=int, default=5, metavar="N", help="Completed runs of each flow to keep, the last ones."
    )
    clear.add_argument("--yes", action="store_true", help="Remove without asking.")


def add_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, about: str, run: Any
) -> argparse.ArgumentParser:
    """Add a command about past runs; `run` takes the options and gives the exit status."""
    parser = commands.add_parser(
        name,
        help=about,
        description=about[0].upper() + about[1:] + ".",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--artifacts", default="artifacts", help=ARTIFACTS)
    parser.set_defaults(run=run)
    return parser


def say(make: Callable[[], Iterable[str]]) -> int:
    """Print the lines that `make` gives; what is expected to fail is a sentence on standard error. The exit status."""
    try:
        lines = list(make())
    except GliaflowError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _why(options: argparse.Namespace) -> int:
    return say(lambda: explain_run(open_store(options.artifacts), options.name, options.stage))


def _gc(options: argparse.Namespace) -> int:
    if options.keep < 1:
        sys.stderr.write(f"--keep takes a number from 1 on, not {options.keep}.\n")
        return 2
    try:
        store = open_store(options.artifacts)
        with in_words(store.root):
            plan = plan_removal(store, options.keep)
        sys.stdout.write("\n".join(_tell(plan)) + "\n")
        if not plan.folders and not plan.runs:
            return 0
        if not options.yes and not agreed("remove"):
            sys.stdout.write("Nothing was removed.\n")
            return 0
        with in_words(store.root), tqdm(total=len(plan.folders), unit=" folders", disable=None, leave=False) as bar:
            freed = remove(store, plan, Progress(bar))
    except GliaflowError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"Freed {_size(freed)}.\n")
    return 0


def _tell(plan: Plan) -> list[str]:
    lines = [f"Running: {', '.join(plan.running)}; what they use stays."] if plan.running else []
    if plan.unread:
        lines.append(f"Can't be read: runs/{', runs/'.join(plan.unread)}; what no other run names stays.")
    lines.append(f"Kept: {_count(plan.kept, 'run')}, the last is {plan.kept[-1]}." if plan.kept else "Kept: no run.")
    if not plan.folders and not plan.runs:
        return [*lines, "Nothing to remove."]
    listed = sorted(plan.folders.items(), key=lambda folder: -folder[1])
    lines.append(
        f"To be removed: {_count(plan.runs, 'run record')} and {_count(listed, 'folder')}, {_size(plan.size)}:"
    )
    lines += [f"  {_size(size):>9}  {path}" for path, size in listed[:MOST_LISTED]]
    rest = listed[MOST_LISTED:]
    return [*lines, f"  {_size(sum(size for _, size in rest)):>9}  in {len(rest)} more"] if rest else lines


def agreed(what: str) -> bool:
    """Whether a person at a terminal says yes to `what` ("remove"); nobody there means no."""
    if not sys.stdin.isatty():
        sys.stdout.write(f"Say --yes to {what} this.\n")
        return False
    return input(f"{what.capitalize()} this? [y/N] ").strip().lower() in ("y", "yes")


def _count(things: Any, noun: str) -> str:
    return f"{len(things)} {noun}" if len(things) == 1 else f"{len(things)} {noun}s"


def _size(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"
