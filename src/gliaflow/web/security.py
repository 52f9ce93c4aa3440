"""What stands before every route: who may ask, what browsers may do with answers, and a line in the log."""

import hmac
import logging
import time
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gliaflow.web.metrics import Metrics
from gliaflow.web.uploads import drain

logger = logging.getLogger("gliaflow.web.access")

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
ROUTES = ("/", "/api/predict", "/api/model", "/api/samples", "/health", "/ready", "/metrics", "/openapi.json", "/docs")
METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH"})
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
WITH_TOKEN = frozenset({"/api/predict", "/metrics"})
LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
GONE = 499  # what nginx writes where the client went before the answer


class Guard:
    """What an application is wrapped in.

    token : that a request must bring (Authorization: Bearer …) for what costs or tells something; None for none
    hosts : names by which the server may be called, against DNS rebinding; None for any
    """

    def __init__(
        self, app: ASGIApp, *, metrics: Metrics, token: str | None = None, hosts: Collection[str] | None = None
    ) -> None:
        self.app, self.metrics = app, metrics
        self.token = None if token is None else token.encode()
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start = time.perf_counter()
        status, route = GONE, route_of(scope["path"])

        async def send_guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", "no-cache" if route.startswith("/static/") else "no-store")
            await send(message)

        try:
            refusal = self._refuse(scope)
            if refusal:
                await drain(Request(scope, receive))
            await (refusal or self.app)(scope, receive, send_guarded)
        finally:
            seconds = time.perf_counter() - start
            method = scope["method"] if scope["method"] in METHODS else "other"
            self.metrics.requests.labels(route, method, str(status)).inc()
            self.metrics.seconds.labels(route).observe(seconds)
            level = logging.INFO if route.startswith("/api/") or status >= 400 else logging.DEBUG
            logger.log(level, "%s %s %d %.3f s", method, route, status, seconds)

    def _refuse(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self.hosts is not None and _name(host) not in self.hosts:
            return _say(421, "This server does not go by that name. Use the address that it told when it started.")
        if scope["method"] not in SAFE and not _is_same_origin(headers, host):
            return _say(403, "Another site may not send files here. Use the page of this server.")
        if self.token is not None and scope["path"] in WITH_TOKEN and not self._has_token(headers):
            return _say(401, "A token is needed, the one that the server was started with.", "Bearer")
        return None

    def _has_token(self, headers: Headers) -> bool:
        assert self.token is not None
        scheme, _, given = headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), self.token)


def route_of(path: str) -> str:
    """The route of a path, with names taken out; "other" for what is none of ours."""
    if path in ROUTES:
        return path
    for folder in ("/static/", "/api/samples/"):
        if path.startswith(folder):
            return f"{folder}{{name}}"
    return "other"


def _name(host: str) -> str:
    """The name in a Host header, without port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_same_origin(headers: Headers, host: str) -> bool:
    """Whether a request is of this server's own page, or of no browser at all."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit_netloc(origin) == host.lower()


def urlsplit_netloc(origin: str) -> str:
    """host:port of an Origin header; "" where it has none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _say(status: int, message: str, challenge: str | None = None) -> JSONResponse:
    return JSONResponse({"message": message}, status, {"WWW-Authenticate": challenge} if challenge else None)
