"""Answers that take a while: given up when the client goes, and told line by line where it asks for that."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gliaflow.web.problems import Problem
from gliaflow.web.service import Tell

T = TypeVar("T")
PART = 1 << 18  # bytes


async def unless_gone(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives; it is cancelled, and ClientDisconnect raised, when the client goes before."""
    working = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(_wait_until_gone(receive))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        for task in (working, watching):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await working


async def _wait_until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def send_parts(send: Send, body: bytes) -> None:
    """Send a part of a response bit by bit: uvicorn waits for a slow reader before it takes more, never within one."""
    for start in range(0, len(body), PART):
        await send({"type": "http.response.body", "body": body[start : start + PART], "more_body": True})


class HeldResponse(Response):
    """An answer in JSON that keeps its place until it is sent, or given up for taking longer than `seconds`."""

    media_type = "application/json"

    def __init__(self, content: bytes, held: ExitStack, seconds: float) -> None:
        super().__init__(content)
        self.held, self.seconds = held, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self.held, contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.seconds):
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                await send_parts(send, bytes(self.body))
                await send({"type": "http.response.body", "body": b"", "more_body": False})


class EventStream(Response):
    """A response of JSON objects, one a line: progress, then the answer or an error.

    work : makes the answer's JSON, and tells how it goes
    held : what the work stands on (its folder, its place), given back when the response is done
    seconds : that a line may take to be sent before the client is given up
    """

    media_type = "application/x-ndjson"

    def __init__(self, work: Callable[[Tell], Coroutine[Any, Any, bytes]], held: ExitStack, seconds: float) -> None:
        super().__init__()
        del self.headers["content-length"]
        self.work, self.held, self.seconds = work, held, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        lines: asyncio.Queue[bytes | None] = asyncio.Queue()

        def tell(stage: str, done: int, total: int) -> None:
            event = {"event": "progress", "stage": stage, "done": done, "total": total}
            lines.put_nowait(json.dumps(event).encode() + b"\n")

        async def write() -> None:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            while (line := await lines.get()) is not None:
                async with asyncio.timeout(self.seconds):
                    await send_parts(send, line)
            async with asyncio.timeout(self.seconds):
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        async def work() -> None:
            writing = asyncio.ensure_future(write())
            try:
                lines.put_nowait(await self._last_line(tell))
                lines.put_nowait(None)
                await writing
            finally:
                writing.cancel()

        with self.held, contextlib.suppress(ClientDisconnect, TimeoutError):
            await unless_gone(receive, work())

    async def _last_line(self, tell: Tell) -> bytes:
        try:
            content = await self.work(tell)
            return b'{"event": "answer", ' + content[1:] + b"\n"
        except Problem as problem:
            event = {"event": "error", "status": int(problem.status), **problem.to_json()}
            if "Retry-After" in problem.headers:
                event["retry_after"] = int(problem.headers["Retry-After"])
        return json.dumps(event, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
