"""Findings about files: what can't be used, what is no data, and what is there twice."""

from collections import defaultdict
from pathlib import Path, PurePosixPath

import pandas as pd

from gliaflow.ingest.doctor.findings import Case, Finding
from gliaflow.ingest.names import SYSTEM_NAMES
from gliaflow.ingest.reasons import REASONS
from gliaflow.ingest.studies.files import File
from gliaflow.ingest.studies.sequences import sequence_of
from gliaflow.report.tables import plural

CONSEQUENCE = "partner_unusable"  # of another fault, so it is told last
COPY = "duplicate_copy"
SLICE_ACTION = "Leaves the file out, and the slice with it."
TABLE_ACTIONS = {
    True: "Leaves the file out, and uses another data.csv, which is sound.",
    False: "Goes on without the clinical table.",
}
ONE_TABLE = "There is one data.csv, or all of them say the same."
MANY = 8  # copies in one folder, four slices, from which on they are told as a folder
UNREAD_IMAGES = frozenset({".dcm", ".dicom", ".nii", ".nrrd", ".mha", ".mhd", ".gif", ".webp", ".jp2", ".npy", ".npz"})


def unusable_files(files: pd.DataFrame, rejected: pd.DataFrame, *, table_left: bool) -> list[Finding]:
    """One finding for each reason of the rejected table but identical copies; clinical tables apart from slices.

    `table_left` says whether a clinical table is used nevertheless.
    """
    clinical = set(files.loc[files["role"] == "clinical", "path"])
    found = []
    for code in sorted(REASONS, key=lambda code: code == CONSEQUENCE):
        rows = rejected[rejected["reason"] == code]
        for about_slices in (True, False) if code != COPY else ():
            own = rows[rows["path"].isin(clinical) != about_slices]
            if len(own):
                found.append(_unusable(code, own, about_slices, table_left))
    return found


def _unusable(code: str, rows: pd.DataFrame, about_slices: bool, table_left: bool) -> Finding:
    reason = REASONS[code]
    action = SLICE_ACTION if about_slices else TABLE_ACTIONS[table_left]
    if not reason.counted:
        action = "Leaves the file out; it does not count as rejected."
    if about_slices or code == "bad_clinical":
        title, own_code = _title(code), code
    else:
        title, own_code = f"{_title(code)} (clinical table)", f"{code}_clinical"
    return Finding(
        own_code,
        "rejected" if reason.counted else "note",
        "file",
        title,
        ONE_TABLE if own_code == "conflicting_files_clinical" else reason.rule,
        action,
        reason.remedy,
        [Case(found, path=path) for path, found in sorted(zip(rows["path"], rows["found"], strict=True))],
    )


def _title(code: str) -> str:
    text = code.replace("non_", "non-").replace("clinical", "clinical table").replace("_", " ")
    return text[0].upper() + text[1:]


def copies(files: pd.DataFrame, rejected: pd.DataFrame) -> list[Finding]:
    """Identical copies: of patients under another name, of patients or data sets in another folder, of single files."""
    patient = {path: str(name) for path, name in zip(files["path"], files["patient"], strict=True) if pd.notna(name)}
    renamed: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    nested: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    single: dict[str, str] = {}
    rows = rejected[rejected["reason"] == COPY]
    for path, found in zip(rows["path"], rows["found"], strict=True):
        first = found.removeprefix("same as ")
        if first in patient and patient[first] != patient[path]:
            renamed[patient[path], patient[first]].append(path)
        else:
            nested[_unlike_heads(path, first)].append(path)
            single[path] = found
    doubled = {heads: paths for heads, paths in nested.items() if len(paths) >= MANY}
    for paths in doubled.values():
        for path in paths:
            del single[path]
    found = (_renamed(renamed), _doubled(doubled, patient), _single(single))
    return [finding for finding in found if finding.cases]


def _unlike_heads(path: str, other: str) -> tuple[str, str]:
    """Two paths without the folders and the name in which they end alike."""
    a, b = list(PurePosixPath(path).parts), list(PurePosixPath(other).parts)
    while a and b and a[-1] == b[-1]:
        a.pop()
        b.pop()
    return "/".join(a), "/".join(b)


def _renamed(renamed: dict[tuple[str, str], list[str]]) -> Finding:
    return Finding(
        "patient_under_two_names",
        "warning",
        "patient",
        "A patient under two names",
        "Two patients differ in some slice; these hold, slice for slice, the same bytes.",
        "Counts them once, under the name that lies nearest to the data root; of equals, the first by name.",
        "Keep the folder whose name is right: data.csv is joined by it.",
        [
            Case(f"the same {plural(len(paths), 'file')} as {first}", patient=copy)
            for (copy, first), paths in sorted(renamed.items())
        ],
    )


def _doubled(doubled: dict[tuple[str, str], list[str]], patient: dict[str, str]) -> Finding:
    return Finding(
        "doubled_data_set",
        "note",
        "folder",
        "Patients or a whole data set twice",
        REASONS[COPY].rule,
        "Uses the copy nearest to the data root and leaves the others out; they do not count as rejected.",
        REASONS[COPY].remedy,
        [
            Case(
                f"{plural(len(paths), 'file')} of {plural(len({patient[path] for path in paths}), 'patient')} that are "
                f"also in {original or 'the data root'}",
                path=copy or "the data root",
            )
            for (copy, original), paths in sorted(doubled.items())
        ],
    )


def _single(single: dict[str, str]) -> Finding:
    return Finding(
        COPY,
        "note",
        "file",
        "Identical copies",
        REASONS[COPY].rule,
        "Uses the copy nearest to the data root and leaves the others out; they do not count as rejected.",
        REASONS[COPY].remedy,
        [Case(found, path=path) for path, found in sorted(single.items())],
    )


def other_files(files: pd.DataFrame) -> list[Finding]:
    """Files that are no data: of the operating system, of image formats that Gliaflow doesn't read, and the rest."""
    kinds: defaultdict[str, list[Case]] = defaultdict(list)
    for path in files.loc[(files["role"] == "other") & files["problem"].isna(), "path"]:
        own = PurePosixPath(path)
        if any(is_system(part) for part in own.parts):
            kinds["system"].append(Case(path=path))
        elif UNREAD_IMAGES & {suffix.lower() for suffix in own.suffixes[-2:]} and not _is_other_sequence(path):
            kinds["unread"].append(Case(path=path))
        else:
            kinds["other"].append(Case(path=path))
    found = (
        Finding(
            "unread_format",
            "warning",
            "file",
            "Images that belong to no patient",
            "Slices are TIFF, PNG, JPEG or BMP; volumes are NIfTI or DICOM with FLAIR among a patient's files.",
            "Takes no notice of them.",
            "If they are wanted: export them in one of these formats, with names that tell the sequence.",
            kinds["unread"],
        ),
        _harmless("system_file", "Hidden files and files of the operating system", kinds["system"]),
        _harmless("other_file", "Files that are neither slices nor data.csv", kinds["other"]),
    )
    return [finding for finding in found if finding.cases]


def _is_other_sequence(path: str) -> bool:
    """Whether a file is of a sequence that Gliaflow has no use for, by its name: T2 of BraTS."""
    told = sequence_of(File(path, Path(path)).stem)
    return told is not None and told.sequence == "other"


def is_system(name: str) -> bool:
    """Whether a file or folder of this name is hidden, or of the operating system."""
    return name.startswith(".") or name.lower() in SYSTEM_NAMES


def _harmless(code: str, title: str, cases: list[Case]) -> Finding:
    rule, action, remedy = "Such files are no data.", "Takes no notice of them.", "Nothing needs doing."
    return Finding(code, "note", "file", title, rule, action, remedy, cases)
