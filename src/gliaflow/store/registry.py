"""The registry of models: which versions there are, where each came from, and which one is current.

It is a journal of the store (`journals/models/`), no server. A version is registered once, as what `train --register`
left, and never changed. What became of it (promoted, refused, rolled back to) are entries of their own, so that the
registry also tells its history. The test patients of the first version are frozen: every later one is split so that
they stay test patients, and none is promoted but by them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from gliaflow.errors import GliaflowError
from gliaflow.store.artifacts import Artifact, Store
from gliaflow.store.failures import StoreFailed
from gliaflow.store.journal import Entry, Journal

NAME = "models"
REGISTERED, PROMOTED, REFUSED, ROLLED_BACK = "registered", "promoted", "refused", "rolled back"


class UnknownVersion(GliaflowError):
    """There is no such version in the registry, or none that could be taken."""


class NotFrozen(GliaflowError):
    """A model was not tested on the patients by which models are judged, or was trained on one of them."""


@dataclass(frozen=True)
class Frozen:
    """Patients that models are judged by.

    patients : their names
    persons  : who they are: another examination of one of them is no other person
    images   : short digests of their images, by which they are known under another name too
    """

    patients: tuple[str, ...]
    persons: tuple[str, ...]
    images: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """What became of a version, when and why: promoted, refused, or rolled back to."""

    what: str
    when: str
    why: str


@dataclass(frozen=True)
class Version:
    """A registered model.

    number     : 1, 2, 3, …
    results    : what the run left: its `release`, `train`, `evaluate`, `split`, `label`, `fingerprint`
    run, data  : the run that made it, and what the data are called
    metrics    : the figures of its test patients, as `metrics.json` has them
    lineage    : digests of data, split and code, and versions of libraries
    patients   : every patient of its data set; it has not been trained on `tested`
    tested     : its test patients, of whom those of the first version judge all
    when       : when it was registered (UTC)
    verdicts   : what became of it, the last one last
    """

    number: int
    results: Mapping[str, Artifact]
    run: str
    data: str
    metrics: Sequence[Mapping[str, Any]]
    lineage: Mapping[str, Any]
    patients: Sequence[str]
    tested: Frozen
    when: str
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What a person calls it: v3."""
        return f"v{self.number}"

    @property
    def release(self) -> Artifact:
        """What is taken away and used: the folder with model files, `model.json` and the card."""
        return self.results["release"]

    @property
    def was_current(self) -> bool:
        """Whether it ever was the current version."""
        return any(verdict.what in (PROMOTED, ROLLED_BACK) for verdict in self.verdicts)


class Registry:
    """The registry of a store, as it is at the moment of each call."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.journal = Journal(store, NAME)

    def versions(self) -> list[Version]:
        """All versions, the first one first."""
        return _versions(self.journal.read())

    def current(self) -> Version | None:
        """The version that was promoted or rolled back to last; None where there is none yet."""
        return _current(self.journal.read())

    def find(self, name: str) -> Version:
        """The version called `name`: current, v3 or 3. Raises `UnknownVersion`."""
        entries = self.journal.read()
        current = _current(entries)
        if name == "current" and current is not None:
            return current
        known = _versions(entries)
        for version in known:
            if name in (version.name, str(version.number)):
                return version
        names = ", ".join(version.name for version in known) or "none"
        raise UnknownVersion(
            f"A version is named current or by its number; there is no {name!r} in {self.store.place('journals')} "
            f"(versions: {names}). Train one with `python -m flows train --register`."
        )

    def require(self, version: Version) -> None:
        """Raise `UnknownVersion` where the model itself is no longer there, or damaged."""
        release = version.release
        if self.store.find(release.stage, release.key) != release:
            raise UnknownVersion(
                f"The model {version.name} is missing or damaged ({self.store.place(release.path)}). Run {version.run} "
                "made it: start that command again, or name another version."
            )

    def frozen(self) -> Frozen | None:
        """The test patients of the first version, by which all others are judged; None before there is one."""
        versions = self.versions()
        return versions[0].tested if versions else None

    def register(
        self,
        results: Mapping[str, Artifact],
        *,
        run: str,
        data: str,
        metrics: Sequence[Mapping[str, Any]],
        lineage: Mapping[str, Any],
        patients: Iterable[str],
        tested: Frozen,
        trained: Collection[str],
    ) -> Version:
        """Register what a run left; a release that is registered already stays the version that it is.

        `trained` are the persons that it was trained on or chosen by. Raises `NotFrozen` where one of them is frozen,
        or none of the frozen patients was tested: others may have been frozen while the run was under way.
        """
        content: Entry = {
            "event": REGISTERED,
            "run": run,
            "data": data,
            "results": {name: asdict(artifact) for name, artifact in results.items()},
            "metrics": list(metrics),
            "lineage": dict(lineage),
            "patients": sorted(patients),
            "tested": asdict(tested),
        }
        release = results["release"]

        def decide(entries: list[Entry]) -> Entry | None:
            known = _versions(entries)
            if any(version.release == release for version in known):
                return None
            if known:
                _check_tested(known[0].tested, tested, trained)
            return {"version": len(known) + 1, **content}

        self.journal.add(decide)
        return next(version for version in self.versions() if version.release == release)

    def judge(self, version: Version, current: Version | None, *, promote: bool, why: str) -> bool:
        """Record that `version` takes the place of `current`, or doesn't, and why; gives whether it was recorded.

        It is not where `version` has a verdict already, or another version has become current meanwhile.
        """

        def decide(entries: list[Entry]) -> Entry | None:
            judged = {known.number for known in _versions(entries) if known.verdicts}
            now = _current(entries)
            if version.number in judged or (now and now.number) != (current and current.number):
                return None
            against = {} if current is None else {"against": current.number}
            return {"event": PROMOTED if promote else REFUSED, "version": version.number, **against, "why": why}

        return self.journal.add(decide) is not None

    def roll_back(self, name: str | None = None, why: str = "") -> Version:
        """Make an earlier version current again: `name`, or the one that was current before. Raises `UnknownVersion`.

        A version that was refused can be named too: whoever names it knows better.
        """
        target = self.find(name) if name else None

        def decide(entries: list[Entry]) -> Entry:
            now = _current(entries)
            chosen = target or _before(entries)
            if chosen is None:
                raise UnknownVersion("There is no earlier version to roll back to. `python -m flows models` shows all.")
            if now is not None and chosen.number == now.number:
                raise UnknownVersion(f"{chosen.name} is the current version already.")
            self.require(chosen)
            against = {} if now is None else {"against": now.number}
            reason = why or ("asked for by name" if target else "the version before")
            return {"event": ROLLED_BACK, "version": chosen.number, **against, "why": reason}

        self.journal.add(decide)
        current = self.current()
        assert current is not None
        return current

    def results_in_use(self) -> set[str]:
        """Paths of the results of every version that is current or was: what a roll-back needs stays."""
        return {
            artifact.path
            for version in self.versions()
            if version.was_current or not version.verdicts
            for artifact in version.results.values()
        }


def _check_tested(frozen: Frozen, tested: Frozen, trained: Collection[str]) -> None:
    names = ", ".join(frozen.patients)
    again = "Start the same command again: it splits the data anew."
    if not set(frozen.patients) & set(tested.patients):
        raise NotFrozen(
            f"A version is tested on the frozen patients ({names}); this one was tested on "
            f"{', '.join(tested.patients) or 'none'}. {again}"
        )
    shared = sorted(set(frozen.persons) & set(trained))
    if shared:
        raise NotFrozen(
            f"A version is not trained on the frozen patients ({names}); this one was on {', '.join(shared)}. {again}"
        )


def _versions(entries: Sequence[Entry]) -> list[Version]:
    try:
        return _read_versions(entries)
    except (KeyError, TypeError, AttributeError) as error:
        raise StoreFailed(
            f"The registry of models was changed: {error} is not as it was written. Restore journals/{NAME} from a "
            "backup."
        ) from error


def _read_versions(entries: Sequence[Entry]) -> list[Version]:
    versions: dict[int, Version] = {}
    for entry in entries:
        number = entry["version"]
        if entry["event"] == REGISTERED:
            results = {name: Artifact(**artifact) for name, artifact in entry["results"].items()}
            given = {name: entry[name] for name in ("run", "data", "metrics", "lineage", "patients", "when")}
            tested = Frozen(**{name: tuple(values) for name, values in entry["tested"].items()})
            versions[number] = Version(number, results, tested=tested, **given)
        else:
            versions[number].verdicts.append(Verdict(entry["event"], entry["when"], entry["why"]))
    if list(versions) != list(range(1, len(versions) + 1)):
        raise KeyError(f"the order of the versions {list(versions)}")
    return list(versions.values())


def _reigns(entries: Sequence[Entry]) -> list[int]:
    """The numbers of the versions in the order in which they became current."""
    return [entry["version"] for entry in entries if entry["event"] in (PROMOTED, ROLLED_BACK)]


def _current(entries: Sequence[Entry]) -> Version | None:
    reigns = _reigns(entries)
    return _versions(entries)[reigns[-1] - 1] if reigns else None


def _before(entries: Sequence[Entry]) -> Version | None:
    """The version that the current one took the place of, roll-backs undone: a second roll-back goes on backwards."""
    reigns: list[int] = []
    for entry in entries:
        if entry["event"] == PROMOTED:
            reigns.append(entry["version"])
        elif entry["event"] == ROLLED_BACK:
            number = entry["version"]
            reigns = reigns[: reigns.index(number) + 1] if number in reigns else [*reigns, number]
    return _versions(entries)[reigns[-2] - 1] if len(reigns) > 1 else None
