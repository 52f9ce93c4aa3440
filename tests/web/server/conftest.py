"""Servers on 127.0.0.1 in a thread: one with a tiny network for a session, others with a stub for a test."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
import tifffile
import uvicorn

from gliaflow.inference.finding import name_release
from gliaflow.inference.loading import Model
from gliaflow.inference.release import Prediction
from gliaflow.web.app import make_app
from gliaflow.web.running import make_config
from gliaflow.web.service import Service
from gliaflow.web.settings import ServeLimits

SIZE = 32


@dataclass
class Served:
    """A server under way: its address, its service, and a client that calls it."""

    url: str
    service: Service
    client: httpx.Client

    def send(self, *files: tuple[str, bytes], path: str = "/api/predict", **options: Any) -> httpx.Response:
        """Post files, each a name and its bytes, as the page does."""
        return self.client.post(path, files=[("files", file) for file in files], **options)


@pytest.fixture(scope="session")
def release_folder(tmp_path_factory: pytest.TempPathFactory, make_release) -> Path:
    """A release of two tiny networks."""
    from gliaflow.model.unet import build_unet

    networks = [build_unet(SIZE, SIZE, (4, 8), (0.0, 0.0), prior=0.4, seed=seed) for seed in range(2)]
    rng = np.random.default_rng(0)
    volumes = {f"P{seed:02d}": rng.integers(0, 99, (3, SIZE, SIZE, 3), dtype=np.uint8) for seed in range(3)}
    folder = tmp_path_factory.mktemp("models") / "release"
    make_release(folder, networks, volumes, mirror=True)
    (folder / "MODEL_CARD.md").write_text("# A tiny card")
    return folder


@contextmanager
def serve_in_thread(service: Service, **options: Any) -> Iterator[Served]:
    app = make_app(service, **options)
    server = uvicorn.Server(make_config(app))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
                client.get("/health")
                yield Served(url, service, client)
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="session")
def release_name(release_folder: Path) -> str:
    return name_release(release_folder)


@pytest.fixture(scope="session")
def served(release_folder: Path) -> Iterator[Served]:
    """A server of the tiny release, with the limits that servers have."""
    service = Service(Model(release_folder, engine="keras"))
    service.warm()
    with serve_in_thread(service) as served:
        yield served


@dataclass
class Stub:
    """A release without a network: the upper half of each slice is tumour, as soon as `go` is set.

    slow : seconds from one word of progress to the next
    entered : set once it was asked; stopped : set once it was told that nobody waits any more
    """

    go: threading.Event = field(default_factory=threading.Event)
    entered: threading.Event = field(default_factory=threading.Event)
    stopped: threading.Event = field(default_factory=threading.Event)
    slow: float = 0.02
    members: tuple[Any, ...] = (SimpleNamespace(network=None),)
    bundle: Any = field(default_factory=lambda: SimpleNamespace(size=SIZE, familiarity=SimpleNamespace(patients=7)))

    def predict_volume(self, images: np.ndarray, batch: int = 16, progress: Any = None) -> Prediction:
        self.entered.set()
        while not self.go.wait(self.slow):
            try:
                progress(0, len(images))
            except BaseException:
                self.stopped.set()
                raise
        masks = np.zeros(images.shape[:3], np.uint8)
        masks[:, : images.shape[1] // 2] = 1
        progress(len(images), len(images))
        return Prediction(masks, masks * 255, np.full(len(images), 0.9), np.full(len(images), "tumor"), ())


StubServer = Callable[..., tuple[Served, Stub]]


@pytest.fixture
def stub_server(tmp_path: Path) -> Iterator[StubServer]:
    """`stub_server(limits={}, go=True, **options of make_app)` gives a server of a stub, and the stub."""
    with ExitStack() as stack:

        def make(*, limits: dict[str, Any] | None = None, go: bool = True, **options: Any) -> tuple[Served, Stub]:
            stub = Stub()
            if go:
                stub.go.set()
            folder = tmp_path / "a release"
            folder.mkdir(exist_ok=True)
            model: Any = SimpleNamespace(release=stub, name="release of a stub", engine="stub", folder=folder)
            service = Service(model, ServeLimits(**{"readers": 1, **(limits or {})}))
            service.readers.warm()
            service.is_ready = True
            stack.callback(stub.go.set)
            return stack.enter_context(serve_in_thread(service, **options)), stub

        yield make


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """uvicorn tells of clients that go; tests go often."""
    logger = logging.getLogger("uvicorn.error")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    yield
    logger.setLevel(level)


def wait_until(look: Callable[[], Any], seconds: float = 5.0) -> None:
    """Return as soon as `look` is true; fails where that takes longer."""
    end = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.01)


def picture(seed: int = 0, suffix: str = ".png", size: tuple[int, int] = (SIZE, SIZE)) -> bytes:
    """A picture of noise in three channels as PNG, JPEG, BMP or TIFF."""
    pixels = np.random.default_rng(seed).integers(0, 200, (*size, 3), dtype=np.uint8)
    if suffix == ".tif":
        buffer = BytesIO()
        tifffile.imwrite(buffer, pixels)
        return buffer.getvalue()
    ok, content = cv2.imencode(suffix, pixels)
    assert ok
    return content.tobytes()


@pytest.fixture(name="picture", scope="session")
def make_picture() -> Callable[..., bytes]:
    return picture


@pytest.fixture(name="wait_until", scope="session")
def make_wait_until() -> Callable[..., None]:
    return wait_until
