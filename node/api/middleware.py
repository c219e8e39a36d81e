"""Around every request: headers of the answer, measures, and the last line against our own bugs."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from node.api.problems import Problem

HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""The statement is the only page and carries its style inline; nothing else is ever loaded. There
is no CORS header: no browser page of another origin reads from a node."""

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)


class SecurityHeaders:
    """Adds the constant headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *HEADERS]
            await send(message)

        await self._app(scope, receive, marked)


class EdgeMetrics:
    """Requests of one application. Labels are route names and status codes, nothing else."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "yibao_api_requests", "Requests answered.", ["route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "yibao_api_seconds",
            "Time to answer.",
            ["route"],
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self.refused = Counter(
            "yibao_api_connections_refused", "Connections too many.", registry=self.registry
        )
        self.in_hand = Gauge(
            "yibao_api_requests_in_hand", "Requests being answered.", registry=self.registry
        )

    def exposition(self) -> bytes:
        """Prometheus text."""
        return generate_latest(self.registry)


class Measures:
    """Counts and times requests by the name of their route."""

    def __init__(self, app: ASGIApp, metrics: EdgeMetrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, start = "none", time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        with self._metrics.in_hand.track_inprogress():
            await self._app(scope, receive, watched)
        route = scope.get("route")
        name = route.name if isinstance(route, Route) else "none"
        self._metrics.requests.labels(name, status).inc()
        self._metrics.seconds.labels(name).observe(time.perf_counter() - start)


class Faults:
    """A bug that a request met becomes a problem object, and one line for the operator.

    This is the edge's one boundary where every exception is caught: what is not caught here would
    be printed with its message, and a message may hold what must not be in a log. The kind of the
    error and the place in our source go to ``on_fault``.
    """

    def __init__(self, app: ASGIApp, on_fault: Callable[[str, str], None]) -> None:
        self._app, self._on_fault = app, on_fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as bug:
            place = traceback.extract_tb(bug.__traceback__)[-1]
            self._on_fault(type(bug).__name__, f"{place.name}:{place.lineno}")
            if not started:
                await Problem("node.failed").response()(scope, receive, send)
