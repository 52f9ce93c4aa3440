"""Why a stage runs: its provenance held against those of the results that are there."""

from collections.abc import Collection
from dataclasses import dataclass, field

from gliaflow.store.artifacts import Store
from gliaflow.store.manifests import Difference, Provenance

MOST = 3  # differences named in a sentence; the rest are counted


@dataclass(frozen=True)
class Why:
    """Why a stage runs, in a sentence, and the differences to the nearest earlier result, whose path is `compared`."""

    words: str
    compared: str | None = None
    differences: list[Difference] = field(default_factory=list)


def why_run(store: Store, provenance: Provenance, made: Collection[str] = ()) -> Why:
    """Why `provenance` has to be made: a result damaged or gone, or what differs from the nearest earlier one.

    The nearest is the one with the fewest differences; of several, the one made last. `made` are the paths of results
    that earlier runs made.
    """
    damage = store.damage(provenance.stage, provenance.key)
    if damage is not None:
        return Why(f"the earlier result is damaged: {damage}", f"{provenance.stage}/{provenance.key}")
    if f"{provenance.stage}/{provenance.key}" in made:
        return Why("its earlier result is gone")
    earlier = sorted(store.manifests(provenance.stage), key=lambda manifest: manifest.started, reverse=True)
    compared = [(provenance.differences(manifest.provenance), manifest.provenance.key) for manifest in earlier]
    differences, key = min(compared, key=lambda pair: len(pair[0]), default=([], ""))
    if not differences:
        return Why("first run")
    return Why(in_a_sentence(differences), f"{provenance.stage}/{key}", differences)


def in_a_sentence(differences: list[Difference]) -> str:
    """The first differences in words, the others counted."""
    more = f" and {len(differences) - MOST} more" if len(differences) > MOST else ""
    return "; ".join(map(str, differences[:MOST])) + more
