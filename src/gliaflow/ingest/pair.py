"""Image and mask of each slice together, by patient and number; every other data file rejected with its reason."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from gliaflow.ingest.names import parse_name
from gliaflow.ingest.reasons import REASONS, UnusableSource

SHOWN = 5  # paths in one message
NO_NUMBER = "no slice number from 0 to 999999999 at the end of the name"
REJECTED_COLUMNS = {"path": "str", "reason": "str", "found": "str", "stage": "str", "counted": "bool"}
SLICE_COLUMNS = {
    "patient": "str",
    "slice": "int64",
    "site": "str",
    "case": "str",
    "image_path": "str",
    "mask_path": "str",
    "image_sha256": "str",
    "mask_sha256": "str",
}


class TooManyRejected(UnusableSource):
    """More files were rejected than the settable share allows."""


class NothingLeft(UnusableSource):
    """No slice can be used."""


@dataclass(frozen=True)
class Rejection:
    """A file that is not used: why (a code of REASONS), what was found, and the stage that found it."""

    path: str
    reason: str
    found: str
    stage: str


def rejected_table(rejections: Iterable[Rejection]) -> pd.DataFrame:
    """The rejected table, sorted by path."""
    rows = sorted(rejections, key=lambda rejection: rejection.path)
    return pd.DataFrame(
        [(row.path, row.reason, row.found, row.stage, REASONS[row.reason].counted) for row in rows],
        columns=list(REJECTED_COLUMNS),
    ).astype(REJECTED_COLUMNS)


def pair_slices(files: pd.DataFrame, *, wait: bool = False) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Pair the images and masks of a file table; returns (slice table, rejected table).

    Every image and mask is in exactly one of them. Identical copies, of a slice or of a whole patient, count once: the
    copy nearest the data root is used. Two different files for one slice reject that slice. With `wait`, a patient
    without any mask is no fault: nobody has drawn them yet, and its images don't count as rejected.
    """
    rejections: list[Rejection] = []
    drawn = set(files.loc[files["role"] == "mask", "patient"].dropna())
    found: defaultdict[tuple[str, int], dict[str, list[Any]]] = defaultdict(lambda: {"image": [], "mask": []})
    rows: list[Any] = list(files.itertuples(index=False))
    for file in rows:
        if pd.notna(file.problem):
            rejections.append(Rejection(file.path, file.problem, in_words(file), "scan"))
        elif file.role in ("image", "mask") and pd.isna(file.patient):
            rejections.append(Rejection(file.path, "odd_name", NO_NUMBER, "pair"))
        if file.role in ("image", "mask") and pd.notna(file.patient):
            found[file.patient, int(file.slice)][file.role].append(file)
    pairs = []
    for (patient, number), roles in sorted(found.items()):
        pair, refused = _pair_slice(roles["image"], roles["mask"])
        if wait and patient not in drawn:
            refused = [_awaiting(row) if row.reason == "image_without_mask" else row for row in refused]
        rejections += refused
        if pair:
            image, mask = pair
            name = parse_name(image.path)
            case, site = (name.case, name.site) if name else (None, None)
            row = (patient, number, site or "unknown", case, image.path, mask.path, image.sha256, mask.sha256)
            pairs.append(row)
    slices = pd.DataFrame(pairs, columns=list(SLICE_COLUMNS)).astype(SLICE_COLUMNS)
    slices, copies = without_copied_patients(slices, ["image", "mask"])
    return slices, rejected_table([*rejections, *copies])


def _awaiting(rejection: Rejection) -> Rejection:
    return replace(rejection, reason="awaiting_masks", found="no mask of any slice of this patient")


def in_words(file: Any) -> str:
    """What was found wrong with a file of the file table."""
    found = {
        "empty_file": "0 bytes",
        "too_large": f"{file.size} bytes",
        "no_permission": "the system refused to open it",
        "unreadable": "the system could not read it",
        "broken_link": "a link to nothing",
        "not_a_file": "a pipe, socket or device",
        "undecodable_name": "a name that is not UTF-8",
    }
    return found.get(file.problem, str(file.problem))


def _pair_slice(images: list[Any], masks: list[Any]) -> tuple[tuple[Any, Any] | None, list[Rejection]]:
    """Image and mask of one slice, if there is exactly one of each by content, and what is rejected instead."""
    rejections: list[Rejection] = []
    usable: dict[str, Any] = {}
    verdicts: dict[str, str] = {}
    for role, files in (("image", images), ("mask", masks)):
        file, refused, verdict = choose_file(role, files)
        rejections += refused
        if file is not None:
            usable[role] = file
        elif verdict:
            verdicts[role] = verdict
    if len(usable) == 2:
        image, mask = usable["image"], usable["mask"]
        if image.sha256 != mask.sha256:
            return (image, mask), rejections
        rejections.append(Rejection(image.path, "mask_is_image", f"the same bytes as its mask {mask.path}", "pair"))
        rejections.append(Rejection(mask.path, "mask_is_image", f"the same bytes as its image {image.path}", "pair"))
    elif usable:
        (role, file), partner = next(iter(usable.items())), "mask" if "image" in usable else "image"
        if partner in verdicts:
            rejections.append(Rejection(file.path, "partner_unusable", verdicts[partner], "pair"))
        else:
            found = f"no {partner} of patient {file.patient}, slice {file.slice}"
            rejections.append(Rejection(file.path, f"{role}_without_{partner}", found, "pair"))
    return None, rejections


def choose_file(role: str, files: list[Any]) -> tuple[Any | None, list[Rejection], str]:
    """Of the rows of one slice's images (or masks) the one to use; what is rejected; and why none can be used."""
    sound = sorted((file for file in files if pd.isna(file.problem)), key=lambda file: _depth(file.path))
    if len({file.sha256 for file in sound}) > 1:
        others = {file.path: [other.path for other in sound if other.sha256 != file.sha256] for file in sound}
        rejections = [
            Rejection(file.path, "conflicting_files", f"another {role} of this slice: {others[file.path][0]}", "pair")
            for file in sound
        ]
        names = [file.path for file in sound]
        shown = f"{', '.join(names[:SHOWN])}{', ...' if len(names) > SHOWN else ''}"
        return None, rejections, f"there are different {role}s of this slice: {shown}"
    if sound:
        copies = [Rejection(copy.path, "duplicate_copy", f"same as {sound[0].path}", "pair") for copy in sound[1:]]
        return sound[0], copies, ""
    return None, [], f"its {role} {files[0].path} can't be used: {files[0].problem}" if files else ""


def _depth(path: str) -> tuple[int, str]:
    """Sorts paths nearer the data root first."""
    return path.count("/"), path


def without_copied_patients(slices: pd.DataFrame, roles: Sequence[str]) -> tuple[pd.DataFrame, list[Rejection]]:
    """Leave out patients all of whose slices are, byte for byte, slices of another: the same data renamed, or a part.

    `roles` are the files that make a slice ("image", "mask"). Of equals, the one nearest the data root is kept.
    """
    digests, paths = [f"{role}_sha256" for role in roles], [f"{role}_path" for role in roles]
    groups = sorted(slices.groupby("patient"), key=lambda group: _depth(group[1]["image_path"].iloc[0]))
    contents = {str(patient): set(group[digests].itertuples(index=False, name=None)) for patient, group in groups}
    groups.sort(key=lambda group: -len(contents[str(group[0])]))  # stable: of equals, the nearest stays first
    holders: defaultdict[tuple[str, ...], dict[str, Any]] = defaultdict(dict)  # content -> patient -> its row
    copied, rejections = [], []
    for patient, group in groups:
        rows = group.to_dict("records")
        others = set.intersection(*(set(holders.get(content, ())) for content in contents[str(patient)]))
        if not others:
            for row in rows:
                holders[tuple(row[digest] for digest in digests)].setdefault(str(patient), row)
            continue
        copied.append(patient)
        for row in rows:
            same = holders[tuple(row[digest] for digest in digests)][min(others)]
            rejections += [Rejection(row[path], "duplicate_copy", f"same as {same[path]}", "pair") for path in paths]
    return slices[~slices["patient"].isin(copied)].reset_index(drop=True), rejections


def check_usable(rejected: pd.DataFrame, used_slices: int, limit: float) -> None:
    """Raise NothingLeft if no slice is used, TooManyRejected if more than the share `limit` (0 to 1) is rejected.

    The share is that of counted rejected files among these and the two files of each used slice.
    """
    counted = int(rejected["counted"].sum())
    reasons = "; ".join(
        f"{len(rows)} x {code} ({REASONS[str(code)].rule.rstrip('.')}; e.g. {rows.iloc[0]})"
        for code, rows in rejected.groupby("reason")["path"]
    )
    if used_slices == 0:
        found = (
            f"All {len(rejected)} data files were rejected: {reasons}."
            if len(rejected)
            else "There are no image files."
        )
        raise NothingLeft(f"No pair of image and mask can be used. {found} Name a folder with images and their masks.")
    share = counted / (counted + 2 * used_slices)
    if share > limit:
        raise TooManyRejected(
            f"{counted} of {counted + 2 * used_slices} data files ({share:.1%}) were rejected, more than the limit of "
            f"{limit:.1%}: {reasons}. Mend the files, or raise the limit."
        )
