"""pandera models of every table that crosses a task boundary, and `validate`, which names every offending row."""

from schemas.clinical import ClinicalTable
from schemas.crossval import DoubtTable, FoldTable
from schemas.evaluation import ConfidenceTable, FrameTable, HistoryTable, PatientTable, PredictionTable
from schemas.ingest import FactTable, FileTable, LabelTable, RejectedTable, SliceTable, VolumeTable
from schemas.release import FamiliarityTable
from schemas.splits import LeakTable, PartTable
from schemas.tuning import CurveTable, TrialTable
from schemas.validation import InvalidTable, validate

__all__ = [
    "ClinicalTable",
    "ConfidenceTable",
    "CurveTable",
    "DoubtTable",
    "FactTable",
    "FamiliarityTable",
    "FileTable",
    "FoldTable",
    "FrameTable",
    "HistoryTable",
    "InvalidTable",
    "LabelTable",
    "LeakTable",
    "PartTable",
    "PatientTable",
    "PredictionTable",
    "RejectedTable",
    "SliceTable",
    "TrialTable",
    "VolumeTable",
    "validate",
]
