"""What a run left, in a form in which two runs can be held against each other."""

import hashlib
import json
import re
from pathlib import Path

KEY = re.compile(r"[0-9a-f]{16}")
TIMES = ("started", "seconds", "machine")  # of a manifest: true of one run only


def fingerprint(artifacts: Path) -> dict[str, str]:
    """sha256 of every file of every result, by its path below `artifacts`.

    TensorBoard's logs are left out (they hold times), and of a manifest its times, its machine and its logs' digests.
    """
    return {
        path.relative_to(artifacts).as_posix(): hashlib.sha256(_content(path)).hexdigest()
        for stage in _stages(artifacts)
        for path in sorted(stage.rglob("*"))
        if path.is_file() and "logs" not in path.relative_to(stage).parts
    }


def differences(expected: dict[str, str], found: dict[str, str]) -> list[str]:
    """A line for each file that is missing, is there besides, or has other bytes."""
    lines = [f"missing: {path}" for path in sorted(expected.keys() - found.keys())]
    lines += [f"besides: {path}" for path in sorted(found.keys() - expected.keys())]
    return lines + [
        f"differs: {path}" for path in sorted(expected.keys() & found.keys()) if expected[path] != found[path]
    ]


def leftovers(artifacts: Path) -> list[str]:
    """Drafts and unfinished work below `artifacts`, which a finished run has no use for; a folder counts as one."""
    found = sorted((artifacts / ".work").glob("*"))
    for folder in (".scan", ".records", ".unpacked", "runs/*"):
        found += sorted(path for path in artifacts.glob(f"{folder}/*") if path.name.startswith("."))
    for stage in _stages(artifacts):
        found += [path for path in sorted(stage.glob("*")) if not KEY.fullmatch(path.name)]
    return [path.relative_to(artifacts).as_posix() for path in found]


def stages_of(artifacts: Path, run: str) -> list[tuple[str, bool]]:
    """The stages that the run of this name has recorded so far, in order: (stage, whether it was reused)."""
    try:
        record = json.loads((artifacts / "runs" / run / "run.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    return [(stage["stage"], stage["cached"]) for stage in record["stages"]]


def runs_of(artifacts: Path) -> set[str]:
    """Names of the runs on record."""
    return {folder.name for folder in (artifacts / "runs").glob("*")}


def _stages(artifacts: Path) -> list[Path]:
    folders = sorted(path for path in artifacts.glob("*") if path.is_dir())
    return [path for path in folders if path.name != "runs" and not path.name.startswith(".")]


def _content(path: Path) -> bytes:
    if path.name != "manifest.json":
        return path.read_bytes()
    manifest = json.loads(path.read_text(encoding="utf-8"))
    kept = {name: value for name, value in manifest.items() if name not in TIMES}
    kept["files"] = [file for file in manifest["files"] if not file["path"].startswith("logs/")]
    return json.dumps(kept, sort_keys=True).encode()
