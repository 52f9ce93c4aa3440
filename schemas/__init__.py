"""pandera models of every table that crosses a task boundary, and `validate`, which names every offending row."""

from schemas.clinical import ClinicalTable
from schemas.crossval import DoubtTable, FoldTable
from schemas.evaluation import ConfidenceTable, FrameTable, HistoryTable, PatientTable, PredictionTable
from schemas.ingest import FactTable, FileTable, LabelTable, RejectedTable, SliceTable, VolumeTable
from schemas.prediction import (
    AnswerTable,
    ArrivalTable,
    ContestTable,
    DriftTable,
    FingerprintTable,
    ImageTable,
    ProfileTable,
)
from schemas.release import FamiliarityTable
from schemas.splits import LeakTable, PartTable
from schemas.tuning import CurveTable, TrialTable
from schemas.validation import InvalidTable, validate

__all__ = [
    "AnswerTable",
    "ArrivalTable",
    "ClinicalTable",
    "ConfidenceTable",
    "ContestTable",
    "CurveTable",
    "DoubtTable",
    "DriftTable",
    "FactTable",
    "FamiliarityTable",
    "FileTable",
    "FingerprintTable",
    "FoldTable",
    "FrameTable",
    "HistoryTable",
    "ImageTable",
    "InvalidTable",
    "LabelTable",
    "LeakTable",
    "PartTable",
    "PatientTable",
    "PredictionTable",
    "ProfileTable",
    "RejectedTable",
    "SliceTable",
    "TrialTable",
    "VolumeTable",
    "validate",
]
