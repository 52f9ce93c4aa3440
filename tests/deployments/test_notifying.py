"""A run that fails is told to people, here by a webhook that takes the place of theirs."""

import json
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest
import yaml
from prefect.states import Pending, Running

from benchmarks.serving import ROOT, Server, wait_for
from gliaflow.store.runs import read_runs
from gliaflow.store.shared import open_store

FILE = ROOT / "deploy" / "notify.yaml"
NAMES = [automation["name"] for automation in yaml.safe_load(FILE.read_text(encoding="utf-8"))]


@pytest.fixture
def webhook() -> Iterator[SimpleNamespace]:
    """An address on this machine, and what has been posted to it."""
    posted: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Nothing on standard error."""

    listener = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=listener.serve_forever)
    thread.start()
    yield SimpleNamespace(address=f"http://127.0.0.1:{listener.server_port}/hook", posted=posted)
    listener.shutdown()
    thread.join()
    listener.server_close()


@pytest.fixture
def command(server: Server) -> Iterator[Callable[..., str]]:
    """`command("deploy/notify.py", …, code=0)` is what Python prints, which ends with `code`; no automation stays."""

    def run(*options: str | Path, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, *map(str, options)], cwd=ROOT, env=server.environment, capture_output=True, text=True
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    yield run
    with server.client() as client:
        for automation in client.read_automations():
            client.delete_automation(automation.id)


def test_without_a_server_named_nobody_is_told_and_that_is_said(tmp_path, monkeypatch):
    """Else Prefect would start a server for the command alone, and that one would be told."""
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    command = [sys.executable, str(ROOT / "deploy" / "notify.py"), "http://127.0.0.1:9/hook"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == "PREFECT_API_URL names no server to be told. Use `make notify TO=ADDRESS`, or set it.\n"


def test_a_run_that_fails_is_told_with_its_reason(server, webhook, command, tmp_path):
    for _ in range(2):  # a second call takes the place of the first: one message, not two
        assert command("deploy/notify.py", webhook.address).splitlines() == NAMES
    command("-m", "flows", "train", "--data", tmp_path / "nowhere", "--artifacts", tmp_path / "artifacts", code=1)
    (run,) = read_runs(open_store(tmp_path / "artifacts"))
    wait_for(lambda: webhook.posted, "a message", 60)
    (message,) = webhook.posted
    title, reason, *_, way_on = message["text"].splitlines()
    assert title == f"train {run.name}: Failed"
    assert reason.startswith(f"Flow run encountered an exception: UnusableSource: There is no {tmp_path}/nowhere. ")
    assert way_on.endswith(f": prefect flow-run retry {run.flow_run} --entrypoint flows/train.py:train")


def test_a_block_of_another_kind_is_named_and_prefect_takes_the_file_too(server, webhook, command, tmp_path):
    told = command("deploy/notify.py", "--block", "slack-webhook/nobody", code=1)
    assert told == "There is no block slack-webhook/nobody on the server: `prefect block ls` tells which there are.\n"
    command("deploy/notify.py", webhook.address)
    with server.client() as client:
        block = client.read_block_document_by_name("gliaflow", block_type_slug="custom-webhook").id
    assert command("deploy/notify.py", "--block", "custom-webhook/gliaflow").splitlines() == NAMES
    file = tmp_path / "notify.yaml"
    file.write_text(FILE.read_text(encoding="utf-8").replace("BLOCK", str(block)))
    told = server.prefect("automation", "create", "--from-file", str(file))
    assert f"Created {len(NAMES)} automation(s):" in told


def test_a_run_that_a_worker_took_and_that_has_not_begun_is_crashed_in_the_end(
    server, make_pool, deploy, start_run, await_state, command, tiny, tmp_path
):
    from deploy.notify import put, read_automations

    (automation,) = [one for one in read_automations(str(uuid.uuid4())) if one.name.endswith("has not begun")]
    automation.trigger.within = timedelta(seconds=10)  # the least that Prefect allows
    deployment = deploy(server, "train", make_pool(server), tiny(tmp_path / "artifacts"))
    with server.client() as client:
        put(client, automation)
        taken, begun = start_run(server, deployment), start_run(server, deployment)
        for run, states in ((taken, [Pending()]), (begun, [Pending(), Running()])):
            for state in states:
                client.set_flow_run_state(uuid.UUID(run), state, force=True)
    assert "had not begun" in await_state(server, taken, "CRASHED", 90).state.message
    await_state(server, begun, "RUNNING", 1)
