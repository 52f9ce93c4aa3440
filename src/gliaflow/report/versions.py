"""The registry of models in words: each version's state and figure, and all of them as a table."""

from collections.abc import Sequence

from gliaflow.store.registry import REFUSED, Version


def table_of(versions: Sequence[Version], current: Version | None) -> str:
    """The registry as a Markdown table, the newest version first."""
    lines = ["| version | | registered | run | mean volume Dice on test | why |", "|---|---|---|---|---|---|"]
    for version in reversed(versions):
        state = "**current**" if current and version.number == current.number else state_of(version)
        why = version.verdicts[-1].why if version.verdicts else ""
        cells = [version.name, state, version.when[:10], version.run, figure_of(version), why.replace("|", "/")]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def state_of(version: Version) -> str:
    """ "was current", "refused", or "not judged yet"."""
    if version.was_current:
        return "was current"
    return REFUSED if version.verdicts else "not judged yet"


def figure_of(version: Version) -> str:
    """Mean volume Dice of its test patients with interval and number, as it was evaluated."""
    for metric in version.metrics:
        if metric["name"] == "volume_dice_mean" and metric["value"] is not None:
            interval = f" ({metric['low']:.3f} to {metric['high']:.3f})" if metric["low"] is not None else ""
            return f"{metric['value']:.3f}{interval}, n = {metric['n']}"
    return "-"
