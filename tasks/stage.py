"""A stage: a step of the domain as a Prefect task whose result is reused while nothing it depends on changes."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from prefect import Task
from prefect.cache_policies import CacheKeyFnPolicy

from gliaflow.store.artifacts import RECORDS, Artifact, Store
from gliaflow.store.digests import digest_code, digest_function, library_versions
from gliaflow.store.manifests import Provenance
from gliaflow.store.runs import Run
from gliaflow.store.shared import open_store
from gliaflow.store.why import Why, why_run
from tasks.console import tell_stage
from tasks.records import ArtifactSerializer, checked_against
from tasks.settings import Nothing, Settings

Input = Artifact | Path | dict[str, Artifact]
REUSED = Why("nothing it depends on has changed")


class Stage:
    """Calls `function(folder, settings, **inputs)`, which writes its result into `folder`.

    `settings` is what the stage reads of the parameters. An input is the folder of an earlier stage's result; what the
    flow passes otherwise (the data's root, the patients' volumes by name) does not enter the key. A stage that
    `resumes` is also given `work`, a folder that outlives a killed attempt.
    """

    def __init__(
        self, function: Callable[..., None], *, name: str, code: Sequence[str], libraries: Sequence[str], resumes: bool
    ) -> None:
        self.function = function
        self.name = name
        self.code = code
        self.libraries = libraries
        self.resumes = resumes
        self.__doc__ = function.__doc__
        self.task: Task[..., dict[str, str]] = Task(
            fn=self._make,
            name=self.name,
            description=function.__doc__,
            task_run_name=self.name,
            # Our own key: Prefect's INPUTS knows neither the task nor its code, TASK_SOURCE not the functions it calls.
            cache_policy=CacheKeyFnPolicy(cache_key_fn=lambda _, given: f"{self.name}-{given['provenance']['key']}"),
            persist_result=True,
            result_serializer=ArtifactSerializer(),
            cache_result_in_memory=False,  # else every result stays in memory as long as the process lives
        )

    def __call__(self, run: Run, settings: Settings | None = None, **inputs: Input) -> Artifact:
        """The stage's result: reused, or made now in a task run of its own. Adds a line to the run's record."""
        clock = time.perf_counter()
        provenance = self.provenance(settings or Nothing(), inputs)
        run.use([f"{self.name}/{provenance.key}"])
        cached = run.store.find(self.name, provenance.key) is not None
        why = REUSED if cached else why_run(run.store, provenance, run.made)
        artifact = self.obtain(run.store, provenance, settings or Nothing(), inputs, part=run.part)
        tell_stage(run.record(artifact, cached=cached, why=why, seconds=time.perf_counter() - clock))
        return artifact

    def provenance(self, settings: Settings, inputs: dict[str, Input]) -> Provenance:
        """All that the result depends on."""
        return Provenance(
            stage=self.name,
            inputs={name: value.content for name, value in inputs.items() if isinstance(value, Artifact)},
            parameters=settings.model_dump(mode="json"),
            code={**digest_code(self.code), f"tasks.{self.name}": digest_function(self.function)},
            libraries=library_versions(self.libraries),
        )

    def obtain(
        self, store: Store, provenance: Provenance, settings: Settings, inputs: dict[str, Input], part: str = ""
    ) -> Artifact:
        """The result of `provenance` through Prefect, which shows a reused one as cached, and the `part` of the run."""
        name = f"{part} {self.name}".lstrip()
        task = self.task.with_options(result_storage=store.root / RECORDS, task_run_name=name)
        with checked_against(store):
            made = task({**asdict(provenance), "key": provenance.key}, settings, store.address, inputs)
        return Artifact(**made)

    def _make(
        self, provenance: dict[str, Any], settings: Settings, address: str, inputs: dict[str, Input]
    ) -> dict[str, str]:
        """What runs as the task. The artifact may be there although Prefect's record is gone: then it is used."""
        store = open_store(address)
        wanted = Provenance(**{name: value for name, value in provenance.items() if name != "key"})

        def make(folder: Path) -> None:
            places = {name: _place(store, value) for name, value in inputs.items()}
            work = {"work": store.work_folder(wanted)} if self.resumes else {}
            self.function(folder, settings, **places, **work)

        return asdict(store.obtain(wanted, make))


def _place(store: Store, value: Input) -> Path | dict[str, Path]:
    """Where an input lies on this machine."""
    if isinstance(value, dict):
        return {name: store.folder(artifact) for name, artifact in value.items()}
    return store.folder(value) if isinstance(value, Artifact) else value


def stage(
    *, code: Sequence[str], libraries: Sequence[str] = (), name: str | None = None, resumes: bool = False
) -> Callable[[Callable[..., None]], Stage]:
    """Make a stage of a function: `code` names the domain modules it calls, `libraries` what its bytes depend on."""

    def decorate(function: Callable[..., None]) -> Stage:
        return Stage(function, name=name or function.__name__, code=code, libraries=libraries, resumes=resumes)

    return decorate
