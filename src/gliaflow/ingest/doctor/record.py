"""doctor.json: an examination for machines. Equal data give equal bytes, so it holds no time and no absolute path.

Schema version 1, an object of

- `schema_version`: 1; a change that readers must know of raises it, new keys don't
- `gliaflow`: the version that examined
- `source`: what the data set was called
- `verdict`: `sound`, `findings` or `unusable`, and `exit_status`: 0, 1 or 2
- `counts`: `files` seen, `patients`, `slices` (pairs used), `tumor_slices`, `rejected` files that count
- `findings`, gravest first: `code`, `severity` (`unusable`, `rejected`, `warning` or `note`), `unit`, `count`, `title`,
  `what` (the rule), `action` (what Gliaflow does), `remedy`, and all `cases`: of `path` (relative to the data root),
  `patient`, `slice`, `beside` (`patient` and `slice` it is compared with) and `found` those that are known
"""

import json
from typing import Any

from gliaflow.ingest.doctor.findings import Case, Examination, Finding
from gliaflow.version import __version__

SCHEMA_VERSION = 1


def to_record(examination: Examination) -> dict[str, Any]:
    """The examination as JSON can hold it."""
    counts = ("files", "patients", "slices", "tumor_slices", "rejected")
    return {
        "schema_version": SCHEMA_VERSION,
        "gliaflow": __version__,
        "source": examination.source,
        "verdict": examination.verdict,
        "exit_status": examination.exit_status,
        "counts": {name: getattr(examination, name) for name in counts},
        "findings": [_finding(finding) for finding in examination.findings],
    }


def to_json(examination: Examination) -> bytes:
    """doctor.json as UTF-8."""
    text = json.dumps(to_record(examination), indent=1, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode("utf-8", "backslashreplace")


def _finding(finding: Finding) -> dict[str, Any]:
    names = ("code", "severity", "unit", "count", "title", "what", "action", "remedy")
    return {name: getattr(finding, name) for name in names} | {"cases": [_case(case) for case in finding.cases]}


def _case(case: Case) -> dict[str, Any]:
    beside = None
    if case.beside_patient is not None:
        beside = {"patient": case.beside_patient, "slice": case.beside_slice}
    known = {"path": case.path, "patient": case.patient, "slice": case.slice, "beside": beside}
    return {name: value for name, value in known.items() if value is not None} | {"found": case.found}
