"""The routes of a server: thin skins over a service."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp

from gliaflow.version import __version__
from gliaflow.web import bodies
from gliaflow.web.problems import Problem
from gliaflow.web.samples import list_samples, sample_path
from gliaflow.web.security import GONE, Guard
from gliaflow.web.service import FAILED, Service
from gliaflow.web.streaming import EventStream, HeldResponse, unless_gone
from gliaflow.web.uploads import announced_bytes, drain, receive_files

PAGE = Path(__file__).parent / "page"
NIIVUE = "niivue/index.js"  # which `make niivue` fetches
ABOUT = "What a released model says of brain-MRI slices. **Research use only. Not a medical device.**"
FORMATS = ("TIFF", "PNG", "JPEG", "BMP", "NIfTI", "DICOM", "zip", "tar")
NDJSON = "application/x-ndjson"
SAYS = {
    400: "A broken request.",
    401: "The token is missing or wrong.",
    403: "Sent by another site's page.",
    408: "The files came too slowly.",
    413: "Too much at a time.",
    415: "Not a form with files.",
    421: "The server does not go by this name.",
    422: "No file that can be used.",
    503: "Busy: come again after as many seconds as Retry-After says.",
    504: "It took too long.",
}
FORM: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["files"],
                "additionalProperties": False,
                "properties": {
                    "files": {"type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"}}
                },
            }
        }
    },
}


def make_app(service: Service, *, token: str | None = None, hosts: Collection[str] | None = None) -> ASGIApp:
    """The ASGI application of a service, which it closes when it ends.

    token : that requests must bring; None for none
    hosts : names by which the server may be called; None for any
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(service.close)

    app = FastAPI(
        title="Gliaflow", version=__version__, description=ABOUT, lifespan=lifespan,
        docs_url=None, redoc_url=None,  # they load scripts from elsewhere
    )  # fmt: skip
    _add_errors(app, service)
    _add_predict(app, service)
    _add_about(app, service, token is not None)
    _add_page(app)
    return Guard(app, metrics=service.metrics, token=token, hosts=hosts)


def _says(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": bodies.Said, "description": SAYS[status]} for status in statuses}


def _add_predict(app: FastAPI, service: Service) -> None:
    def wants_events(request: Request, stream: bool) -> bool:
        return stream or NDJSON in request.headers.get("accept", "")

    @app.post(
        "/api/predict",
        summary="Find tumour in files",
        response_model=bodies.Answered,
        responses={**_says(*SAYS), 200: {"content": {NDJSON: {"schema": {"type": "string"}}}}},
        openapi_extra={"requestBody": FORM},
    )
    async def predict(
        request: Request,
        stream: Annotated[
            bool, Query(description="Answer line by line (NDJSON): progress while it works, the answer last")
        ] = False,
    ) -> Response:
        """Slices (TIFF, PNG, JPEG, BMP), volumes (NIfTI, DICOM) or archives of them; nothing is kept.

        With `stream=1`, or where the client accepts `application/x-ndjson`, lines are objects with an `event`:
        `progress` (`stage` "reading" or "predicting", `done`, `total`), then `answer` (the object below) or `error`
        (`status`, `message`).
        """
        with ExitStack() as stack:
            place = stack.enter_context(service.places.take(announced_bytes(request)))
            folder = stack.enter_context(service.scratch.folder())
            uploads = await receive_files(request, folder, service.limits)
            if not wants_events(request, stream):
                work = service.answer(uploads, folder, place, lambda *_: None)
                content = await unless_gone(request.receive, work)
                return HeldResponse(content, stack.pop_all(), service.limits.sending_seconds)
            return EventStream(
                lambda tell: service.answer(uploads, folder, place, tell),
                stack.pop_all(),
                service.limits.sending_seconds,
            )


def _add_about(app: FastAPI, service: Service, token_needed: bool) -> None:
    @app.get("/api/model", summary="The model and the limits", response_model=bodies.ModelCard)
    async def model() -> Any:
        limits = {name: getattr(service.limits, name) for name in bodies.RequestLimits.model_fields}
        return {
            "name": service.name,
            "engine": service.engine,
            "card": service.card,
            "size": service.release.bundle.size,
            "limits": limits,
            "token_needed": token_needed,
            "niivue": (PAGE / NIIVUE).is_file(),
            "formats": FORMATS,
        }

    @app.get("/health", summary="Whether the server lives", response_model=bodies.Status)
    async def health() -> Any:
        return {"status": "alive"}

    @app.get("/ready", summary="Whether it can answer", response_model=bodies.Status, responses=_says(503))
    async def ready() -> Any:
        if not service.is_ready:
            raise Problem(503, "Not ready: starting or stopping.", headers={"Retry-After": "5"})
        return {"status": "ready"}

    @app.get(
        "/metrics",
        summary="Figures for Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **_says(401)},
    )
    async def metrics() -> Response:
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _add_page(app: FastAPI) -> None:
    @app.get("/api/samples", summary="Made-up files to try", response_model=list[bodies.Sample])
    async def samples() -> Any:
        return list_samples(PAGE)

    @app.get(
        "/api/samples/{name}",
        summary="One of them",
        response_class=FileResponse,
        responses={
            200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}},
            404: {"model": bodies.Said, "description": "There is none of that name."},
        },
    )
    async def sample(name: str) -> FileResponse:
        path = sample_path(PAGE, name)
        if path is None:
            raise Problem(404, "There is no sample of that name. /api/samples lists them.")
        return FileResponse(path, media_type="application/octet-stream")

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def page() -> FileResponse:
        if not (PAGE / "index.html").is_file():
            raise Problem(404, "This server has no page. The API is told in /openapi.json.")
        return FileResponse(PAGE / "index.html", media_type="text/html; charset=utf-8")

    if PAGE.is_dir():
        app.mount("/static", StaticFiles(directory=PAGE), name="static")


def _add_errors(app: FastAPI, service: Service) -> None:
    @app.exception_handler(Problem)
    async def problem(request: Request, error: Problem) -> Response:
        if error.status == 503:
            service.metrics.shed.inc()
        await drain(request)
        return JSONResponse(error.to_json(), error.status, error.headers)

    @app.exception_handler(HTTPException)
    async def http_error(_: Request, error: HTTPException) -> Response:
        return JSONResponse({"message": str(error.detail)}, error.status_code, error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        await drain(request)
        told = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        return JSONResponse({"message": f"The request is not as /openapi.json says: {told}."}, 422)

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, __: ClientDisconnect) -> Response:
        return Response(status_code=GONE)

    @app.exception_handler(Exception)
    async def failed(_: Request, __: Exception) -> Response:
        return JSONResponse({"message": FAILED}, 500)
