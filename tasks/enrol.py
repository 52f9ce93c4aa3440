"""Enter what a run left into the registry of models, where it takes the current one's place only if it is better."""

import json
import logging
from collections.abc import Mapping
from typing import Any

import pandas as pd
from prefect import task
from prefect.artifacts import create_markdown_artifact

from gliaflow.evaluation.compare import CHANCE
from gliaflow.inference.bundle import read_bundle
from gliaflow.report.versions import table_of
from gliaflow.splits.protocols import UnusableSplit, persons_of, short_digests
from gliaflow.store.artifacts import Artifact
from gliaflow.store.digests import digest_json
from gliaflow.store.manifests import read_manifest
from gliaflow.store.registry import Frozen, NotFrozen, Registry, Version
from gliaflow.store.runs import Run
from gliaflow.store.shared import open_store
from tasks.contest import ContestSettings, contest
from tasks.fingerprint import fingerprint
from tasks.retries import PUBLISHING
from tasks.settings import EvaluateSettings, PrepareSettings, SplitSettings
from tasks.tables import load

logger = logging.getLogger("gliaflow.run")


def freeze(run: Run, splitting: SplitSettings, preparing: PrepareSettings) -> SplitSettings:
    """The split of a model that is to be registered: with the test patients that the registry has frozen, if any.

    Asks before any work what would else come out after a training: raises `UnusableSplit` under a protocol that gives a
    model no test patients of its own, `UnknownVersion` where the current model is not there to be held against, and
    `NotFrozen` where it takes slices of another size.
    """
    if splitting.protocol != "patient":
        raise UnusableSplit(
            "Models are registered, and judged, by test patients that stay the same; under the protocol "
            f"{splitting.protocol!r} there are none. Use --protocol patient, or leave --register out."
        )
    registry = Registry(run.store)
    current = registry.current()
    if current is not None:
        registry.require(current)
        size = read_bundle(run.store.folder(current.release)).size
        if size != preparing.size:
            raise NotFrozen(
                f"Models are held against each other on slices of one size; {current.name} takes {size} x {size} "
                f"pixels, and --size is {preparing.size}. Leave it at {size}, or start a registry of its own in other "
                "--artifacts."
            )
    return keep_frozen(run, splitting)


def keep_frozen(run: Run, splitting: SplitSettings) -> SplitSettings:
    """The split with the test patients that the registry has frozen, where there is one and the protocol has any."""
    frozen = Registry(run.store).frozen()
    if frozen is None or splitting.protocol != "patient":
        return splitting
    return splitting.freeze(frozen.persons, frozen.images)


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
    table = load(run.store.folder(labels), "labels").merge(
        load(run.store.folder(parts), "parts")[["patient", "slice", "part"]], on=["patient", "slice"]
    )
    is_test = table["part"] == "test"
    version = registry.register(
        own,
        run=run.name,
        data=source,
        metrics=json.loads((run.store.folder(scores) / "metrics.json").read_text(encoding="utf-8")),
        lineage=_lineage(run, own),
        patients=table["patient"].unique(),
        tested=_as_frozen(table[is_test]),
        trained=set(persons_of(table[~is_test])),
    )
    if version.verdicts:
        logger.info("this model is %s already: %s", version.name, version.verdicts[-1].why)
    while not version.verdicts:  # again where another version has become current meanwhile
        current = registry.current()
        if current is None:
            _warn_of_few(version)
            registry.judge(version, None, promote=True, why="it is the first model")
        else:
            registry.require(current)
            frozen = registry.frozen()
            assert frozen is not None
            settings = ContestSettings(**evaluating.model_dump(), frozen=frozen.patients)
            inputs = {"current": current.release, "challenger": release, "parts": parts, "prepared": prepared}
            found = contest(run, settings, **inputs, volumes=volumes)
            compared = json.loads((run.store.folder(found) / "contest.json").read_text(encoding="utf-8"))
            registry.judge(version, current, **verdict_of(compared, current.name, len(frozen.patients)))
        version = registry.find(version.name)
    logger.info("%s is %s: %s", version.name, version.verdicts[-1].what, version.verdicts[-1].why)
    publish_registry(run.store.address)
    return version


def _as_frozen(rows: pd.DataFrame) -> Frozen:
    """The patients of these rows of the labelled slice table, as they are frozen."""
    names, persons = rows["patient"].unique(), persons_of(rows).unique()
    return Frozen(tuple(sorted(names)), tuple(sorted(persons)), tuple(short_digests(rows)))


def verdict_of(compared: Mapping[str, Any], current: str, frozen: int) -> dict[str, Any]:
    """Whether a challenger takes the place of `current`, and why, of the comparison in which it is B.

    It does where its mean volume Dice is higher and chance alone would seldom give such a difference. `frozen` is how
    many patients there were to judge by.
    """
    patients, p = len(compared["patients"]), compared["permuted"]
    said = (
        f"mean volume Dice {compared['mean_b']:.4f} against {compared['mean_a']:.4f} of {current} on {patients} of "
        f"{frozen} frozen test {'patient' if frozen == 1 else 'patients'} (difference {compared['difference']:+.4f}, "
        f"paired permutation test p = {p:.3g})"
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
    tested = len(version.tested.patients)
    if _least_p(tested) > CHANCE:
        logger.warning(
            "caution: %d test %s frozen with this first model; by fewer than 6 none can be shown to be better. For a "
            "larger test part start anew with more patients or a higher --test-fraction, in other --artifacts",
            tested,
            "patient is" if tested == 1 else "patients are",
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


@task(name="registry", task_run_name="registry", **PUBLISHING)
def publish_registry(address: str) -> None:
    """Show all versions of the store at `address` on the run's page."""
    registry = Registry(open_store(address))
    create_markdown_artifact(key="models", markdown=table_of(registry.versions(), registry.current()))
