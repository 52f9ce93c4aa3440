"""Many clients at once against `gliaflow serve`: is any request lost, how long do they wait, does memory grow?

    python benchmarks/web_load.py MODEL SLICES --clients 50 --seconds 300 --requests 10000 --out load.json

Each client sends one slice of the folder SLICES at a time to a server that is started for it, on 127.0.0.1, and the
next as soon as the answer is there; sent away with 503, it comes again after Retry-After. It goes on for `--seconds`,
and on until there were `--requests` answers, but never longer than `--most` seconds. Clients take from the same cores
as the server.
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np

MIB = 1 << 20
BOUNDARY = "load"
TIMEOUT = 300.0  # seconds after which a request without an answer is lost
SETTLED = 0.25  # share of the answers after which memory should not grow any more


@dataclass
class Load:
    """What came of the requests, and memory as it went: (answers so far, bytes of server and its processes)."""

    statuses: Counter[int] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    dishonest: int = 0  # 503 without Retry-After
    seconds: list[float] = field(default_factory=list)
    memory: list[tuple[int, int, int]] = field(default_factory=list)  # answers, server, its processes

    @property
    def answered(self) -> int:
        return self.statuses[200]


def form(path: Path) -> bytes:
    """A slice as a form with one file."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{path.name}"\r\n\r\n'
    return head.encode() + path.read_bytes() + f"\r\n--{BOUNDARY}--\r\n".encode()


async def be_a_client(client: httpx.AsyncClient, forms: list[bytes], load: Load, seed: int, end: "End") -> None:
    rng = random.Random(seed)
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    while not end.is_reached(load):
        start = time.perf_counter()
        try:
            response = await client.post("/api/predict", content=rng.choice(forms), headers=headers)
        except httpx.HTTPError as error:
            load.lost[type(error).__name__] += 1
            await asyncio.sleep(0.1)
            continue
        load.statuses[response.status_code] += 1
        if response.status_code == 200:
            json.loads(response.content)["studies"][0]["call"]
            load.seconds.append(time.perf_counter() - start)
        elif response.status_code == 503:
            if "Retry-After" not in response.headers:
                load.dishonest += 1
            await asyncio.sleep(float(response.headers.get("Retry-After", 1)))


@dataclass
class End:
    """When to stop: after `seconds` and `requests` answers, and in any case after `most` seconds."""

    seconds: float
    requests: int
    most: float
    start: float = field(default_factory=time.monotonic)

    def is_reached(self, load: Load) -> bool:
        elapsed = time.monotonic() - self.start
        return elapsed >= self.most or (elapsed >= self.seconds and load.answered >= self.requests)


async def watch(process: int, load: Load) -> None:
    while True:
        server, *others = [resident_bytes(each) for each in family(process)]
        load.memory.append((load.answered, server, sum(others)))
        await asyncio.sleep(1)


def family(process: int) -> list[int]:
    """A process and those that it started, and they."""
    found = [process]
    for each in found:
        for task in Path(f"/proc/{each}/task").glob("*/children"):
            try:
                found += [int(child) for child in task.read_text().split()]
            except OSError:
                continue
    return found


def resident_bytes(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * 4096
    except OSError:
        return 0


def slope(memory: list[tuple[int, int, int]], column: int) -> float:
    """KiB a thousand answers, by least squares over what came after the first quarter."""
    rows = [row for row in memory if row[0] >= SETTLED * memory[-1][0]]
    answers = np.array([row[0] for row in rows], float)
    if len(rows) < 3 or np.ptp(answers) == 0:
        return float("nan")
    return float(np.polyfit(answers, [row[column] / 1024 for row in rows], 1)[0] * 1000)


async def run(url: str, process: int, options: argparse.Namespace, forms: list[bytes]) -> tuple[Load, float, str]:
    load, end = Load(), End(options.seconds, options.requests, options.most)
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=options.clients)
    async with httpx.AsyncClient(base_url=url, timeout=TIMEOUT, limits=limits, trust_env=False) as client:
        watching = asyncio.create_task(watch(process, load))
        start = time.perf_counter()
        await asyncio.gather(*[be_a_client(client, forms, load, seed, end) for seed in range(options.clients)])
        elapsed = time.perf_counter() - start
        await asyncio.sleep(1.1)
        watching.cancel()
        metrics = (await client.get("/metrics")).text
    return load, elapsed, metrics


def figure(metrics: str, name: str) -> float:
    return sum(float(line.split()[-1]) for line in metrics.splitlines() if line.split(" ")[0].split("{")[0] == name)


def report(load: Load, elapsed: float, metrics: str, options: argparse.Namespace) -> dict[str, object]:
    waited = np.percentile(load.seconds, [50, 95, 99]) if load.seconds else [float("nan")] * 3
    batches = figure(metrics, "gliaflow_batch_slices_count")
    return {
        "clients": options.clients,
        "seconds": round(elapsed, 1),
        "answered": load.answered,
        "a_second": round(load.answered / elapsed, 2),
        "p50_p95_p99_seconds": [round(float(value), 3) for value in waited],
        "statuses": dict(load.statuses),
        "lost": dict(load.lost),
        "503_without_retry_after": load.dishonest,
        "slices_a_batch": round(figure(metrics, "gliaflow_batch_slices_sum") / max(1, batches), 2),
        "server_mib_start_end_peak": [
            round(value / MIB, 1)
            for value in (load.memory[0][1], load.memory[-1][1], max(row[1] for row in load.memory))
        ],
        "readers_mib_start_end": [round(load.memory[n][2] / MIB, 1) for n in (0, -1)],
        "server_kib_a_1000_answers": round(slope(load.memory, 1), 1),
        "readers_kib_a_1000_answers": round(slope(load.memory, 2), 1),
        "memory": load.memory,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("slices", type=Path)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--requests", type=int, default=0)
    parser.add_argument("--most", type=float, default=3600)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--serve", nargs=argparse.REMAINDER, default=[], help="more options of gliaflow serve")
    options = parser.parse_args()
    paths = sorted(path for path in options.slices.rglob("*.tif") if "_mask" not in path.name)
    forms = [form(path) for path in paths[:: max(1, len(paths) // 200)]]
    serve = "import sys; from gliaflow.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", serve, "serve", str(options.model), "--port", "0", *options.serve]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout
        try:
            line = server.stdout.readline()
            if not line.startswith("http"):
                raise SystemExit("The server did not start; run gliaflow serve by hand to see why.")
            sys.stdout.write(line)
            load, elapsed, metrics = asyncio.run(run(line.split()[0], server.pid, options, forms))
        finally:
            server.terminate()
            server.wait(60)
    told = report(load, elapsed, metrics, options)
    if options.out:
        options.out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    for name, value in told.items():
        if name != "memory":
            sys.stdout.write(f"{name.replace('_', ' ')}: {value}\n")
    if load.lost or load.dishonest or set(load.statuses) - {200, 503}:
        raise SystemExit("Requests were lost.")


if __name__ == "__main__":
    main()
