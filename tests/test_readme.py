"""What README, CONTRIBUTING and artifacts/README say is so."""

import argparse
import re
from pathlib import Path

import pytest

import flows.__main__
import gliaflow.cli
from gliaflow.ingest.mess import KINDS
from gliaflow.model.recipes import RECIPES
from tasks.settings import SplitSettings

ROOT = Path(__file__).parents[1]
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "artifacts/README.md",
    *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md")),
]
OF_OTHERS = {  # options of prefect and docker
    "--base-job-template", "--build", "--detach", "--entrypoint", "--limit", "--opt", "--profile", "--rm", "--type",
    "--volumes",
}  # fmt: skip
STAGES = ["scan", "pair", "prepare", "label", "split", "train", "evaluate", "predict", "release", "report"]
OTHERS = [  # of other runs, or parts of one
    "volume", "leakage", "pool", "audit", "crossval_report", "tuned", "verdict", "fingerprint", "contest", "gather",
    "prediction", "predictions", "arrivals", "drift",
]  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (ROOT / page).parent.joinpath(target).exists(), f"{page} links to {target}"


@pytest.mark.parametrize("page", PAGES)
def test_options_and_make_targets_exist(page):
    known = OF_OTHERS | options_of(flows.__main__.make_parser()) | options_of(gliaflow.cli._parser())
    for script in [*(ROOT / "benchmarks").glob("*.py"), *(ROOT / "deploy").glob("*.py")]:
        known |= set(re.findall(r'"(--[a-z-]+)"', script.read_text(encoding="utf-8")))
    text = (ROOT / page).read_text(encoding="utf-8")
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text)) <= known
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert set(re.findall(r"(?:`|^    )make ([a-z]+)\b", text, re.M)) <= targets


def test_commands_of_gliaflow_are_ones_that_it_takes():
    examples = [line for page in PAGES for line in re.findall(r"^    (?:\.venv/bin/)?gliaflow (.*)", read(page), re.M)]
    assert {example.split()[0] for example in examples} == {"doctor", "export", "predict", "score", "serve"}
    for example in examples:
        words = re.split(r"  |#", example)[0].split()  # what comes then is said of it
        assert gliaflow.cli._parser().parse_args(words).command == words[0]


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    """The options of a parser and of its commands."""
    commands = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    below = [options_of(command) for action in commands for command in action.choices.values()]
    return set(parser._option_string_actions).union(*below)


def test_every_stage_protocol_and_recipe_is_described():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| (\w+) \|", readme, re.M)[1:] == STAGES
    for protocol in SplitSettings.model_json_schema()["properties"]["protocol"]["enum"]:
        assert protocol in readme
    assert "--recipe notebook" in readme and "notebook" in RECIPES
    assert {f"{stage}.py" for stage in STAGES} <= {path.name for path in (ROOT / "tasks").iterdir()}


def test_the_number_of_kinds_of_bad_input_is_that_of_the_generators():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"(\d+) kinds of\s+bad input", readme) == [str(len(KINDS))]


def test_the_artifacts_page_lists_every_stage_of_the_store():
    page = (ROOT / "artifacts" / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| (\w+) \|", page, re.M)) - {"stage"} == {*STAGES, *OTHERS}
