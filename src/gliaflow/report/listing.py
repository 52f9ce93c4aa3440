"""What `gliaflow score` prints: a line a metric, and what is to be known of them."""

from gliaflow.evaluation.rescore import Rescored
from gliaflow.report.scores import FEW_PATIENTS, few_patients
from gliaflow.report.tables import plural

UNDEFINED = "-"


def to_text(scored: Rescored) -> str:
    """Name, value, 95 % interval and n of each metric, in columns; above what was scored, below what wasn't."""
    rows = [("metric", "value", "95 % interval", "n")]
    for metric in scored.metrics:
        bounds = [_write(bound) for bound in (metric.low, metric.high)]
        interval = UNDEFINED if UNDEFINED in bounds else " to ".join(bounds)
        rows.append((metric.name, _write(metric.value), interval, plural(metric.n, metric.unit.removesuffix("s"))))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    listed = [
        f"{name:<{widths[0]}}  {value:>{widths[1]}}  {interval:<{widths[2]}}  {n}" for name, value, interval, n in rows
    ]
    patients = len(scored.patients)
    notes = [few_patients(patients)] if patients < FEW_PATIENTS else []
    return "\n".join([_scope(scored), "", *listed, "", *notes, scored.note, ""])


def _scope(scored: Rescored) -> str:
    """How much was scored, and what was left out."""
    patients = scored.patients
    said = f"{plural(len(patients), 'patient')}, {plural(int(patients['slices'].sum()), 'slice')}"
    said += f", {plural(int(patients['tumor_slices'].sum()), 'tumour slice')}"
    for paths, what, partner in (
        (scored.only_true, "true mask", "predicted"),
        (scored.only_predicted, "predicted mask", "true"),
    ):
        if paths:
            said += f"; left out: {plural(len(paths), what)} without a {partner} one"
    return said


def _write(value: float | None) -> str:
    return UNDEFINED if value is None else f"{value:.4f}"
