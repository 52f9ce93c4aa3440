"""`python -m flows models` and `rollback`: the registry of models, and going back to an earlier one."""

import argparse

from flows.upkeep import add_command, say
from gliaflow.report.versions import figure_of, state_of
from gliaflow.store.failures import in_words
from gliaflow.store.registry import Registry, Version
from gliaflow.store.shared import open_store


def add_registry(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands `models` and `rollback`; each sets `run`, a function of the options."""
    models = add_command(commands, "models", "the registry of models: which is current, and why others aren't", _models)
    models.add_argument("version", metavar="VERSION", nargs="?", help="One version (v3, 3 or current), with all of it.")
    back = add_command(commands, "rollback", "make an earlier version of the model current again", _roll_back)
    back.add_argument("version", metavar="VERSION", nargs="?", help="Which; without it, the one before the current.")
    back.add_argument("--why", default="", metavar="WORDS", help="The reason, for the registry.")


def _models(options: argparse.Namespace) -> int:
    def lines() -> list[str]:
        registry = Registry(open_store(options.artifacts))
        return _whole(registry, registry.find(options.version)) if options.version else _listing(registry)

    return say(lines)


def _roll_back(options: argparse.Namespace) -> int:
    def lines() -> list[str]:
        store = open_store(options.artifacts)
        with in_words(store.root):
            version = Registry(store).roll_back(options.version, options.why)
        return [f"{version.name} is current again, as made by run {version.run}."]

    return say(lines)


def _listing(registry: Registry) -> list[str]:
    versions, current = registry.versions(), registry.current()
    if not versions:
        return ["There is no model in the registry yet. Train one with `python -m flows train --register`."]
    lines = []
    for version in versions:
        state = "current" if current and version.number == current.number else state_of(version)
        lines.append(f"{version.name:<4} {state:<14} {version.when[:10]}  test Dice {figure_of(version)}")
        lines += [f"       {verdict.when[:10]} {verdict.what}: {verdict.why}" for verdict in version.verdicts]
    frozen = versions[0].tested.patients
    return [*lines, "", f"Frozen test patients ({len(frozen)}): {', '.join(frozen)}"]


def _whole(registry: Registry, version: Version) -> list[str]:
    place = registry.store.place
    release = version.release.path
    lines = [
        f"{version.name}, registered {version.when[:16].replace('T', ' ')} UTC by run {version.run} of {version.data}",
        *(f"  {verdict.when[:10]} {verdict.what}: {verdict.why}" for verdict in version.verdicts),
        "",
        f"model      {place(release)}",
        f"card       {place(f'{release}/MODEL_CARD.md')}",
        f"test Dice  {figure_of(version)}",
        f"patients   {len(version.patients)}, of which tested: {', '.join(version.tested.patients)}",
    ]
    lines += [f"{name:<10} {artifact.path}" for name, artifact in version.results.items() if name != "release"]
    lineage = {name: value for name, value in version.lineage.items() if name != "libraries"}
    lines += ["", "lineage", *(f"  {name:<11} {value}" for name, value in lineage.items())]
    libraries = version.lineage.get("libraries", {})
    return [*lines, f"  {'libraries':<11} {', '.join(f'{name} {number}' for name, number in libraries.items())}"]
