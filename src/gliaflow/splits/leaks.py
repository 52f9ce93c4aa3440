"""The leak audit: patients, byte-equal slices and near-duplicate slices that stand in two parts of a split."""

from collections.abc import Callable
from itertools import combinations, permutations

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from gliaflow.errors import GliaflowError
from gliaflow.splits.neighbours import near_pairs
from gliaflow.splits.protocols import LEAKY, PARTS

HAMMING = 8  # of 64 bits; HAMMING, CORRELATION, BLUR and FLAT are measured: docs/near-duplicates.md
CORRELATION = 0.9  # of two thumbnails' detail
BLUR = 1.5  # standard deviation in thumbnail pixels of what is taken away: head shape, bias field, brightness
FLAT = 2.0  # grey values; a thumbnail that varies less is (nearly) empty, alike in all patients, and no leak
PARTNERS = 16  # a slice is compared with this many of equal hash at the most
CHUNK = 16_384  # slices or pairs at a time
SIDE = 32  # pixels of a thumbnail

COLUMNS = ["kind", "part_a", "patient_a", "slice_a", "part_b", "patient_b", "slice_b", "similarity"]
KINDS = ("patient", "exact", "near")

Thumbnails = Callable[[list[tuple[str, int]]], np.ndarray]
"""(patient, slice number) pairs to 32 x 32 pictures, 0..255: FLAIR [n, 32, 32] or all sequences [n, 32, 32, 3]."""


class LeakFound(GliaflowError):
    """A split that promises separate parts shares patients or slices between them."""


def audit_leaks(parts: pd.DataFrame, labels: pd.DataFrame, thumbnails: Thumbnails) -> pd.DataFrame:
    """Find what stands in two parts at once.

    Parameters
    ----------
    parts : DataFrame
        The split table: patient, slice, part.
    labels : DataFrame
        The labelled slice table: patient, slice, image_sha256, phash (64-bit hash of FLAIR, 16 hexadecimal digits),
        brain_pixels.
    thumbnails : callable
        Gives the pictures of the slices it is asked for, area-resized to 32 x 32; asked for suspects only.

    Returns
    -------
    DataFrame
        kind, part_a, patient_a, slice_a, part_b, patient_b, slice_b, similarity; one row a leak, of three kinds.
        `patient`: one row a patient and pair of parts, without slice numbers. `exact`: equal files, each of them in
        at least one row. `near`: hashes at most HAMMING bits apart and a correlation (the similarity) of CORRELATION
        or more. Slices that are black or nearly so are left out. Where a split parts a patient's slices, neighbours
        that look alike are near duplicates like any others.
    """
    facts = labels[["patient", "slice", "image_sha256", "phash", "brain_pixels"]]
    slices = parts[["patient", "slice", "part"]].merge(facts, on=["patient", "slice"], how="left", validate="1:1")
    if slices["phash"].isna().any():
        lost = slices[slices["phash"].isna()].iloc[0]
        raise ValueError(
            f"Every slice of the split must be in the labelled table; {lost['patient']} slice {lost['slice']} is not. "
            "Split again."
        )
    slices = slices.sort_values(["patient", "slice"], ignore_index=True)
    slices["number"] = slices["part"].map(PARTS.index)
    full = slices[slices["brain_pixels"] > 0].reset_index(drop=True)
    part = full["number"].to_numpy(np.int64)
    details = _Details(full, thumbnails)

    content, contents = pd.factorize(full["image_sha256"])
    spread = np.flatnonzero(np.bitwise_count(_sides(content, part, len(contents))) > 1)
    exact = _pair_across_parts(content, part, np.stack([spread, spread], axis=1), partners=1)
    exact = exact[details.varied(exact[:, 0])]

    hashes, of_slice = np.unique(_parse_hashes(full["phash"]), return_inverse=True)
    groups = near_pairs(hashes, HAMMING, _sides(of_slice, part, len(hashes)))
    near = _pair_across_parts(of_slice, part, groups, PARTNERS)
    near = near[content[near[:, 0]] != content[near[:, 1]]]
    similarity = details.correlate(near)
    alike = similarity >= CORRELATION

    found = [
        _shared_patients(slices),
        _rows("exact", full, exact, np.ones(len(exact))),
        _rows("near", full, near[alike], similarity[alike]),
    ]
    leaks = pd.concat(found, ignore_index=True)
    places = {"kind": KINDS, "part_a": PARTS, "part_b": PARTS}
    ranks = leaks.assign(**{column: leaks[column].map(order.index) for column, order in places.items()})
    return leaks.loc[ranks.sort_values(COLUMNS[:-1]).index].reset_index(drop=True)


def check_leaks(leaks: pd.DataFrame, protocol: str) -> str:
    """Say in a sentence what leaks; raises `LeakFound` if anything does, under every protocol that is not in LEAKY."""
    if protocol in LEAKY:
        return (
            f"The protocol {protocol!r} leaks, as it is known to: {_count(leaks)} stand in two parts at once, "
            "so the figures flatter the model."
        )
    if leaks.empty:
        return "No patient and no equal or alike slice stands in two parts."
    pairs = leaks.groupby(["patient_a", "part_a", "patient_b", "part_b", "kind"], sort=False, as_index=False).agg(
        rows=("kind", "size"), slice_a=("slice_a", "first"), slice_b=("slice_b", "first"), best=("similarity", "max")
    )
    pairs = pairs.assign(rank=pairs["kind"].map(KINDS.index)).sort_values(
        ["rank", "rows", "best"], ascending=[True, False, False], kind="stable"
    )
    shown = [_describe(row) for row in pairs.head(5).to_dict("records")]
    more = [f"and {len(pairs) - len(shown)} more pairs of patients"] if len(pairs) > len(shown) else []
    raise LeakFound(
        f"Under the protocol {protocol!r} nothing may stand in two parts at once, but the audit found "
        f"{_count(leaks)}:\n- " + "\n- ".join(shown + more) + "\nThe two of a pair are probably one person, or one "
        "folder copied under a second name: keep one of them in the data folder, then run again."
    )


def _count(leaks: pd.DataFrame) -> str:
    shared = leaks.loc[leaks["kind"] == "patient", "patient_a"].nunique()
    exact, near = ((leaks["kind"] == kind).sum() for kind in ("exact", "near"))
    return (
        f"{_number(shared, 'patient')}, {_number(exact, 'pair')} of equal and {_number(near, 'pair')} of alike slices"
    )


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _describe(pair: dict) -> str:
    a, b = f"{pair['patient_a']} ({pair['part_a']})", f"{pair['patient_b']} ({pair['part_b']})"
    if pair["kind"] == "patient":
        return f"{pair['patient_a']} is in both {pair['part_a']} and {pair['part_b']}"
    how = "equal slices" if pair["kind"] == "exact" else f"alike slices, similarity up to {pair['best']:.3f}"
    return f"{a} and {b}: {_number(pair['rows'], 'pair')} of {how}, such as {pair['slice_a']} and {pair['slice_b']}"


def _parse_hashes(phash: pd.Series) -> np.ndarray:
    return np.array([int(digits, 16) for digits in phash], dtype=np.uint64)


def _sides(group: np.ndarray, part: np.ndarray, groups: int) -> np.ndarray:
    """For each group the parts that its slices stand in, one bit a part: int64 [groups]."""
    sides = np.zeros(groups, np.int64)
    np.bitwise_or.at(sides, group, 1 << part)
    return sides


def _pair_across_parts(group: np.ndarray, part: np.ndarray, pairs: np.ndarray, partners: int) -> np.ndarray:
    """Pairs of slices in different parts whose groups are paired: int64 [m, 2], the slice of the earlier part first.

    Each slice of the more numerous side meets at most `partners` of the other, so that large groups cost no square.
    """
    cell = group * len(PARTS) + part
    order = np.argsort(cell, kind="stable")
    cells = np.arange(len(PARTS) * (group.max(initial=-1) + 1))
    start, stop = np.searchsorted(cell[order], cells), np.searchsorted(cell[order], cells, side="right")
    found = [np.empty((0, 2), np.int64)]
    for p, q in permutations(range(len(PARTS)), 2):
        a, b = (pairs if p < q else pairs[pairs[:, 0] != pairs[:, 1]]).T
        a, b = a * len(PARTS) + p, b * len(PARTS) + q
        many, few = stop[a] - start[a], stop[b] - start[b]
        swap = many < few
        a, b = np.where(swap, b, a), np.where(swap, a, b)
        many, few = np.maximum(many, few), np.minimum(many, few)
        count = many * np.minimum(few, partners)
        row = np.repeat(np.arange(len(count)), count)
        turn = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)  # 0, 1, ... within each pair of groups
        i = turn % many[row]
        j = (i + turn // many[row]) % few[row]
        meet = np.stack([order[start[a[row]] + i], order[start[b[row]] + j]], axis=1)
        found.append(np.where((part[meet[:, 0]] > part[meet[:, 1]])[:, None], meet[:, ::-1], meet))
    return np.concatenate(found)


class _Details:
    """What remains of a slice's thumbnail without its coarse shape: unit vectors, read when first asked for."""

    def __init__(self, slices: pd.DataFrame, thumbnails: Thumbnails) -> None:
        self.names = list(zip(slices["patient"], slices["slice"], strict=True))
        self.thumbnails = thumbnails
        self.vectors = np.zeros((len(slices), SIDE * SIDE), np.float32)
        self.known, self.flat = np.zeros((2, len(slices)), bool)

    def varied(self, wanted: np.ndarray) -> np.ndarray:
        """Whether the slices, given by index, vary by FLAT or more: bool, as long as `wanted`."""
        self._read(wanted)
        return ~self.flat[wanted]

    def correlate(self, pairs: np.ndarray) -> np.ndarray:
        """Correlation of the two details of each pair, 0 where one of them is flat: float64 [m]."""
        found = np.zeros(len(pairs))
        varied = np.flatnonzero(self.varied(pairs.ravel()).reshape(-1, 2).all(axis=1))
        for start in range(0, len(varied), CHUNK):
            rows = varied[start : start + CHUNK]
            found[rows] = np.einsum("ij,ij->i", *(self.vectors[column] for column in pairs[rows].T))
        return np.clip(np.round(found, 6), -1.0, 1.0)

    def _read(self, wanted: np.ndarray) -> None:
        missing = np.flatnonzero(np.bincount(wanted, minlength=len(self.known)).astype(bool) & ~self.known)
        for start in range(0, len(missing), CHUNK):
            chunk = missing[start : start + CHUNK]
            self.vectors[chunk] = extract_details(self.thumbnails([self.names[index] for index in chunk]))
            self.flat[chunk] = ~self.vectors[chunk].any(axis=1)
            self.known[chunk] = True


def extract_details(thumbnails: np.ndarray, blur: float = BLUR) -> np.ndarray:
    """Unit vectors, float32 [n, 1024], whose products are the correlations of the pictures' detail; zeros where flat.

    `thumbnails` are [n, 32, 32], or [n, 32, 32, 3] of which FLAIR is used; their detail is what a Gaussian blur of
    `blur` pixels takes away.
    """
    flair = np.asarray(thumbnails, np.float32)
    flair = flair[..., 1] if flair.ndim == 4 else flair
    assert flair.shape[1:] == (SIDE, SIDE), flair.shape
    detail = (flair - gaussian_filter(flair, (0, blur, blur), mode="mirror")).reshape(len(flair), -1)
    detail -= detail.mean(axis=1, keepdims=True)
    length = np.linalg.norm(detail, axis=1, keepdims=True)
    varied = (flair.std(axis=(1, 2)) >= FLAT)[:, None] & (length > 0)
    return np.where(varied, detail / np.maximum(length, 1e-6), 0).astype(np.float32)


def _shared_patients(slices: pd.DataFrame) -> pd.DataFrame:
    """One row a patient and pair of parts that it stands in; `slices` has patient and the number of the part."""
    code, patients = pd.factorize(slices["patient"], sort=True)
    sides = _sides(code, slices["number"].to_numpy(np.int64), len(patients))
    found = []
    for p, q in combinations(range(len(PARTS)), 2):
        both = patients[(sides >> p & 1 & sides >> q) == 1]
        found.append(pd.DataFrame({"patient_a": both, "patient_b": both}).assign(part_a=PARTS[p], part_b=PARTS[q]))
    rows = pd.concat(found, ignore_index=True)
    return _typed(rows.assign(kind="patient", similarity=1.0, slice_a=np.nan, slice_b=np.nan))


def _rows(kind: str, slices: pd.DataFrame, pairs: np.ndarray, similarity: np.ndarray) -> pd.DataFrame:
    columns = {"kind": [kind] * len(pairs), "similarity": similarity}
    for side, index in zip("ab", pairs.T, strict=True):
        for name in ("part", "patient", "slice"):
            columns[f"{name}_{side}"] = slices[name].to_numpy()[index]
    return _typed(pd.DataFrame(columns))


def _typed(rows: pd.DataFrame) -> pd.DataFrame:
    types = {"slice_a": "Int64", "slice_b": "Int64", "similarity": "float64"}
    return rows[COLUMNS].astype({column: types.get(column, "str") for column in COLUMNS})
