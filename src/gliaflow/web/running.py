"""From a release's folder to a server that listens, until it is told to stop."""

import contextlib
import ctypes
import logging
import os
import signal
import socket
from collections.abc import Callable, Collection
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from gliaflow.errors import GliaflowError
from gliaflow.inference.loading import Model
from gliaflow.web.app import make_app
from gliaflow.web.service import Service
from gliaflow.web.settings import ServeLimits

GRACE = 10  # seconds that requests under way have when the server is stopped
HEAPS = 2
M_ARENA_MAX = -8  # of mallopt, in glibc's malloc.h
IDLE = 30  # seconds that a connection may be kept open between requests


class CannotListen(GliaflowError):
    """An address that can't be listened at."""


def serve(
    model: str,
    host: str,
    port: int,
    *,
    limits: ServeLimits,
    token: str | None,
    hosts: Collection[str] | None,
    started: Callable[[str, str, str], None],
) -> None:
    """Serve a model until SIGTERM; Ctrl-C raises KeyboardInterrupt when all is put away.

    model : a release, or artifacts; see `gliaflow.load`
    token : that requests must bring; None for none
    hosts : names that the server goes by; None for any
    started : told the address, the model's name and its engine once requests are answered

    Raises CannotListen, UnusableRelease and UnusableModel.
    """
    _log()
    limit_heaps()
    with _listen(host, port) as listener:
        service = Service(Model(model), limits)
        try:
            service.warm()
            config = make_config(make_app(service, token=token, hosts=hosts))
            address, bound = listener.getsockname()[:2]
            started(f"http://{f'[{address}]' if ':' in address else address}:{bound}", service.name, service.engine)
            # uvicorn stops at the first signal, puts away, and then raises it again for whoever handled it before
            before = signal.signal(signal.SIGTERM, _end)
            try:
                uvicorn.Server(config).run(sockets=[listener])
            except SystemExit as end:
                if end.code:
                    raise
            finally:
                signal.signal(signal.SIGTERM, before)
        finally:
            service.close()


def limit_heaps() -> None:
    """Let threads to come share HEAPS heaps, where glibc manages memory.

    It gives threads up to 8 heaps a core, in each of which stays what its answers freed: with 50 clients on 2 cores
    memory crept up by 1.2 MiB in 1000 answers, though what was in use did not grow. They are no slower with two.
    """
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, HEAPS)


def make_config(app: ASGIApp) -> uvicorn.Config:
    """How uvicorn runs the application."""
    return uvicorn.Config(
        app,
        ws="none",
        access_log=False,  # ours names no files
        log_config=None,
        log_level="warning",
        proxy_headers=False,  # nothing here depends on who is asking
        server_header=False,
        timeout_keep_alive=IDLE,
        timeout_graceful_shutdown=GRACE,
    )


def _end(_: int, __: FrameType | None) -> None:
    raise SystemExit(0)


def _listen(host: str, port: int) -> socket.socket:
    try:
        kind = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=kind, backlog=512)
    except (OSError, OverflowError) as error:
        number = getattr(error, "errno", None)
        reason = os.strerror(number) if number and number > 0 else error
        raise CannotListen(
            f"The server can't listen at {host}, port {port} ({reason}). Choose another --port or --host."
        ) from None


def _log() -> None:
    """A line a request, and what goes wrong, on standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name, level in (("gliaflow.web", logging.INFO), ("uvicorn", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.addHandler(handler)
        logger.propagate = False
