"""Why a stage runs: its provenance held against those of the results that are there."""

from gliaflow.store.artifacts import Store
from gliaflow.store.manifests import Provenance

MOST = 3  # differences named; the rest are counted


def why_run(store: Store, provenance: Provenance) -> str:
    """In words, why `provenance` has to be made: a damaged result, or what differs from the nearest earlier one."""
    damage = store.damage(provenance.stage, provenance.key)
    if damage is not None:
        return f"the earlier result is damaged: {damage}"
    earlier = sorted(store.manifests(provenance.stage), key=lambda manifest: manifest.started, reverse=True)
    differences = min((provenance.difference(manifest.provenance) for manifest in earlier), key=len, default=None)
    if differences is None:
        return "first run"
    if not differences:
        return "the earlier result is gone"
    more = f" and {len(differences) - MOST} more" if len(differences) > MOST else ""
    return "; ".join(differences[:MOST]) + more
