"""The registry: versions and what became of them."""

import pytest

from gliaflow.store.artifacts import Store
from gliaflow.store.failures import StoreFailed
from gliaflow.store.registry import PROMOTED, REFUSED, ROLLED_BACK, Frozen, NotFrozen, Registry, UnknownVersion


@pytest.fixture
def registry(tmp_path):
    return Registry(Store(tmp_path))


@pytest.fixture(autouse=True)
def releases(put, registry):
    """The results that `register` names: a release by its letter."""
    return {letter: put(registry.store, "release", letter=letter) for letter in "abc"}


def persons(names):
    return Frozen(tuple(names), tuple(name.upper() for name in names), tuple(f"image of {name}" for name in names))


def register(registry, release, tested=("p1", "p2"), trained=("P3",)):
    return registry.register(
        {"release": release},
        run="run",
        data="lgg",
        metrics=[{"name": "volume_dice_mean", "value": 0.8, "low": 0.7, "high": 0.9, "n": 2}],
        lineage={"code": "c"},
        patients=["p3", "p1", "p2"],
        tested=persons(tested),
        trained=trained,
    )


def promote(registry, version):
    assert registry.judge(version, registry.current(), promote=True, why="better")


def test_a_version_is_what_was_registered_and_is_registered_once(registry, releases):
    assert registry.current() is None and registry.versions() == [] and registry.frozen() is None
    one = register(registry, releases["a"])
    assert (one.number, one.name, one.run, one.lineage) == (1, "v1", "run", {"code": "c"})
    assert one.patients == ["p1", "p2", "p3"] and one.verdicts == [] and not one.was_current
    assert register(registry, releases["a"]) == one, "the same release again"
    assert register(registry, releases["b"]).number == 2
    assert [version.name for version in registry.versions()] == ["v1", "v2"]


def test_the_test_patients_of_the_first_version_are_frozen(registry, releases):
    register(registry, releases["a"], tested=["p2", "p1"])
    register(registry, releases["b"], tested=["p1"])  # the other one has left the folder
    assert registry.frozen() == persons(["p2", "p1"])
    with pytest.raises(NotFrozen, match=r"the frozen patients \(p2, p1\).*tested on p3. Start the same command again"):
        register(registry, releases["c"], tested=["p3"])
    with pytest.raises(NotFrozen, match=r"not trained on the frozen patients .*this one was on P2\. Start"):
        register(registry, releases["c"], tested=["p1"], trained=["P2", "P3"])
    with pytest.raises(NotFrozen, match="tested on none"):
        register(registry, releases["c"], tested=[])
    assert len(registry.versions()) == 2


def test_a_version_is_promoted_or_refused_once_and_the_reason_is_kept(registry, releases):
    one, two = register(registry, releases["a"]), register(registry, releases["b"])
    promote(registry, one)
    assert registry.current() == registry.find("v1") == registry.find("1") == registry.find("current")
    assert registry.judge(two, registry.current(), promote=False, why="not better")
    assert not registry.judge(two, registry.current(), promote=True, why="again")
    verdicts = [(v.what, v.why) for version in registry.versions() for v in version.verdicts]
    assert verdicts == [(PROMOTED, "better"), (REFUSED, "not better")]
    assert registry.current().name == "v1"


def test_a_verdict_against_a_model_that_is_no_longer_current_does_not_count(registry, releases):
    one, two, three = (register(registry, releases[letter]) for letter in "abc")
    promote(registry, one)
    seen = registry.current()
    promote(registry, two)
    assert not registry.judge(three, seen, promote=True, why="better than v1")
    assert registry.current().name == "v2" and registry.find("v3").verdicts == []


def test_rolling_back_goes_to_the_version_before_and_further_back_the_second_time(registry, releases):
    for letter in "abc":
        promote(registry, register(registry, releases[letter]))
    assert registry.roll_back().name == "v2"
    assert registry.roll_back().name == "v1"
    with pytest.raises(UnknownVersion, match="no earlier version"):
        registry.roll_back()
    assert registry.roll_back("v3", why="v1 is worse on the new scanner").name == "v3"
    assert registry.find("v3").verdicts[-1].what == ROLLED_BACK
    assert registry.find("v3").verdicts[-1].why == "v1 is worse on the new scanner"
    assert registry.roll_back().name == "v1", "what was current before v3 was taken"


def test_unknown_versions_are_refused_in_words(registry, releases):
    with pytest.raises(UnknownVersion, match=r"no 'current' in .*journals.*versions: none.*--register"):
        registry.find("current")
    with pytest.raises(UnknownVersion, match="no earlier version"):
        registry.roll_back()
    promote(registry, register(registry, releases["a"]))
    with pytest.raises(UnknownVersion, match=r"no 'v2'.*versions: v1"):
        registry.find("v2")
    with pytest.raises(UnknownVersion, match="v1 is the current version already"):
        registry.roll_back("v1")


def test_a_version_whose_model_is_gone_is_not_rolled_back_to(registry, releases):
    promote(registry, register(registry, releases["a"]))
    promote(registry, register(registry, releases["b"]))
    registry.store.remove(releases["a"].path)
    with pytest.raises(UnknownVersion, match=r"The model v1 is missing or damaged .* Run run made it"):
        Registry(Store(registry.store.root)).roll_back()
    assert registry.current().name == "v2"


def test_a_model_that_was_never_judged_can_be_taken_by_name(registry, releases):
    register(registry, releases["a"])
    assert registry.current() is None
    assert registry.roll_back("v1").name == "v1" and registry.current().name == "v1"


@pytest.mark.parametrize("change", [lambda entry: entry.pop("results"), lambda entry: entry.update(version=2)])
def test_a_changed_registry_is_told_in_words(registry, releases, change):
    import json

    register(registry, releases["a"])
    (path,) = registry.store.root.glob("journals/models/*.json")
    entry = json.loads(path.read_text())
    change(entry)
    path.write_text(json.dumps(entry))
    with pytest.raises(StoreFailed, match="The registry of models was changed"):
        registry.versions()


def test_results_of_versions_that_were_refused_may_go(registry, releases):
    one, two, three = (register(registry, releases[letter]) for letter in "abc")
    promote(registry, one)
    registry.judge(two, registry.current(), promote=False, why="worse")
    kept = {artifact.path for version in (one, three) for artifact in version.results.values()}
    assert registry.results_in_use() == kept
