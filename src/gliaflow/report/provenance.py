"""Where the figures come from: the run manifest, the network and the training recipe."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from gliaflow.report.tables import Column, Table, plain

DIGITS = 10


def stage_table(stages: Sequence[Mapping[str, Any]]) -> Table:
    """One row a stage, in the order given, with its number of results (prepare has one a patient)."""
    rows = []
    for own in _by_stage(stages):
        first = own[0]
        rows.append(
            {
                "stage": str(first.get("stage")),
                "results": len(own),
                "key": _shared([stage.get("key") for stage in own]),
                "content": _shared([stage.get("content") for stage in own]),
                "code": _shared([stage.get("code") for stage in own]),
            }
        )
    columns = [
        Column("stage", "Stage"),
        Column("results", "Results", "count"),
        Column("key", "Key", "code"),
        Column("content", "Content", "code"),
        Column("code", "Code", "code"),
    ]
    return Table(
        "stages",
        "The run's stages, with digests of all that each depended on, of what it left and of its code.",
        columns,
        rows,
    )


def stage_details(stages: Sequence[Mapping[str, Any]]) -> list[tuple[str, Table]]:
    """For each stage its parameters and library versions, flattened; without those that its results differ in."""
    details = []
    for own in _by_stage(stages):
        parameters = _common([flatten(stage.get("parameters") or {}) for stage in own])
        libraries = _common([dict(stage.get("libraries") or {}) for stage in own])
        rows = [{"kind": "parameter", "name": name, "value": value} for name, value in sorted(parameters.items())]
        rows += [{"kind": "library", "name": name, "value": value} for name, value in sorted(libraries.items())]
        if rows:
            name = str(own[0].get("stage"))
            details.append((name, setting_table(f"settings-{name}", f"Parameters and libraries of {name}.", rows)))
    return details


def recipe_table(recipe: Mapping[str, Any]) -> Table:
    """The training recipe, flattened to one row a setting, in its own order."""
    rows = [{"name": name, "value": value} for name, value in flatten(recipe).items()]
    return Table("recipe", "The training recipe.", [Column("name", "Setting"), Column("value", "Value")], rows)


def setting_table(key: str, caption: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    return Table(key, caption, [Column("kind", "Kind"), Column("name", "Name"), Column("value", "Value")], rows)


def flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings as one level with dotted names, each value as text."""
    flat: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{name}."))
        else:
            flat[f"{prefix}{name}"] = _text(plain(value))
    return flat


def short(digest: Any) -> str | None:
    """The first digits of a digest, or of the digest of several (a mapping of module to digest)."""
    if not digest:
        return None
    if not isinstance(digest, str):
        digest = hashlib.sha256(json.dumps(plain(digest), sort_keys=True).encode()).hexdigest()
    return digest.removeprefix("sha256:")[:DIGITS]


def _by_stage(stages: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    grouped: dict[str, list[Mapping[str, Any]]] = {}
    for stage in stages:
        grouped.setdefault(str(stage.get("stage")), []).append(stage)
    return list(grouped.values())


def _shared(digests: Sequence[Any]) -> str | None:
    """The digest that all share, shortened; of several different ones their number."""
    different = {short(digest) for digest in digests}
    return different.pop() if len(different) == 1 else f"{len(different):,} different"


def _common(settings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    first, *others = settings
    return {name: value for name, value in first.items() if all(other.get(name) == value for other in others)}


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value) or "none"
    return str(value)
