"""What an examination finds: findings, the cases that each is about, and what they come to together."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, cast, get_args

import pandas as pd

from gliaflow.report.tables import join, plural

Severity = Literal["unusable", "rejected", "warning", "note"]
Verdict = Literal["sound", "findings", "unusable"]
Unit = Literal["file", "folder", "patient", "slice", "pair", "row", "data set"]

SEVERITIES: dict[Severity, str] = {
    "unusable": "a run would stop",
    "rejected": "left out, the run goes on with the rest",
    "warning": "used, but worth a look",
    "note": "nothing needs doing",
}
EXIT_STATUS: dict[Verdict, int] = {"sound": 0, "findings": 1, "unusable": 2}
_ORDER = cast(tuple[Severity, ...], get_args(Severity))


@dataclass(frozen=True)
class Case:
    """One file, patient or slice that a finding is about, and what was found there.

    `beside_patient` and `beside_slice` name the slice that it is to be compared with, where there is one.
    """

    found: str = ""
    path: str | None = None
    patient: str | None = None
    slice: int | None = None
    beside_patient: str | None = None
    beside_slice: int | None = None

    @property
    def name(self) -> str:
        """The file, or patient and slice, as text; may be empty."""
        if self.path is not None:
            return self.path
        slices = "" if self.slice is None else f"slice {self.slice}"
        return ", ".join(part for part in (self.patient, slices) if part)


@dataclass(frozen=True)
class Finding:
    """One kind of fault: `title` in a few words, `what` the rule, `action` Gliaflow's part, `remedy` yours.

    `cases` holds all of them; `count` is their number in `unit`s.
    """

    code: str
    severity: Severity
    unit: Unit
    title: str
    what: str
    action: str
    remedy: str
    cases: Sequence[Case]
    counted: int | None = None

    @property
    def count(self) -> int:
        return len(self.cases) if self.counted is None else self.counted

    @property
    def size(self) -> str:
        """The count with its unit: `3 slices`, or `data set` of which there is but one."""
        return self.unit if self.unit == "data set" else plural(self.count, self.unit)


@dataclass(frozen=True)
class Examination:
    """All findings about a data set, gravest first, and its size.

    `files` are those that the scan saw, `rejected` those that count towards the share that may be rejected. `pairs` is
    the slice table of what was read, by which a slice's files are found again.
    """

    source: str
    findings: Sequence[Finding]
    files: int
    patients: int
    slices: int
    tumor_slices: int
    rejected: int
    pairs: pd.DataFrame = field(repr=False, compare=False)

    @property
    def verdict(self) -> Verdict:
        """`unusable` if a run would stop, `sound` if there are notes at the most."""
        severities = {finding.severity for finding in self.findings}
        if "unusable" in severities:
            return "unusable"
        return "findings" if severities - {"note"} else "sound"

    @property
    def exit_status(self) -> int:
        return EXIT_STATUS[self.verdict]

    @property
    def sentence(self) -> str:
        """The verdict for people."""
        if self.verdict == "unusable":
            return f"A run would stop: {join(finding.title.lower() for finding in self.of('unusable'))}."
        if self.verdict == "sound":
            return "Nothing is wrong with this data set."
        worries = len(self.of("warning"))
        left = f"leaves out {plural(self.rejected, 'file')}" if self.rejected else "leaves nothing out"
        look = f"; {plural(worries, 'thing is', 'things are')} worth a look" if worries else ""
        return f"A run would go through: it {left}{look}."

    def of(self, severity: Severity) -> list[Finding]:
        return [finding for finding in self.findings if finding.severity == severity]


def in_order(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings, gravest first, else in the order in which the checks gave them."""
    return tuple(sorted(findings, key=lambda finding: _ORDER.index(finding.severity)))
