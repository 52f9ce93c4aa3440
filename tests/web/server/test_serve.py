"""The command `gliaflow serve`, as a person types it."""

import os
import platform
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from gliaflow.cli import main
from gliaflow.commands.serve import CannotServe, read_token

TOKEN = "a-token-that-nobody-guesses"


@contextmanager
def serving(folder: Path, scratch: Path, *options: str, **environment: str) -> Iterator[tuple[subprocess.Popen, str]]:
    """`gliaflow serve` in a process group of its own, and the line that it starts with."""
    command = [sys.executable, "-c", "import sys; from gliaflow.cli import main; sys.exit(main())", "serve"]
    process = subprocess.Popen(
        [*command, str(folder), "--port", "0", *options],
        env={**os.environ, "TMPDIR": str(scratch), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout and process.stderr
    try:
        yield process, process.stdout.readline()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        process.stderr.close()


def test_it_says_where_it_is_answers_and_ends_when_told(
    release_folder, release_name, tmp_path: Path, picture, wait_until
) -> None:
    with serving(release_folder, tmp_path, GLIAFLOW_TOKEN=TOKEN) as (process, line):
        url, *rest = line.split()
        assert " ".join(rest) == f"{release_name}, Keras, float32. Research use only. Not a medical device."
        assert url.startswith("http://127.0.0.1:")
        with httpx.Client(base_url=url, trust_env=False) as client:
            assert client.get("/ready").json() == {"status": "ready"}
            files = [("files", ("a.png", picture()))]
            assert client.post("/api/predict", files=files).status_code == 401
            answer = client.post("/api/predict", files=files, headers={"Authorization": f"Bearer {TOKEN}"})
            assert answer.status_code == 200 and answer.json()["studies"][0]["name"] == "a"
            assert client.get("/health", headers={"Host": "elsewhere.example"}).status_code == 421
        assert [path.name.startswith("gliaflow-serve-") for path in tmp_path.iterdir()].count(True) == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        log = process.stderr.read()
    assert "POST /api/predict 200" in log and "a.png" not in log and TOKEN not in log
    assert list(tmp_path.glob("gliaflow-serve-*")) == []
    wait_until(lambda: _nobody_left(process.pid))


def test_ctrl_c_ends_it_with_a_word(release_folder, tmp_path: Path, wait_until) -> None:
    with serving(release_folder, tmp_path) as (process, line):
        assert line.startswith("http://")
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
        assert process.wait(20) == 130
        log = process.stderr.read()
    assert log.endswith("\ngliaflow serve: stopped\n") and "Traceback" not in log
    assert list(tmp_path.glob("gliaflow-serve-*")) == []
    wait_until(lambda: _nobody_left(process.pid))


def _nobody_left(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", "0.0.0.0"], "A server that other machines reach (--host 0.0.0.0) needs a token: give --token-file"),
        (["--token-file", "nowhere.txt"], "The token in nowhere.txt can't be read"),
        ([], "A model is a release (a folder with model.json)"),
    ],
)
def test_it_refuses_in_plain_words(
    tmp_path: Path, options: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GLIAFLOW_TOKEN", raising=False)
    assert main(["serve", str(tmp_path), "--port", "0", *options]) == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.startswith(f"gliaflow serve: {said}")


def test_a_port_that_is_taken_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["serve", str(tmp_path), "--port", port]) == 2
    said = f"The server can't listen at 127.0.0.1, port {port} (Address already in use)."
    assert capsys.readouterr().err.startswith(f"gliaflow serve: {said}")


def test_without_its_packages_it_tells_how_to_get_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "gliaflow.web.running", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["serve", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "gliaflow serve: Serving needs uvicorn: pip install 'gliaflow[serve]'.\n"


def test_a_token_comes_from_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GLIAFLOW_TOKEN", raising=False)
    assert read_token(None) is None
    monkeypatch.setenv("GLIAFLOW_TOKEN", TOKEN)
    assert read_token(None) == TOKEN
    assert "GLIAFLOW_TOKEN" not in os.environ
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}-in-a-file\n")
    assert read_token(path) == f"{TOKEN}-in-a-file"
    for bad in ("", "short", "with a space in the middle", "ümlauts-are-not-sent-by-all"):
        path.write_text(bad)
        with pytest.raises(CannotServe, match="A token has 16 characters or more"):
            read_token(path)


def test_help_tells_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    text = capsys.readouterr().out
    for option in (
        "MODEL",
        "--host",
        "--port",
        "--token-file",
        "--no-token",
        "--allow-host",
        "--max-file",
        "GLIAFLOW_TOKEN",
    ):
        assert option in text


COUNT_HEAPS = """
import ctypes, os, threading
from gliaflow.web.running import limit_heaps

def hold():
    kept.append(libc.malloc(1000))
    together.wait()

libc, kept, together = ctypes.CDLL(None), [], threading.Barrier(41)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
limit_heaps()
for _ in range(40):
    threading.Thread(target=hold, daemon=True).start()
together.wait()
stream = libc.fopen(os.environb[b"TOLD"], b"w")
libc.malloc_info(0, ctypes.c_void_p(stream))
libc.fclose(ctypes.c_void_p(stream))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_threads_share_two_heaps(tmp_path: Path) -> None:
    told = tmp_path / "heaps.xml"
    subprocess.run([sys.executable, "-c", COUNT_HEAPS], env={**os.environ, "TOLD": str(told)}, check=True, timeout=60)
    assert told.read_text().count("<heap nr=") == 2
