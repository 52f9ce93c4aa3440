"""The registry: versions and what became of them."""

import pytest

from gliaflow.store.artifacts import Artifact, Store
from gliaflow.store.registry import PROMOTED, REFUSED, ROLLED_BACK, NotFrozen, Registry, UnknownVersion


@pytest.fixture
def registry(tmp_path):
    return Registry(Store(tmp_path))


def register(registry, letter, tested=("p1", "p2")):
    results = {"release": Artifact("release", letter * 16, letter * 64), "train": Artifact("train", letter * 16, "t")}
    return registry.register(
        results,
        run=f"run-{letter}",
        data="lgg",
        metrics=[{"name": "volume_dice_mean", "value": 0.8, "low": 0.7, "high": 0.9, "n": 2}],
        lineage={"code": letter},
        patients=["p3", "p1", "p2"],
        tested=tested,
    )


def promote(registry, version):
    assert registry.judge(version, registry.current(), promote=True, why="better")


def test_a_version_is_what_was_registered_and_is_registered_once(registry):
    assert registry.current() is None and registry.versions() == [] and registry.frozen() == ()
    one = register(registry, "a")
    assert (one.number, one.name, one.run, one.lineage) == (1, "v1", "run-a", {"code": "a"})
    assert one.patients == ["p1", "p2", "p3"] and one.verdicts == [] and not one.was_current
    assert register(registry, "a") == one, "the same release again"
    assert register(registry, "b").number == 2
    assert [version.name for version in registry.versions()] == ["v1", "v2"]


def test_the_test_patients_of_the_first_version_are_frozen(registry):
    register(registry, "a", tested=["p2", "p1"])
    register(registry, "b", tested=["p1"])  # the other one has left the folder
    assert registry.frozen() == ("p1", "p2")
    with pytest.raises(NotFrozen, match=r"the frozen patients \(p1, p2\).*tested on p3. Start the same command again"):
        register(registry, "c", tested=["p3"])
    assert len(registry.versions()) == 2


def test_a_version_is_promoted_or_refused_once_and_the_reason_is_kept(registry):
    one, two = register(registry, "a"), register(registry, "b")
    promote(registry, one)
    assert registry.current() == registry.find("v1") == registry.find("1") == registry.find("current")
    assert registry.judge(two, registry.current(), promote=False, why="not better")
    assert not registry.judge(two, registry.current(), promote=True, why="again")
    verdicts = [(v.what, v.why) for version in registry.versions() for v in version.verdicts]
    assert verdicts == [(PROMOTED, "better"), (REFUSED, "not better")]
    assert registry.current().name == "v1"


def test_a_verdict_against_a_model_that_is_no_longer_current_does_not_count(registry):
    one, two, three = (register(registry, letter) for letter in "abc")
    promote(registry, one)
    seen = registry.current()
    promote(registry, two)
    assert not registry.judge(three, seen, promote=True, why="better than v1")
    assert registry.current().name == "v2" and registry.find("v3").verdicts == []


def test_rolling_back_goes_to_the_version_before_and_further_back_the_second_time(registry):
    for letter in "abc":
        promote(registry, register(registry, letter))
    assert registry.roll_back().name == "v2"
    assert registry.roll_back().name == "v1"
    with pytest.raises(UnknownVersion, match="no earlier version"):
        registry.roll_back()
    assert registry.roll_back("v3", why="v1 is worse on the new scanner").name == "v3"
    assert registry.find("v3").verdicts[-1].what == ROLLED_BACK
    assert registry.find("v3").verdicts[-1].why == "v1 is worse on the new scanner"
    assert registry.roll_back().name == "v1", "what was current before v3 was taken"


def test_unknown_versions_are_refused_in_words(registry):
    with pytest.raises(UnknownVersion, match=r"no 'current' in .*journals.*versions: none.*--register"):
        registry.find("current")
    with pytest.raises(UnknownVersion, match="no earlier version"):
        registry.roll_back()
    promote(registry, register(registry, "a"))
    with pytest.raises(UnknownVersion, match=r"no 'v2'.*versions: v1"):
        registry.find("v2")
    with pytest.raises(UnknownVersion, match="v1 is the current version already"):
        registry.roll_back("v1")


def test_results_of_versions_that_were_refused_may_go(registry):
    one, two, three = (register(registry, letter) for letter in "abc")
    promote(registry, one)
    registry.judge(two, registry.current(), promote=False, why="worse")
    kept = {artifact.path for version in (one, three) for artifact in version.results.values()}
    assert registry.results_in_use() == kept
