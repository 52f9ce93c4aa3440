"""Enter what a run left into the registry of models, where it takes the current one's place only if it is better."""

import json
import logging
from collections.abc import Mapping
from typing import Any

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from gliaflow.evaluation.compare import CHANCE
from gliaflow.report.versions import table_of
from gliaflow.splits.protocols import UnusableSplit
from gliaflow.store.artifacts import Artifact
from gliaflow.store.digests import digest_json
from gliaflow.store.manifests import read_manifest
from gliaflow.store.registry import Registry, UnknownVersion, Version
from gliaflow.store.runs import Run
from gliaflow.store.shared import open_store
from tasks.contest import contest
from tasks.fingerprint import fingerprint
from tasks.settings import EvaluateSettings, SplitSettings
from tasks.tables import load

logger = logging.getLogger("gliaflow.run")


def freeze(run: Run, splitting: SplitSettings) -> SplitSettings:
    """The split of a model that is to be registered: with the test patients that the registry has frozen, if any.

    Raises `UnusableSplit` under a protocol that gives a model no test patients of its own.
    """
    if splitting.protocol != "patient":
        raise UnusableSplit(
            "Models are registered, and judged, by test patients that stay the same; under the protocol "
            f"{splitting.protocol!r} there are none. Use --protocol patient, or leave --register out."
        )
    return splitting.freeze(Registry(run.store).frozen())


def enrol(
    run: Run,
    evaluating: EvaluateSettings,
    *,
    source: str,
    release: Artifact,
    model: Artifact,
    scores: Artifact,
    parts: Artifact,
    labels: Artifact,
    prepared: Artifact,
    volumes: dict[str, Artifact],
) -> Version:
    """Register the release, and promote it where nothing is current yet, or where it wins the contest; says which."""
    registry = Registry(run.store)
    own = {"release": release, "train": model, "evaluate": scores, "split": parts, "label": labels}
    own["fingerprint"] = fingerprint(run, release=release, scores=scores, labels=labels, parts=parts, volumes=volumes)
    dealt = load(run.store.folder(parts), "parts")
    version = registry.register(
        own,
        run=run.name,
        data=source,
        metrics=json.loads((run.store.folder(scores) / "metrics.json").read_text(encoding="utf-8")),
        lineage=_lineage(run, own),
        patients=dealt["patient"].unique(),
        tested=dealt.loc[dealt["part"] == "test", "patient"].unique(),
    )
    if version.verdicts:
        logger.info("this model is %s already: %s", version.name, version.verdicts[-1].why)
    while not version.verdicts:  # again where another version has become current meanwhile
        current = registry.current()
        if current is None:
            _warn_of_few(version)
            registry.judge(version, None, promote=True, why="it is the first model")
        else:
            _require(run, current)
            inputs = {"current": current.release, "challenger": release, "parts": parts, "prepared": prepared}
            found = contest(run, evaluating, **inputs, volumes=volumes)
            compared = json.loads((run.store.folder(found) / "contest.json").read_text(encoding="utf-8"))
            registry.judge(version, current, **verdict_of(compared, current.name))
        version = registry.find(version.name)
    logger.info("%s is %s: %s", version.name, version.verdicts[-1].what, version.verdicts[-1].why)
    publish_registry(run.store.address)
    return version


def verdict_of(compared: Mapping[str, Any], current: str) -> dict[str, Any]:
    """Whether a challenger takes the place of `current`, and why, of the comparison in which it is B.

    It does where its mean volume Dice is higher and chance alone would seldom give such a difference.
    """
    patients, p = len(compared["patients"]), compared["permuted"]
    said = (
        f"mean volume Dice {compared['mean_b']:.4f} against {compared['mean_a']:.4f} of {current} on {patients} frozen "
        f"test {'patient' if patients == 1 else 'patients'} (difference {compared['difference']:+.4f}, paired "
        f"permutation test p = {p:.3g})"
    )
    if compared["difference"] > 0 and p <= CHANCE:
        return {"promote": True, "why": f"better: {said}"}
    least = _least_p(patients)
    if compared["difference"] > 0 and least > CHANCE:
        few = f"; of {patients} patients p is never below {least:.3g}, so none can be shown to be better"
        return {"promote": False, "why": f"not shown to be better: {said}{few}"}
    word = "not shown to be better" if compared["difference"] > 0 else "not better"
    return {"promote": False, "why": f"{word}: {said}"}


def _least_p(patients: int) -> float:
    """The least p-value of a two-sided test by all flips of so many signs."""
    return float(2.0 ** (1 - patients))


def _warn_of_few(version: Version) -> None:
    tested = len(version.tested)
    if _least_p(tested) > CHANCE:
        logger.warning(
            "caution: %d test %s frozen with this first model; by fewer than 6 none can be shown to be better. For a "
            "larger test part start anew with more patients or a higher --test-fraction, in other --artifacts",
            tested,
            "patient is" if tested == 1 else "patients are",
        )


def _require(run: Run, version: Version) -> None:
    release = version.release
    if run.store.find(release.stage, release.key) != release:
        raise UnknownVersion(
            f"The current model {version.name} is missing or damaged ({run.store.place(release.path)}), so nothing can "
            f"be held against it. Run {version.run} made it: start that command again, or roll back with `python -m "
            "flows rollback`."
        )


def _lineage(run: Run, results: Mapping[str, Artifact]) -> dict[str, Any]:
    """What the results came of: data and split by content, code and recipe by digest, and the libraries."""
    manifests = {name: read_manifest(run.store.folder(artifact)) for name, artifact in results.items()}
    code = {module: digest for m in manifests.values() for module, digest in m.provenance.code.items()}
    libraries = {name: version for m in manifests.values() for name, version in m.provenance.libraries.items()}
    recipe = manifests["train"].provenance.parameters
    return {
        "data": results["label"].content,
        "split": results["split"].content,
        "code": digest_json(code),
        "recipe": recipe["recipe"]["name"],
        "training": digest_json(recipe),
        "run_number": run.number,
        "libraries": dict(sorted(libraries.items())),
    }


# Not cached: it belongs to this run's page.
@task(name="registry", task_run_name="registry", cache_policy=NO_CACHE, persist_result=False)
def publish_registry(address: str) -> None:
    """Show all versions of the store at `address` on the run's page."""
    registry = Registry(open_store(address))
    create_markdown_artifact(key="models", markdown=table_of(registry.versions(), registry.current()))
