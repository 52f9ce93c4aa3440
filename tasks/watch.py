"""Looking at a folder that grows: what is new in it, and how those that came differ from a model's own patients."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from gliaflow.errors import GliaflowError
from gliaflow.evaluation.drift import measure_drift
from gliaflow.events import plain
from gliaflow.inference.profile import MEASURES, PROFILE
from gliaflow.ingest.reasons import REASONS
from gliaflow.ingest.sources import open_source
from gliaflow.process import ChildFailed
from gliaflow.report.drift import DriftData, write_drift
from gliaflow.report.tables import plural
from gliaflow.store.artifacts import LOCKS, RUNS, UNPACKED, Artifact
from gliaflow.store.digests import digest_code, digest_json, library_versions
from gliaflow.store.failures import StoreFailed
from gliaflow.store.locks import try_hold
from gliaflow.store.manifests import Provenance
from gliaflow.store.registry import Registry, Version
from gliaflow.store.runs import Run
from gliaflow.store.watched import Watched
from tasks.scan import look
from tasks.settings import Settings
from tasks.spread import NoCluster
from tasks.stage import stage
from tasks.tables import load, save

logger = logging.getLogger("gliaflow.run")

ARRIVALS = {**PROFILE, "when": "str"}


@dataclass(frozen=True)
class Sight:
    """What a look found: a digest of all files, the patients with masks, and those of them that are in no model yet.

    unjudged : whether the newest model has not been held against the current one: its run was stopped before
    """

    files: str
    labelled: frozenset[str]
    untried: frozenset[str]
    unjudged: bool

    @property
    def in_words(self) -> str:
        """How many patients have masks, and how many of these are in no model yet."""
        have = f"{plural(len(self.labelled), 'patient')} {'has' if len(self.labelled) == 1 else 'have'} masks"
        return f"{have}, {len(self.untried)} of them {'is' if len(self.untried) == 1 else 'are'} in no model yet"


def take_a_look(run: Run, data: str) -> Sight:
    """Look at the data without leaving a record of the run: most looks find nothing new. Raises `UnusableSource`."""
    with run.holding():
        root = open_source(data, run.store.root / UNPACKED)
        files = Artifact(**look(str(root), run.store.address))
        table = load(run.store.folder(files), "files")
    sound = table[table["problem"].isna() & table["patient"].notna()]
    drawn, seen = (set(sound.loc[sound["role"] == role, "patient"]) for role in ("mask", "image"))
    versions = Registry(run.store).versions()
    tried = {patient for version in versions for patient in version.patients}
    labelled = frozenset(drawn & seen)
    return Sight(files.content, labelled, labelled - tried, bool(versions) and _was_left(run, versions[-1]))


def _was_left(run: Run, version: Version) -> bool:
    """Whether the run that registered a version ended before it was judged; while it lives it will judge itself."""
    if version.verdicts:
        return False
    with try_hold(run.store.root / LOCKS / f"{RUNS}-{version.run}") as ended:
        return ended


@contextmanager
def noting_the_challenge(run: Run, watched: Watched, sight: Sight) -> Iterator[None]:
    """Enter what becomes of a training within this context: of the same files it is not begun again by itself.

    What may pass is not entered: a store or a cluster that can't be reached, a process that was killed.
    """
    try:
        yield
    except (StoreFailed, NoCluster):
        raise
    except GliaflowError as error:
        if not (isinstance(error, ChildFailed) and error.killed):
            watched.add(watched.challenge(run=run.name, files=sight.files, outcome=str(error)))
        raise
    watched.add(watched.challenge(run=run.name, files=sight.files, outcome="trained"))


def note_arrivals(run: Run, rows: list[dict[str, Any]]) -> Artifact:
    """The table of all patients that came, as a result of the store that later ones may depend on."""
    provenance = Provenance(
        stage="arrivals",
        inputs={"rows": digest_json(rows)},
        parameters={},
        code=digest_code(["gliaflow.inference.profile"]),
        libraries=library_versions(["pandas", "pyarrow"]),
    )
    run.use([f"arrivals/{provenance.key}"])
    table = pd.DataFrame(rows, columns=list(ARRIVALS)).astype(ARRIVALS)
    return run.store.obtain(provenance, lambda folder: save(folder, "arrivals", table))


def profiles_of(run: Run, predictions: Artifact) -> list[dict[str, Any]]:
    """The rows of the table `profiles`, as a journal can hold them."""
    table = load(run.store.folder(predictions), "profiles")
    return [plain({str(name): value for name, value in row.items()}) for row in table.to_dict("records")]


def passing_faults(run: Run, patients: Mapping[str, Artifact]) -> set[str]:
    """The patients of whom something could not be read for a reason that may be gone at the next look."""
    reasons = {name: load(run.store.folder(artifact), "rejected")["reason"] for name, artifact in patients.items()}
    return {name for name, found in reasons.items() if any(REASONS[reason].passing for reason in found)}


def only_look(run: Run, watched: Watched) -> AbstractContextManager[bool]:
    """Whether this is the only look at the folder under way on this machine; a training within one takes hours."""
    return try_hold(run.store.root / LOCKS / watched.journal.name)


class DriftSettings(Settings):
    """How those that came are held against a model's own patients."""

    source: str
    model: str
    recent: int


@stage(
    code=["gliaflow.evaluation.drift", "gliaflow.report.drift"],
    libraries=["jinja2", "matplotlib", "numpy", "pandas", "pyarrow", "scipy"],
)
def drift(folder: Path, settings: DriftSettings, *, arrivals: Path, **fingerprints: Path) -> None:
    """Hold the last `recent` arrivals that `model` met against its own patients (its one of `fingerprints`).

    Leaves the tables `drift` and `arrivals`, `report.html`, `figures/` and `summary.json` for the dashboard.
    """
    came = load(arrivals, "arrivals")
    references = {name: load(path, "fingerprint") for name, path in fingerprints.items()}
    recent = came[came["model"] == settings.model].tail(settings.recent)
    table = measure_drift(references[settings.model], recent, list(MEASURES))
    save(folder, "drift", table)
    save(folder, "arrivals", came)
    write_drift(folder, DriftData(settings.source, settings.model, settings.recent, came, references, table))


def hold_against(run: Run, current: Version, came: list[dict[str, Any]], source: str, recent: int) -> Artifact:
    """The stage `drift` of all patients that `came`, with the fingerprints of the models that met them."""
    arrivals = note_arrivals(run, came)
    versions = {version.name: version for version in Registry(run.store).versions()}
    met = {row["model"] for row in came} & versions.keys() | {current.name}
    marks = {name: versions[name].results["fingerprint"] for name in sorted(met)}
    run.use(mark.path for mark in marks.values())
    settings = DriftSettings(source=source, model=current.name, recent=recent)
    return drift(run, settings, arrivals=arrivals, **marks)
