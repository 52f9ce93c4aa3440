"""Too many requests, too long ones, and clients that go."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from gliaflow.web.places import Places
from gliaflow.web.problems import Busy
from gliaflow.web.settings import ServeLimits

MIB = 1 << 20


@contextmanager
def released(stub: Any) -> Iterator[None]:
    """Let a stub go in the end, whatever comes: somebody waits for it."""
    try:
        yield
    finally:
        stub.go.set()


def test_beyond_its_places_a_server_sends_away_at_once(stub_server, picture, wait_until) -> None:
    served, stub = stub_server(limits={"requests": 3}, go=False)
    with ThreadPoolExecutor(3) as threads, released(stub):
        held = [threads.submit(served.send, ("a.png", picture())) for _ in range(3)]
        wait_until(lambda: served.service.places.requests == 3)
        for size in (1, MIB):  # a body that has come, and one that comes for some time
            start = time.monotonic()
            response = served.send(("a.png", bytes(size)))
            assert time.monotonic() - start < 1
            assert response.status_code == 503
            assert response.headers["retry-after"] == "1"
            assert response.json() == {"message": "The server is busy. Try again in 1 s."}
        assert served.client.get("/health").status_code == 200
        assert "gliaflow_requests_in_flight 3.0" in served.client.get("/metrics").text
        stub.go.set()
        assert [answer.result().status_code for answer in held] == [200] * 3
    assert served.send(("a.png", picture())).status_code == 200
    assert "gliaflow_requests_shed_total 2.0" in served.client.get("/metrics").text


def test_places_count_requests_bytes_and_pixels() -> None:
    places = Places(ServeLimits(requests=3, total_bytes=60, waiting_bytes=100, waiting_pixels=1000))
    with places.take(60) as first:
        first.add_pixels(5000)  # more than may wait, but nobody else does
        with places.take(40) as second:
            with pytest.raises(Busy):
                places.take(1).__enter__()
            with pytest.raises(Busy):
                second.add_pixels(1)
        with pytest.raises(Busy):
            places.take(None).__enter__()  # nobody knows how much: as much as may come
    assert (places.requests, places.bytes, places.pixels) == (0, 0, 0)


def test_slices_beyond_what_may_be_held_are_sent_away(stub_server, picture, wait_until) -> None:
    served, stub = stub_server(limits={"waiting_pixels": 1500}, go=False)
    with ThreadPoolExecutor(1) as threads, released(stub):
        held = threads.submit(served.send, ("a.png", picture()))  # 1024 pixels
        assert stub.entered.wait(5)
        response = served.send(("b.png", picture()))
        assert response.status_code == 503 and "retry-after" in response.headers
        events = served.send(("b.png", picture()), params={"stream": "1"}).text.splitlines()
        last = json.loads(events[-1])
        assert (last["event"], last["status"], last["retry_after"]) == ("error", 503, 1)
        stub.go.set()
        assert held.result().status_code == 200


def test_small_slices_count_as_large_as_the_network_takes_them(stub_server, picture) -> None:
    served, stub = stub_server(limits={"waiting_pixels": 1500}, go=False)
    small = picture(size=(8, 8))
    with ThreadPoolExecutor(1) as threads, released(stub):
        held = threads.submit(served.send, ("a.png", small))
        assert stub.entered.wait(5)
        assert served.send(("b.png", small)).status_code == 503
        stub.go.set()
        assert held.result().status_code == 200


def test_an_answer_that_takes_too_long_is_given_up(stub_server, picture, wait_until) -> None:
    served, stub = stub_server(limits={"seconds": 0.3}, go=False)
    response = served.send(("a.png", picture()))
    assert response.status_code == 504
    assert response.json()["message"].startswith("No answer within 0.3 s.")
    assert stub.stopped.wait(5)
    wait_until(lambda: served.service.places.requests == 0)


@pytest.mark.parametrize("path", ["/api/predict", "/api/predict?stream=1"])
def test_who_goes_frees_a_place(stub_server, picture, wait_until: Callable[..., None], path: str) -> None:
    served, stub = stub_server(limits={"requests": 1}, go=False)
    gone: list[Any] = []

    def send_and_go() -> None:
        try:
            httpx.post(
                served.url + path, files=[("files", ("a.png", picture()))], timeout=httpx.Timeout(5, read=0.5),
                trust_env=False,
            )  # fmt: skip
        except httpx.ReadTimeout as error:
            gone.append(error)

    stub.slow = 1.5 if path.endswith("1") else 0.02  # it tells how it goes too seldom for the client
    client = threading.Thread(target=send_and_go)
    client.start()
    assert stub.entered.wait(5)
    assert served.service.places.requests == 1
    client.join()
    wait_until(lambda: served.service.places.requests == 0)
    assert len(gone) == 1 and stub.stopped.wait(5)
    assert [path.name for path in served.service.scratch.root.iterdir()] == ["alive"]
    stub.go.set()
    assert served.send(("a.png", picture())).status_code == 200


def test_a_fault_of_ours_is_told_without_its_words(
    stub_server, picture, wait_until, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    served, stub = stub_server()

    def fail(*_: Any, **__: Any) -> None:
        raise ValueError("JANE DOE")

    monkeypatch.setattr(stub, "predict_volume", fail)
    message = "Something went wrong in the server. Try again, or ask who runs it."
    response = served.send(("a.png", picture()))
    assert (response.status_code, response.json()) == (500, {"message": message})
    last = json.loads(served.send(("a.png", picture()), params={"stream": "1"}).text.splitlines()[-1])
    assert last == {"event": "error", "status": 500, "message": message}
    assert "A request failed with ValueError" in caplog.text and " in answer_study" in caplog.text
    assert "JANE" not in caplog.text
    wait_until(lambda: served.service.places.requests == 0)


@pytest.mark.parametrize("path", ["/api/predict", "/api/predict?stream=1"])
def test_who_does_not_read_the_answer_frees_a_place(stub_server, picture, wait_until, path: str) -> None:
    served, _ = stub_server(limits={"sending_seconds": 0.3})
    address = urlsplit(served.url)
    body = b'--X\r\nContent-Disposition: form-data; name="files"; filename="a.bmp"\r\n\r\n'
    body += picture(suffix=".bmp", size=(3500, 3500)) + b"\r\n--X--\r\n"  # answered with more than a socket holds
    with socket.create_connection((address.hostname, address.port)) as deaf:
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        deaf.sendall(f"{head}Content-Type: multipart/form-data; boundary=X\r\n\r\n".encode() + body)
        wait_until(lambda: 'route="/api/predict",status="200"' in served.client.get("/metrics").text, 20)
        wait_until(lambda: served.service.places.requests == 0)


def test_who_is_sent_away_is_told_when_about_half_are_answered() -> None:
    places = Places(ServeLimits(requests=40))
    with ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(places.take(1))
        assert places.busy().headers == {"Retry-After": "2"}
        for _ in range(100):
            places.answered(20.0)  # 40 at a time: half a second each
        assert places.busy().headers == {"Retry-After": "10"}
        for _ in range(100):
            places.answered(9999.0)
        assert places.busy().headers == {"Retry-After": "60"}
