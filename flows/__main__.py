"""`python -m flows train|crossval|tune|predict|watch|why|models|gc|recover …`: start a run, look back, clear up."""

import argparse
import importlib
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pydantic import ValidationError

from flows.comparison import add_comparison
from flows.home import prefect_set_up
from flows.options import (
    CROSSVAL,
    GROUPS,
    PREDICT,
    TUNE,
    WATCH,
    Groups,
    add_meter,
    add_model,
    add_options,
    add_register,
    read_options,
)
from flows.recovery import add_recovery
from flows.upkeep import add_commands
from flows.versions import add_registry
from gliaflow.errors import GliaflowError

RESULTS = {"predict": "Answers", "watch": "Found"}  # what the other flows give is the path of a report


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command in `arguments` (the process's own by default); returns its exit status."""
    options = make_parser().parse_args(arguments)
    return int(options.run(options))


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands; each sets `run`, a function of the options that gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m flows", description="Gliaflow's runs.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    train = _add_flow(
        commands,
        "train",
        GROUPS,
        help="from a folder of slices and masks to a trained, scored model and its report",
        description="Scan, pair, prepare, label, split, train, evaluate, predict and report, in one resumable run.",
    )
    crossval = _add_flow(
        commands,
        "crossval",
        CROSSVAL,
        help="every patient tested by a model that never saw it: figures over the whole data set",
        description="Scan, pair, prepare and label, then split, train and evaluate once a fold, and pool the folds, in "
        "one run that resumes at the fold where it stopped.",
    )
    for flow in (train, crossval):
        add_meter(flow)
    add_register(train)
    _add_flow(
        commands,
        "tune",
        TUNE,
        help="search for a better recipe, and hold it against the default on patients that the search never saw",
        description="Scan, pair, prepare, label and split, then try recipes by the validation patients, train the best "
        "and the default in full, and score both on the test patients. Started again, it goes on where it stopped.",
    )
    predict = _add_flow(
        commands,
        "predict",
        PREDICT,
        help="masks and answers of a model of the registry for a folder of images",
        description="Scan, then predict each patient that has not been predicted by this model: masks, overlays, and "
        "for every slice whether it holds tumour. Images need no masks.",
    )
    add_model(predict)
    watch = _add_flow(
        commands,
        "watch",
        WATCH,
        help="look at a folder that grows: predict who is new, tell drift, train a challenger when enough masks came",
        description="Look at the folder once; schedule it to watch. New patients are predicted by the "
        "current model and held against its own. With enough new masks a challenger is trained, which takes its "
        "place if it is better on the frozen test patients. Takes the options of train for that.",
    )
    watch.set_defaults(unlabelled="wait")
    add_comparison(commands)
    add_registry(commands)
    add_commands(commands)
    add_recovery(commands)
    return parser


def _add_flow(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, groups: Groups, **words: Any
) -> argparse.ArgumentParser:
    """Add the command that runs the flow `name` of the module `flows.<name>`, with the options of its settings."""
    parser = commands.add_parser(
        name,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,  # else a cross-validation takes --fold 3 for --folds 3
        **words,
    )
    add_options(parser, groups)
    parser.set_defaults(run=lambda options: run_flow(name, _parameters(parser, options, groups)))
    return parser


def _parameters(parser: argparse.ArgumentParser, options: argparse.Namespace, groups: Groups) -> dict[str, Any]:
    try:
        return read_options(options, groups)
    except ValidationError as error:
        parser.error("; ".join(f"--{wrong['loc'][0]}: {wrong['msg']}".replace("_", "-") for wrong in error.errors()))


def run_flow(name: str, parameters: dict[str, Any]) -> int:
    """Run the flow `name` and say where its report is; expected failures are a sentence, without a traceback."""
    try:
        with log_to_terminal(), prefect_set_up():
            flow = getattr(importlib.import_module(f"flows.{name}"), name)  # imports Prefect, which reads its settings
            report = flow(**parameters)
    except GliaflowError as error:
        sys.stderr.write(f"\nThe run stopped: {error}\n")
        return 1
    sys.stdout.write(f"{RESULTS.get(name, 'Report')}: {report}\n")
    return 0


@contextmanager
def log_to_terminal() -> Iterator[None]:
    """Within this context our own log lines, one a stage, are shown plainly on standard error."""
    logger = logging.getLogger("gliaflow")
    logger.setLevel(logging.INFO)
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s  %(message)s", datefmt="%H:%M:%S"))
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


if __name__ == "__main__":
    sys.exit(main())
