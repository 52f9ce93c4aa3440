"""Scheduled runs done of those due, at a 1-minute schedule: server, worker and a deployment on tiny data, all cached.

    python -m benchmarks.schedule --minutes 60

A run is due when its time has come, and done when it was completed before the next one was due. The first one, which
trains, is started by hand and not counted.
"""

import argparse
import json
import sys
import tempfile
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort

from benchmarks.postgres import database
from benchmarks.serving import Server, serve, wait_for, work

RECIPE = {
    "work_size": 32,
    "filters": [4, 8],
    "dropouts": [0.1, 0.2],
    "epochs": 1,
    "batch_size": 4,
    "precision": "float32",
}
EVERY = 60  # seconds
POOL = "schedule"


def main() -> int:
    """Measure, and print a line a run that was late and the figure."""
    parser = argparse.ArgumentParser(description="Scheduled runs done of those due, at a 1-minute schedule.")
    parser.add_argument("--minutes", type=int, default=60, help="How long is counted.")
    parser.add_argument("--postgres", action="store_true", help="On PostgreSQL in place of SQLite.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gliaflow-schedule-") as place:
        folder = Path(place)
        if options.postgres:
            with database() as address, serve(folder, database=address) as server:
                runs = measure(server, folder, options.minutes)
        else:
            with serve(folder) as server:
                runs = measure(server, folder, options.minutes)
    sys.stdout.write(tell(runs) + "\n")
    return 0


def measure(server: Server, folder: Path, minutes: int) -> list[FlowRun]:
    """The runs that were due within `minutes` minutes, as they were when the last had had its minute."""
    write_patients(folder / "data")
    (folder / "recipe.json").write_text(json.dumps(RECIPE), encoding="utf-8")
    parameters = {
        "data": str(folder / "data"),
        "artifacts": str(folder / "artifacts"),
        "preparing": {"size": 32},
        "training": {"recipe": str(folder / "recipe.json")},
        "evaluating": {"resamples": 100},
    }
    named = ("flows/train.py:train", "--name", "schedule", "--pool", POOL, "--params", json.dumps(parameters))
    with work(server, POOL, cwd=folder), server.client() as client:
        server.prefect("deploy", *named)
        deployment = client.read_deployment_by_name("train/schedule").id
        first = client.create_flow_run_from_deployment(deployment).id
        wait_for(lambda: client.read_flow_run(first).state_type == "COMPLETED", "the first run", 600, 1)
        server.prefect("deploy", *named, "--interval", str(EVERY))
        begun = datetime.now(UTC)
        end = begun + timedelta(minutes=minutes)
        while datetime.now(UTC) < end + timedelta(seconds=EVERY):
            time.sleep(1)
        return [run for run in scheduled(client, deployment) if begun <= run.expected_start_time < end]


def scheduled(client: Any, deployment: uuid.UUID) -> list[FlowRun]:
    """Every run that the schedule made, the earliest first."""
    of = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[deployment]))
    found: list[FlowRun] = []
    while page := client.read_flow_runs(
        flow_run_filter=of, sort=FlowRunSort.EXPECTED_START_TIME_ASC, limit=200, offset=len(found)
    ):
        found += page
    return [run for run in found if run.auto_scheduled]


def tell(runs: list[FlowRun]) -> str:
    """The figure, after a line for each run that was not done in time."""
    limit = timedelta(seconds=EVERY)
    done = [
        r for r in runs if r.state_type == "COMPLETED" and r.end_time and r.end_time <= r.expected_start_time + limit
    ]
    lines = [
        f"{run.expected_start_time:%H:%M:%S} {run.name}: {run.state_name}, ended {run.end_time}"
        for run in runs
        if run not in done
    ]
    lines.append(f"{len(done)} of {len(runs)} runs that were due were done before the next was due")
    if done:
        started = sorted((run.start_time - run.expected_start_time).total_seconds() for run in done)
        took = sorted(run.total_run_time.total_seconds() for run in done)
        lines.append(f"started {np.median(started):.1f} s after their time (at most {started[-1]:.1f} s)")
        lines.append(f"took {np.median(took):.1f} s (at most {took[-1]:.1f} s)")
    return "\n".join(lines)


def write_patients(root: Path) -> None:
    """Six patients of four slices of 32 x 32 pixels, as kaggle_3m has them; the two in the middle have a lesion."""
    rng = np.random.default_rng(0)
    for number, site in enumerate(("CS", "DU", "HT") * 2, start=1):
        patient = f"TCGA_{site}_{number:04d}_20000101"
        (root / patient).mkdir(parents=True)
        for index in range(1, 5):
            image = rng.integers(20, 120, (32, 32, 3), dtype=np.uint8)
            mask = np.zeros((32, 32), np.uint8)
            if index in (2, 3):
                mask[8:16, 8:16] = 255
                image[mask > 0, 1] = 230
            tifffile.imwrite(root / patient / f"{patient}_{index}.tif", image)
            tifffile.imwrite(root / patient / f"{patient}_{index}_mask.tif", mask)


if __name__ == "__main__":
    sys.exit(main())
