"""Builds the application of the HTTP edge: its middleware and its routers, each list in one place.

``create_app`` is called once by ``node.service``, which implements the ports and serves the result
with uvicorn. Nothing here is global: two nodes in one process have two applications.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import Response

from node.api import (
    accounts,
    ageing,
    banks,
    batches,
    books,
    cases,
    changes,
    cities,
    claims,
    clearing,
    covers,
    explorer,
    filings,
    findings,
    institutions,
    insurers,
    ledger_codes,
    lives,
    objections,
    operations,
    people,
    proofs,
    provider,
    references,
    refusals,
    schemas,
    stream,
    transactions,
    worklists,
)
from node.api.access_log import AccessLog
from node.api.guard import BEHIND_HEADER, HEIGHT_HEADER, Guard, GuardedRoute
from node.api.ledger_books import Books
from node.api.limits import Limits
from node.api.middleware import EdgeMetrics, Faults, Measures, SecurityHeaders
from node.api.ports import Ports
from node.api.problems import Problem
from node.api.settings import ApiSettings
from node.api.wanted import places
from node.ledger.errors import InvalidTransaction, Unavailable

if TYPE_CHECKING:
    # An older FastAPI has no telemetry and takes the setting as it takes any unknown one.
    from fastapi.telemetry import TelemetryConfig

ROUTERS = (
    operations.router,
    findings.router,
    transactions.router,
    explorer.router,
    proofs.router,
    claims.router,
    cases.router,
    people.router,
    filings.router,
    lives.router,
    worklists.router,
    institutions.router,
    changes.router,
    covers.router,
    insurers.router,
    accounts.router,
    banks.router,
    batches.router,
    refusals.router,
    books.router,
    provider.router,
    ageing.router,
    clearing.router,
    cities.router,
    objections.router,
    references.router,
    stream.router,
)

NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}
"""FastAPI would export addresses, arguments and exception messages to wherever the process's
environment says; they name persons and claims. What may be measured is in ``middleware``."""


def create_app(
    ports: Ports, settings: ApiSettings, log: AccessLog, on_fault: Callable[[str, str], None]
) -> FastAPI:
    """The application.

    ``on_fault(error, where)`` is told of every bug that a request met: the kind of error and the
    place in our source, nothing of the request.
    """
    metrics = EdgeMetrics()
    app = FastAPI(
        title="Yibao Ledger",
        version="1",
        summary="Signed transactions in, entitled reads out, each with its proof.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(Measures, metrics=metrics),
            Middleware(Faults, on_fault=on_fault),
            Middleware(Limits, settings=settings, now=ports.clock.monotonic_s),
        ],
        routes=[route for router in ROUTERS for route in router.routes],
        telemetry=NO_TELEMETRY,
    )
    app.state.guard = Guard(ports, settings, log)
    app.state.metrics = metrics
    app.state.heights = stream.Heights()
    app.state.books = Books()
    check_declared(app)
    _handle_problems(app)
    _describe(app)
    return app


def check_declared(app: FastAPI) -> None:
    """Every route goes through the gate. A route that does not is a bug."""
    for route in app.routes:
        assert isinstance(route, GuardedRoute), f"{route} is not guarded: denied"


def api_routes(app: FastAPI) -> list[APIRoute]:
    """The routes, in the order of the routers."""
    return [route for route in app.routes if isinstance(route, APIRoute)]


def _handle_problems(app: FastAPI) -> None:
    def mark(request: Request, response: Response) -> Response:
        ports: Ports = request.app.state.guard.ports
        with ports.reader.view() as view:
            response.headers[HEIGHT_HEADER] = str(view.head.height)
        response.headers[BEHIND_HEADER] = str(ports.operations.behind_by())
        return response

    def handler(make: Callable[[Any], Problem | Response]) -> Callable[..., Awaitable[Response]]:
        async def handle(request: Request, error: Exception) -> Response:
            made = make(error)
            if isinstance(made, Problem) and made.row.code == "request.invalid":
                # Which part of the path a parameter is; the path itself is not repeated.
                made.values["route"] = request.scope["route"].path
            return mark(request, made.response() if isinstance(made, Problem) else made)

        return handle

    app.add_exception_handler(Problem, handler(lambda problem: problem))
    app.add_exception_handler(RequestValidationError, handler(_validation))
    app.add_exception_handler(HTTPException, handler(_framework))
    app.add_exception_handler(InvalidTransaction, handler(ledger_codes.of_transaction))
    app.add_exception_handler(Unavailable, handler(ledger_codes.of_unavailable))


def _validation(error: RequestValidationError) -> Problem:
    return Problem("request.invalid", where=places(error.errors()))


def _framework(error: HTTPException) -> Problem | Response:
    if error.status_code == 404:
        return Problem("request.not-found")
    if error.status_code == 405:
        response = Problem("request.method").response()
        response.headers["Allow"] = (error.headers or {}).get("Allow", "")
        return response
    return Problem("request.malformed")


def _describe(app: FastAPI) -> None:
    """Complete the OpenAPI document: the problem's shape, the signature headers."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        document = made()
        components = document.setdefault("components", {})
        shapes = components.setdefault("schemas", {})
        shapes["ProblemOut"] = schemas.ProblemOut.model_json_schema()
        components["securitySchemes"] = {
            "signedRequest": {
                "type": "apiKey",
                "in": "header",
                "name": "Signature",
                "description": "RFC 9421 in the one spelling of docs/api.md, with Signature-Input"
                " and Content-Digest.",
            }
        }
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend it
