"""The examination: the stages of a run as far as `label`, and every check on what they leave."""

from pathlib import Path

import pandas as pd

from gliaflow.ingest.clinical import gather_clinical
from gliaflow.ingest.doctor import files as file_checks
from gliaflow.ingest.doctor import intensities, likeness, masks, numbering, sequences
from gliaflow.ingest.doctor.clinical import faulty_rows, no_table, unlisted_patients
from gliaflow.ingest.doctor.findings import Case, Examination, Finding, in_order
from gliaflow.ingest.doctor.mask_folders import empty_mask_folders
from gliaflow.ingest.doctor.parallel import Progress, measure_patients
from gliaflow.ingest.pair import NothingLeft, TooManyRejected, check_usable, pair_slices
from gliaflow.ingest.prepare import FACT_COLUMNS
from gliaflow.ingest.scan import scan_folder
from gliaflow.splits.leaks import LeakFound, Thumbnails, audit_leaks, check_leaks
from gliaflow.splits.protocols import UnusableSplit, split_slices

REJECT_LIMIT, PROTOCOL = 0.1, "patient"  # as a run's own defaults
MEND = "Mend what is listed below, or name another folder."
RAISE_LIMIT = (
    "Mend what is listed below; or raise the limit, with --reject-limit here and reject_limit in a run's settings."
)
MEASURED_COLUMNS = {**FACT_COLUMNS, "head_pixels": "int64", "border_pixels": "int64", "deviation": "float64"}


def examine(
    root: Path,
    *,
    source: str | None = None,
    reject_limit: float = REJECT_LIMIT,
    workers: int = 1,
    progress: Progress | None = None,
) -> Examination:
    """Examine the data set in the folder `root`; nothing below it is written.

    Parameters
    ----------
    root : Path
        The folder, as `gliaflow.ingest.sources.open_source` gives it.
    source : str, optional
        What to call the data set; the folder's name by default.
    reject_limit : float
        Share of the files, 0 to 1, that may be rejected before a run stops.
    workers : int
        Processes that read slices.
    progress : callable, optional
        Told `files` or `patients`, how many are done and of how many.

    Raises `UnusableSource` where `root` can't be scanned; whatever else is wrong is a finding.
    """

    def tell_files(done: int, total: int) -> None:
        if progress:
            progress("files", done, total)

    files = scan_folder(root, progress=tell_files)
    slices, refused = pair_slices(files)
    clinical, clinical_refused = gather_clinical(root, files)
    rejected = [refused, clinical_refused]
    facts = []
    leads: dict[str, float] = {}
    with likeness.Thumbnails() as thumbnails:
        for measured in measure_patients(root, slices, workers=workers, progress=progress):
            rejected.append(measured.rejected)
            facts.append(measured.facts)
            thumbnails.add(measured.thumbnails)
            if len(measured.facts):
                leads[str(measured.facts["patient"].iloc[0])] = measured.lead
        labels = _label(slices, facts)
        alike = likeness.near_duplicates(labels, thumbnails)
        reject = pd.concat(rejected, ignore_index=True).sort_values("path", ignore_index=True)
        stops = stoppers(labels, reject, reject_limit, thumbnails.of(labels))
    series = numbering.numbers_of(files, labels)
    found = [
        *stops,
        *faulty_rows(clinical),
        *file_checks.unusable_files(files, reject, table_left=clinical is not None),
        *empty_mask_folders(root),
        *file_checks.other_files(files),
        *masks.whole_brain(labels),
        *masks.on_black(labels),
        *masks.touching_border(labels),
        *masks.without_tumor(labels),
        *masks.cut_off(labels, series),
        *masks.interrupted(labels),
        *sequences.channel_order(leads, _middle_slices(labels)),
        *sequences.black_sequences(labels),
        *sequences.missing_sequences(labels),
        *numbering.gaps(series),
        *numbering.late_starts(series),
        *numbering.few_slices(labels),
        *numbering.odd_sizes(labels),
        *alike,
        *intensities.outliers(labels),
        *no_table(files),
        *unlisted_patients(slices, clinical),
        *file_checks.copies(files, reject),
    ]
    return Examination(
        source=root.resolve().name if source is None else source,
        findings=in_order(found),
        files=len(files),
        patients=int(labels["patient"].nunique()),
        slices=len(labels),
        tumor_slices=int((labels["tumor_pixels"] > 0).sum()),
        rejected=int(reject["counted"].sum()),
        pairs=slices,
    )


def _label(slices: pd.DataFrame, facts: list[pd.DataFrame]) -> pd.DataFrame:
    """The slice table with the facts of all slices that could be prepared, in the order in which these were read."""
    empty = pd.DataFrame(columns=list(MEASURED_COLUMNS))
    table = pd.concat([part for part in facts if len(part)] or [empty], ignore_index=True).astype(MEASURED_COLUMNS)
    return table.merge(slices, on=["patient", "slice"], how="left", validate="one_to_one")


def _middle_slices(labels: pd.DataFrame) -> dict[str, int]:
    """For each patient the slice of most head: what is best to look at."""
    largest = labels.sort_values(["head_pixels", "slice"], kind="stable").groupby("patient").last()
    return {str(patient): int(number) for patient, number in largest["slice"].items()}


def stoppers(
    labels: pd.DataFrame, rejected: pd.DataFrame, reject_limit: float, thumbnails: Thumbnails
) -> list[Finding]:
    """What a run with its defaults would stop at: nothing left, too many rejected, no split, or one that leaks."""
    try:
        check_usable(rejected, len(labels), reject_limit)
    except NothingLeft as error:
        return [_stop("nothing_left", "No slice can be used", "A run needs slices with their masks.", [str(error)])]
    except TooManyRejected as error:
        rule = f"No more than {reject_limit:.1%} of the files may be rejected."
        return [_stop("too_many_rejected", "Too many files are rejected", rule, [str(error)], RAISE_LIMIT)]
    try:
        parts = split_slices(labels.assign(has_tumor=labels["tumor_pixels"] > 0), PROTOCOL)
        check_leaks(audit_leaks(parts, labels, thumbnails), PROTOCOL)
    except UnusableSplit as error:
        rule = "Patients are needed to train on, to choose by and to test on."
        return [_stop("too_few_patients", "Too few patients to train with", rule, [str(error)])]
    except LeakFound as error:
        rule = "Nothing stands in two parts of a split at once."
        told = [line.removeprefix("- ") for line in str(error).splitlines()]
        return [_stop("leak", "The default split parts slices that are alike", rule, told)]
    return []


def _stop(code: str, title: str, what: str, told: list[str], remedy: str = MEND) -> Finding:
    return Finding(
        code,
        "unusable",
        "data set",
        title,
        what,
        "A run stops.",
        remedy,
        [Case(line) for line in told],
    )
