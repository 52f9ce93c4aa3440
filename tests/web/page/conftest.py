"""The page in a real browser, before a server that gives ready answers."""

import importlib.util
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

STUB = Path(__file__).with_name("stub.py")
EXPECTED = (
    "Failed to load resource: ",  # of every 4xx and 5xx, and of a server that is gone
    "[.WebGL-",  # drawing without a graphics card is slow
)  # what Chromium says in the console where all is well


@pytest.fixture(scope="session")
def server() -> Iterator[Any]:
    """The stub of `stub.py`, for the whole session; see `stub`."""
    spec = importlib.util.spec_from_file_location("page_stub", STUB)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["page_stub"] = module
    spec.loader.exec_module(module)
    stub = module.Stub()
    thread = threading.Thread(target=stub.serve_forever, daemon=True)
    thread.start()
    yield stub
    stub.shutdown()
    stub.server_close()
    thread.join()


@pytest.fixture
def stub(server: Any) -> Iterator[Any]:
    """The stub as it is at first: no token, never busy, quick."""
    server.reset()
    yield server


@pytest.fixture(scope="session")
def samples(server: Any) -> Path:
    """The folder of the page's samples."""
    return Path(sys.modules["page_stub"].SAMPLES)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium, once a file: while Playwright is at work, other tests of its thread can run no event loop."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium is installed here")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader"]
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Any, stub: Any) -> Iterator[Callable[..., Any]]:
    """`visit(**context)` opens the page, ready to use. At the end nothing may have gone to another host, and the
    console must be free of errors, breaches of the Content-Security-Policy included."""
    contexts, outside, said = [], [], []

    def open_page(**options: Any) -> Any:
        context = browser.new_context(**options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        here = ("blob:", "data:", stub.address)
        page.on("request", lambda request: request.url.startswith(here) or outside.append(request.url))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("console", lambda line: line.type in ("error", "warning") and said.append(line.text))
        page.goto(stub.address)
        page.wait_for_selector("#open-card-below:not([hidden])")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert outside == []
    assert [line for line in said if not line.startswith(EXPECTED)] == []


@pytest.fixture
def send(samples: Path) -> Callable[..., None]:
    """`send(page, *files)` chooses files and waits for the answer, or for what `until` selects.

    Files are names of samples, paths, or {name, mimeType, buffer}.
    """

    def choose(page: Any, *files: Any, until: str = "#answer") -> None:
        given = [str(samples / file) if isinstance(file, str) else file for file in files]
        page.set_input_files("#files", given)
        page.wait_for_selector(f"{until}:not([hidden])")

    return choose


@pytest.fixture(scope="session")
def until() -> Callable[[Any, str], None]:
    """`until(page, expression)` waits until it is true; Playwright's own way needs eval(), which the page forbids."""

    def wait(page: Any, expression: str) -> None:
        end = time.monotonic() + 10
        while not page.evaluate(expression):
            assert time.monotonic() < end, f"{expression} did not become true in 10 s"
            page.wait_for_timeout(30)

    return wait


@pytest.fixture
def pixels(until: Callable[[Any, str], None]) -> Callable[[Any], Any]:
    """`pixels(page)` is what the canvas shows of a slice, uint8 [H, W, 3]."""
    import base64

    import cv2
    import numpy as np

    def read(page: Any) -> np.ndarray:
        until(page, "document.getElementById('slice').width > 300")
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        address = page.evaluate("document.getElementById('slice').toDataURL()")
        content = np.frombuffer(base64.b64decode(address.partition(",")[2]), np.uint8)
        picture = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
        assert picture is not None
        return np.ascontiguousarray(picture[:, :, 2::-1])

    return read
