"""Tables at a task's border: validated when they leave and when they enter."""

from pathlib import Path

import pandas as pd

import schemas
from gliaflow.store.tables import read_table, write_table

SCHEMAS = {
    "files": schemas.FileTable,
    "slices": schemas.SliceTable,
    "rejected": schemas.RejectedTable,
    "clinical": schemas.ClinicalTable,
    "facts": schemas.FactTable,
    "labels": schemas.LabelTable,
    "volumes": schemas.VolumeTable,
    "parts": schemas.PartTable,
    "leaks": schemas.LeakTable,
    "history": schemas.HistoryTable,
    "predictions": schemas.PredictionTable,
    "patients": schemas.PatientTable,
    "confidence": schemas.ConfidenceTable,
    "frame": schemas.FrameTable,
    "familiarity": schemas.FamiliarityTable,
    "trials": schemas.TrialTable,
    "curves": schemas.CurveTable,
    "folds": schemas.FoldTable,
    "audit": schemas.DoubtTable,
    "images": schemas.ImageTable,
    "answers": schemas.AnswerTable,
    "profiles": schemas.ProfileTable,
    "fingerprint": schemas.FingerprintTable,
    "contest": schemas.ContestTable,
    "arrivals": schemas.ArrivalTable,
    "drift": schemas.DriftTable,
}


def save(folder: Path, name: str, frame: pd.DataFrame) -> None:
    """Validate `frame` and write it as `<name>.parquet`; raises `InvalidTable`."""
    write_table(schemas.validate(frame, SCHEMAS[name], f"{name} table"), folder / f"{name}.parquet")


def load(folder: Path, name: str) -> pd.DataFrame:
    """Read `<name>.parquet` of a stage and validate it; raises `InvalidTable`."""
    return schemas.validate(read_table(folder / f"{name}.parquet"), SCHEMAS[name], f"{name} table")
