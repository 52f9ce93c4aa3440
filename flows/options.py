"""The command line of a run, made from the settings of its stages: one definition for options, form and cache key."""

import argparse
from collections.abc import Mapping
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from tasks.settings import (
    EvaluateSettings,
    FoldSettings,
    IntakeSettings,
    PrepareSettings,
    Settings,
    SplitSettings,
    SpreadSettings,
    TrainSettings,
    TuneSettings,
    WatchSettings,
)

ARTIFACTS = "Folder, or s3://bucket/prefix, that keeps every stage's results."
Groups = Mapping[str, type[Settings]]  # a flow's parameters that are settings
GROUPS: Groups = {
    "intake": IntakeSettings,
    "preparing": PrepareSettings,
    "splitting": SplitSettings,
    "training": TrainSettings,
    "evaluating": EvaluateSettings,
    "spreading": SpreadSettings,
}
CROSSVAL: Groups = {
    "intake": IntakeSettings,
    "preparing": PrepareSettings,
    "folding": FoldSettings,
    "training": TrainSettings,
    "evaluating": EvaluateSettings,
    "spreading": SpreadSettings,
}
OWN = ("data", "artifacts", "leakage_meter", "to_registry", "model")  # a flow's parameters that belong to no stage
PREDICT: Groups = {"spreading": SpreadSettings}
WATCH: Groups = {"watching": WatchSettings, **GROUPS}
TUNE: Groups = {
    "intake": IntakeSettings,
    "preparing": PrepareSettings,
    "splitting": SplitSettings,
    "tuning": TuneSettings,
    "training": TrainSettings,
    "evaluating": EvaluateSettings,
    "spreading": SpreadSettings,
}


def add_options(parser: argparse.ArgumentParser, groups: Groups = GROUPS) -> None:
    """Add the flow's own options, then one option a setting; a setting that several stages share is one option."""
    where = "Folder or archive with the slices, kaggle:OWNER/NAME, or s3://bucket/prefix."
    parser.add_argument("--data", required=True, default=argparse.SUPPRESS, help=where)
    parser.add_argument("--artifacts", default="artifacts", help=ARTIFACTS)
    seen: set[str] = set()
    for title, settings in groups.items():
        group = parser.add_argument_group(title)
        for name, field in settings.model_fields.items():
            if name in seen:
                continue
            seen.add(name)
            flag = "--" + name.replace("_", "-")
            kind, about = field.annotation, (field.description or "").replace("%", "%%")
            if get_origin(kind) is Literal:
                group.add_argument(flag, choices=get_args(kind), default=field.default, help=about)
            else:
                group.add_argument(flag, type=_type(kind), default=field.default, help=about)


def add_meter(parser: argparse.ArgumentParser) -> None:
    """Add the option that a flow which measures leakage has beside its settings."""
    about = "Train under the protocol slice too, to measure by how much its leak flatters; costs one more training."
    parser.add_argument("--leakage-meter", action="store_true", help=about)


def add_register(parser: argparse.ArgumentParser) -> None:
    """Add the option that a flow which trains one model has beside its settings."""
    about = (
        "Enter the model into the registry, and make it the current one if it is better on the frozen test patients."
    )
    parser.add_argument("--register", action="store_true", dest="to_registry", help=about)


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the option that says which model predicts."""
    about = "current, a version of the registry (v3), or the folder of a release."
    parser.add_argument("--model", default="current", help=about)


def read_options(options: argparse.Namespace, groups: Groups = GROUPS) -> dict[str, Any]:
    """The flow's parameters: each stage's settings from the options of the same names; raises `ValidationError`."""
    given = vars(options)
    parameters: dict[str, Any] = {name: given[name] for name in OWN if name in given}
    for title, settings in groups.items():
        parameters[title] = settings(**{name: given[name] for name in settings.model_fields})
    return parameters


def _type(kind: Any) -> type:
    """int of `int | None`, and so on."""
    types = [choice for choice in get_args(kind) or (kind,) if choice is not NoneType]
    assert len(types) == 1, f"an option has one type, not {kind}"
    return types[0]
