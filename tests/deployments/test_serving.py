"""What the fixtures of this room start ends with them."""

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


def test_what_needs_a_server_says_that_there_is_none(server):
    with pytest.raises(RuntimeError, match="No Prefect server answers at .* Start one with `make server`"):
        server.make("worker", f"PREFECT_API_URL=http://127.0.0.1:{serving.free_port()}/api")
