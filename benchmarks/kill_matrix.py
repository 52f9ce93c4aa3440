"""Kill the flow again and again, start it again, and see whether it ends as if nothing had been: `python
benchmarks/kill_matrix.py --work DIR`.

A course is the same command on a small phantom data set, killed with SIGKILL about ten times at moments spread over all
stages and at last left alone; then every file of every result is compared, by sha256, with a run that was never
disturbed, and the command is started once more: it has to reuse everything. Courses are run until there are enough
kills. One course in three reads the data from an archive; in one of five the flow's main process alone is killed, not
its group. The moments come from a trace of a run that was left alone (see `killing/`); nothing in the flow knows of it.

DIR keeps everything: a copy of the code under test (`code/`), the data, the undisturbed runs, `results.jsonl` with a
line a course, and the folders of courses that went wrong. Interrupted, the matrix goes on with the next course; start
in a new DIR to test other code.
"""

import argparse
import hashlib
import json
import random
import shutil
import subprocess
import sys
import time
import zipfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from killing.compare import differences, fingerprint, runs_of, stages_of
from killing.courses import Course, run_course
from killing.points import KINDS, draw_course, find_points
from killing.starts import Flow, end_processes, start

ROOT = Path(__file__).resolve().parents[1]
BEGIN, FINISH = "<!-- kill matrix: made by benchmarks/kill_matrix.py -->", "<!-- end of the kill matrix -->"
SIZE, PATIENTS = 64, 6
STAGES = ["start", "unpack", "scan", "pair", "volume", "prepare", "label", "split", "train", "checkpoint"]
STAGES += ["evaluate", "predict", "release", "report", "publish"]
RECIPE = {  # dropout, augmentation, drawn empty slices, plateau and early stopping all decide where a training ends
    "work_size": 64,
    "filters": [8, 16, 32],
    "dropouts": [0.1, 0.2, 0.3],
    "prior": 0.05,
    "loss": "bce_batch_dice",
    "learning_rate": 0.003,
    "batch_size": 8,
    "epochs": 14,
    "empty_ratio": 1.0,
    "augmentation": {},
    "plateau_patience": 1,
    "stop_patience": 3,
    "precision": "float32",
}


def main() -> int:
    """Run courses until there are enough kills; 1 if any went wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--work", type=Path, required=True, metavar="DIR", help="folder of its own, kept between starts"
    )
    parser.add_argument("--kills", type=int, default=100, help="stop after the course that reaches this many")
    parser.add_argument("--course", type=int, default=10, metavar="N", help="kills planned for a course")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--page", type=Path, help="markdown page whose part between the markers gets the table")
    options = parser.parse_args()
    work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    _make_inputs(work)
    references = {name: _reference(work, name) for name in ("folder", "archive")}
    rows = _read_rows(work)
    while sum(len(row["kills"]) for row in rows) < options.kills:
        number = len(rows)
        used = Counter((kill["stage"], kill["kind"]) for row in rows for kill in row["kills"])
        rng = random.Random(f"{options.seed} {number}")
        source, alone = "archive" if number % 3 == 2 else "folder", number % 5 == 4
        points = draw_course(references[source]["points"], used, options.course, rng)
        course = _course(work, number, source, alone, points, references[source]["files"])
        row = {
            "course": number,
            "seed": options.seed,
            "source": source,
            "alone": alone,
            **asdict(course),
            "good": course.good,
        }
        with (work / "results.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        rows.append(row)
    table = _tables(rows, work)
    _say("\n" + table)
    if options.page:
        _write_page(options.page, table)
    return 0 if all(row["good"] for row in rows) else 1


def _make_inputs(work: Path) -> None:
    """The code under test, the recipe, and the phantom as a folder and as an archive; what is there is kept."""
    if not (work / "code").exists():
        draft = work / "code.draft"
        shutil.rmtree(draft, ignore_errors=True)
        for room in ("src/gliaflow", "flows", "tasks", "schemas"):
            shutil.copytree(ROOT / room, draft / room, ignore=shutil.ignore_patterns("__pycache__"))
        draft.rename(work / "code")
    (work / "recipe.json").write_text(json.dumps(RECIPE), encoding="utf-8")
    if not (work / "phantom").exists():
        draft = work / "phantom.draft"
        shutil.rmtree(draft, ignore_errors=True)
        make = "import sys; from gliaflow.cli import main; sys.exit(main(sys.argv[1:]))"
        command = [sys.executable, "-c", make, "phantom", str(draft), "--patients", str(PATIENTS)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        draft.rename(work / "phantom")
    if not (work / "phantom.zip").exists():
        draft = work / "phantom.zip.draft"
        with zipfile.ZipFile(draft, "w") as archive:
            for path in sorted((work / "phantom").rglob("*.*")):
                archive.write(path, path.relative_to(work))
        draft.rename(work / "phantom.zip")


def _flow(work: Path, folder: Path, source: str) -> Flow:
    data = work / ("phantom" if source == "folder" else "phantom.zip")
    options = ["--data", data, "--recipe", work / "recipe.json", "--size", SIZE, "--resamples", 200, "--batch", 2]
    return Flow(work / "code", tuple(map(str, options)), folder)


def _reference(work: Path, source: str) -> dict[str, Any]:
    """What an undisturbed run leaves ("files"), and the moments of another ("points"); made once.

    Raises `SystemExit` if two undisturbed runs differ: then no kill could be judged.
    """
    folder = work / "reference" / source
    if not (folder / "reference.json").exists():
        end_processes(folder / "plain")
        end_processes(folder / "traced")
        shutil.rmtree(folder, ignore_errors=True)
        plain, traced = _flow(work, folder / "plain", source), _flow(work, folder / "traced", source)
        _say(f"two undisturbed runs on the {source}, in {folder}")
        first = start(plain)
        began = time.time()
        second = start(traced, trace=folder / "trace.jsonl")
        ended = time.time()
        if (first.state, second.state) != ("finished", "finished"):
            raise SystemExit(
                f"An undisturbed run has to finish; these {first.state} and {second.state}: {plain.log}, {traced.log}"
            )
        files = fingerprint(plain.artifacts)
        unlike = differences(files, fingerprint(traced.artifacts))
        if unlike:
            raise SystemExit("Two undisturbed runs have to leave the same bytes; these don't:\n" + "\n".join(unlike))
        stages = [stage for stage, _ in stages_of(traced.artifacts, runs_of(traced.artifacts).pop())]
        points = find_points(folder / "trace.jsonl", stages, began, ended)
        found = {"files": files, "points": points, "seconds": first.seconds, "stages": stages}
        (folder / "reference.json.draft").write_text(json.dumps(found, indent=1), encoding="utf-8")
        (folder / "reference.json.draft").rename(folder / "reference.json")
        _say(f"  {first.seconds:.0f} s; {len(files)} files to compare; {len(points)} moments to kill at")
    return dict(json.loads((folder / "reference.json").read_text(encoding="utf-8")))


def _course(
    work: Path, number: int, source: str, alone: bool, points: list[dict[str, Any]], expected: dict[str, str]
) -> Course:
    folder = work / "courses" / f"{number:03d}"
    end_processes(folder)  # of a matrix that was interrupted, as is what lies there
    shutil.rmtree(folder, ignore_errors=True)
    _say(
        f"course {number}: {len(points)} kills planned, data from the {source}"
        + (", the main process alone" if alone else "")
    )
    course = run_course(_flow(work, folder, source), points, expected, alone=alone, tell=lambda line: _say("  " + line))
    _say(f"  {'good' if course.good else 'BAD'}: {len(course.kills)} kills in {course.seconds:.0f} s")
    for name in ("differences", "leftovers", "again", "outlived"):
        if getattr(course, name):
            _say(f"  {name}: {getattr(course, name)}")
    if course.good:
        shutil.rmtree(folder)
    return course


def _read_rows(work: Path) -> list[dict[str, Any]]:
    """The courses that are done; a line cut off by an interruption is dropped."""
    path = work / "results.jsonl"
    if not path.exists():
        return []
    whole = [line for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")]
    path.write_text("".join(whole), encoding="utf-8")
    return [json.loads(line) for line in whole]


def _tables(rows: list[dict[str, Any]], work: Path) -> str:
    """The outcome in markdown: the sums, kills by stage and kind, and what went wrong."""
    kills = [kill for row in rows for kill in row["kills"]]
    survived = sum(len(row["kills"]) for row in rows if row["finished"])
    same = sum(len(row["kills"]) for row in rows if row["finished"] and not row["differences"])
    files = [len(json.loads(path.read_text())["files"]) for path in sorted(work.glob("reference/*/reference.json"))]
    lines = [
        "| | |",
        "|---|---|",
        f"| kills, in courses | {len(kills)} in {len(rows)} |",
        f"| of these from a course that finished | {survived} |",
        f"| from a course that left the same bytes | {same} |",
        f"| files that differ, of {max(files, default=0)} a course | {sum(len(row['differences']) for row in rows)} |",
        f"| stages that one more start ran again | {sum(len(row['again']) for row in rows)} |",
        f"| processes that outlived a kill | {sum(len(row['outlived']) for row in rows)} |",
        f"| drafts left behind, that nothing trips over | {sum(len(row['leftovers']) for row in rows)} |",
        f"| planned moments that did not come (the run was past them) | {sum(len(row['missed']) for row in rows)} |",
        f"| seconds a start, mean | {sum(row['seconds'] for row in rows) / max(1, len(kills) + 2 * len(rows)):.1f} |",
        f"| code under test, sha256 | {_digest(work / 'code')[:16]} |",
        "",
        "Kills by stage and moment:",
        "",
        "| stage | "
        + " | ".join(text.removeprefix("at ").removeprefix("while ") for text in KINDS.values())
        + " | all |",
        "|---|" + "---|" * (len(KINDS) + 1),
    ]
    cells = Counter((kill["stage"], kill["kind"]) for kill in kills)
    for stage in sorted({stage for stage, _ in cells}, key=_rank):
        counts = [cells[stage, kind] for kind in KINDS]
        lines.append(f"| {stage} | " + " | ".join(str(n or "") for n in counts) + f" | {sum(counts)} |")
    wrong = [row for row in rows if not row["good"]]
    for row in wrong:
        what = {name: row[name] for name in ("trouble", "differences", "again", "outlived") if row[name]}
        lines += ["", f"Course {row['course']} went wrong: `{json.dumps(what)[:2000]}`"]
    return "\n".join(lines) + "\n"


def _rank(stage: str) -> int:
    return STAGES.index(stage) if stage in STAGES else len(STAGES)


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(folder)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _write_page(page: Path, table: str) -> None:
    """Put `table` between the page's markers; at its end if it has none."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    if BEGIN not in text or FINISH not in text:
        text += f"\n{BEGIN}\n{FINISH}\n"
    head, rest = text.split(BEGIN, 1)
    page.write_text(f"{head}{BEGIN}\n\n{table}\n{FINISH}{rest.split(FINISH, 1)[1]}", encoding="utf-8")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
