"""An examination as text for a terminal: counts first, a few cases of each finding, 80 columns."""

import textwrap
from collections.abc import Iterator

from gliaflow.ingest.doctor.findings import SEVERITIES, Case, Examination, Finding
from gliaflow.report.tables import plural

WIDTH = 80
MOST_CASES = 3
LONGEST = 240  # characters of a case; doctor.json has all of it


def printable(text: str) -> str:
    """`text` with what can't be seen (control characters, changes of writing direction) as escapes."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in text
    )


def to_text(examination: Examination) -> str:
    """The examination in lines of at most 80 characters."""
    lines = [*_wrap(f"{printable(examination.source)}: {examination.sentence}")]
    for severity, meaning in SEVERITIES.items():
        findings = examination.of(severity)
        if findings:
            lines += ["", f"{severity.upper()}: {meaning}"]
        for finding in findings:
            lines += ["", *_finding(finding)]
    return "\n".join(lines) + "\n"


def summary_line(examination: Examination, seconds: float) -> str:
    """What was examined, in figures."""
    return (
        f"{plural(examination.patients, 'patient')}, {plural(examination.slices, 'pair')}, "
        f"{plural(examination.tumor_slices, 'tumour slice')}, {plural(examination.rejected, 'file')} rejected of "
        f"{examination.files:,}, {seconds:.1f} s"
    )


def case_line(case: Case) -> str:
    """One case in a line: what it is about, and what was found."""
    parts = [printable(part) for part in (case.name, case.found) if part]
    line = ": ".join(parts)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."


def _finding(finding: Finding) -> Iterator[str]:
    yield from _wrap(f"{finding.size}: {finding.title}", "  ", "    ")
    yield from _wrap(f"Rule: {finding.what}", "    ", "      ")
    yield from _wrap(f"Gliaflow: {finding.action}", "    ", "      ")
    yield from _wrap(f"You: {finding.remedy}", "    ", "      ")
    for case in finding.cases[:MOST_CASES]:
        yield from _wrap(f"- {case_line(case)}", "    ", "      ")
    if len(finding.cases) > MOST_CASES:
        yield f"    - and {len(finding.cases) - MOST_CASES:,} more"


def _wrap(text: str, first: str = "", rest: str = "  ") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
