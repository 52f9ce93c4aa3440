"""A run that a worker takes from the server, and that nothing of them is left behind."""

import pytest

from benchmarks import serving


def test_a_worker_that_stands_elsewhere_runs_the_code_of_this_checkout(
    server, make_pool, start_worker, deploy, start_run, await_state, tiny, tmp_path
):
    pool = make_pool(server)
    start_worker(server, pool)
    deployment = deploy(server, "train", pool, tiny(tmp_path / "artifacts"))
    run = start_run(server, deployment)
    await_state(server, run, "COMPLETED")
    assert len(list((tmp_path / "artifacts").glob("report/*/report.html"))) == 1


def test_no_process_outlives_its_context_though_the_test_fails(server, make_pool, tmp_path):
    pool = make_pool(server)
    with pytest.raises(ZeroDivisionError), serving.work(server, pool, cwd=tmp_path) as worker:
        environment = (tmp_path.joinpath("/proc") / str(worker.process.pid) / "environ").read_bytes().split(b"\0")
        (mark,) = [value.split(b"=")[1].decode() for value in environment if value.startswith(serving.MARK.encode())]
        assert worker.process.pid in serving.alive(mark)
        raise ZeroDivisionError
    assert serving.alive(mark) == []
