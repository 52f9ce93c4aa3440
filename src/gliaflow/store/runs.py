"""The record of a run, `runs/<run>/run.json`: its parameters, and for each stage what it used and why it ran."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gliaflow.store.artifacts import Artifact, Store


@dataclass(frozen=True)
class StageRecord:
    """One line of a run: `path` is relative to the artifact root, `seconds` is what this run spent on the stage."""

    stage: str
    key: str
    path: str
    cached: bool
    why: str
    seconds: float


@dataclass
class Run:
    """A run under way: where its artifacts are, and what it has done so far."""

    name: str
    store: Store
    parameters: dict[str, Any]
    stages: list[StageRecord] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """Where this run's record lies."""
        return self.store.root / "runs" / self.name

    def record(self, artifact: Artifact, *, cached: bool, why: str, seconds: float) -> StageRecord:
        """Add a stage and write the record anew, whole or not at all."""
        entry = StageRecord(artifact.stage, artifact.key, artifact.path, cached, why, round(seconds, 3))
        self.stages.append(entry)
        self.write()
        return entry

    def write(self) -> None:
        """Write `run.json`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        stages = [asdict(stage) for stage in self.stages]
        draft = self.folder / f".run.json.{os.getpid()}"
        draft.write_text(
            json.dumps({"run": self.name, "parameters": self.parameters, "stages": stages}, indent=1), "utf-8"
        )
        os.replace(draft, self.folder / "run.json")
