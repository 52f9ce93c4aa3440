"""What is started ends, what is wrong is said, and who may do nothing can do nothing."""

import urllib.error
import urllib.request
from pathlib import Path

import pytest

from benchmarks import serving


def test_no_process_outlives_its_context_though_the_test_fails(server, make_pool, tmp_path):
    pool = make_pool(server)
    with pytest.raises(ZeroDivisionError), serving.work(server, pool, cwd=tmp_path) as worker:
        environment = Path(f"/proc/{worker.process.pid}/environ").read_bytes().split(b"\0")
        (mark,) = [value.split(b"=")[1].decode() for value in environment if value.startswith(serving.MARK.encode())]
        assert worker.process.pid in serving.alive(mark)
        raise ZeroDivisionError
    assert serving.alive(mark) == []


def test_a_server_that_others_reach_wants_a_password(server):
    with pytest.raises(RuntimeError, match="needs a password: give AUTH=user:password, or leave HOST out"):
        server.make("server", "HOST=0.0.0.0")


@pytest.mark.parametrize("target", ["worker", "deploy", "run"])
def test_what_needs_a_server_says_that_there_is_none(server, target, tmp_path):
    nowhere = f"PREFECT_API_URL=http://127.0.0.1:{serving.free_port()}/api"
    with pytest.raises(RuntimeError, match="No Prefect server answers at .* Start one with `make server`"):
        server.make(target, nowhere, f"DATA={tmp_path}")


def test_a_page_of_another_origin_can_neither_change_anything_nor_read_the_token_for_it(server):
    stranger = {"Origin": "http://stranger.example"}
    asked = urllib.request.Request(f"{server.api}/csrf-token?client=stranger", headers=stranger)
    with urllib.request.urlopen(asked) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] is None
    simple = {**stranger, "Content-Type": "text/plain"}  # which a browser sends without asking first
    change = urllib.request.Request(f"{server.api}/work_pools/", b'{"name": "theirs", "type": "process"}', simple)
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(change)
