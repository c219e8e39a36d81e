"""The HTTP edge around a running node: uvicorn on the node's own loop, with our own limits."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import asdict

import structlog
import uvicorn
from starlette.types import ASGIApp

from node.api.access_log import ACCESS, AccessLog
from node.api.app import create_app
from node.api.ports import Genesis, Ports
from node.api.settings import ApiSettings, own_authorities
from node.config import ApiConfig, LimitsConfig
from node.service.clocks import monotonic_ms, wall_clock_ms
from node.service.http_protocol import Bounds, bounded_protocol, connections_allowed
from node.service.node import Node

BACKLOG = 512
"""Connections that the system holds before they are accepted."""
STOP_S_MAX = 5
"""How long requests in hand may take once the node stops. The server then cuts off what is left,
with a bare 500."""
COMMITS_S_MAX = 3.0
"""How long a stop waits for the commits that clients wait for; then they hear that it stops."""


class PortUnavailable(Exception):  # noqa: N818  (what happened)
    """The address cannot be listened on."""


class SystemClock:
    """The edge's clock."""

    def now_ms(self) -> int:
        return wall_clock_ms()

    def monotonic_s(self) -> float:
        return monotonic_ms() / 1000


class Server(uvicorn.Server):
    """uvicorn without signal handlers: the process has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def server_config(app: ASGIApp, bounds: Bounds, on_refused: Callable[[], None]) -> uvicorn.Config:
    """How an application is served."""
    return uvicorn.Config(
        app,
        http=bounded_protocol(bounds, on_refused),
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        # Its own log: lines in no form of ours, which strangers could fill. ``Faults`` tells bugs.
        log_level="critical",
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=STOP_S_MAX,
    )


def settings_of(config: ApiConfig, limits: LimitsConfig, port: int) -> ApiSettings:
    """The edge's numbers: those of the configuration, and what is the same on every node."""
    authorities = config.authorities or own_authorities(config.host, port)
    return ApiSettings(authorities=authorities, **asdict(limits))


class HttpEdge:
    """The edge of one node. ``start``, then ``stop`` before the node stops."""

    def __init__(
        self,
        node: Node,
        config: ApiConfig,
        limits: LimitsConfig,
        log: structlog.stdlib.BoundLogger,
    ) -> None:
        """Binds the port, opens the access log. Raises ``PortUnavailable``, ``AccessLogBroken``."""
        self._node = node
        self._log = log
        folder = node.options.data_dir / ACCESS
        self._socket = _listen(config.host, config.port)
        self._access_log = AccessLog(folder)
        self.port: int = self._socket.getsockname()[1]
        settings = settings_of(config, limits, self.port)
        app = create_app(_ports(node), settings, self._access_log, self._on_fault)
        bounds = self._bounds(settings)
        self._server = Server(server_config(app, bounds, app.state.metrics.refused.inc))
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Serve from here on."""
        self._task = asyncio.create_task(self._server.serve([self._socket]), name="http")
        self._log.info("api.listening", port=self.port, pid=os.getpid())

    async def stop(self) -> None:
        """Finish the requests in hand, within bounds, and close."""
        self._server.should_exit = True
        if self._task is not None:
            await asyncio.wait([self._task], timeout=COMMITS_S_MAX)
            self._node.end_waiting()
            await asyncio.wait([self._task])
        self._socket.close()
        self._access_log.close()

    def _bounds(self, settings: ApiSettings) -> Bounds:
        allowed = connections_allowed(settings.connections_max)
        if allowed < settings.connections_max:
            self._log.warning(
                "api.few-descriptors", limit=allowed,
                reason="the limit of open files is too low for limits.connections_max",
                advice=f"LimitNOFILE={4 * settings.connections_max} (ulimit -n)",
            )  # fmt: skip
        return Bounds(
            header_deadline_s=settings.header_deadline_s,
            header_bytes_max=2 * settings.header_bytes_max,
            answer_deadline_s=settings.answer_deadline_s,
            connections_max=allowed,
        )

    def _on_fault(self, error: str, where: str) -> None:
        self._log.error("api.fault", error=error, line=where)


def _ports(node: Node) -> Ports:
    return Ports(
        reader=node.reader,
        submitter=node,
        estimator=node,
        operations=node,
        clock=SystemClock(),
        genesis=Genesis(node.genesis.chain, node.genesis_bytes),
    )


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=BACKLOG, reuse_port=False)
    except OSError as error:
        raise PortUnavailable(
            f"api.host = {host}, api.port = {port} cannot be listened on: {error.strerror}. "
            "Another program has it, or it is not an address of this machine."
        ) from error
